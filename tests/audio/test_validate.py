"""AUDIO comes in many shapes; past `check` it has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch

from ...audio.arrays import MediaError
from ...audio.validate import check


class Lazy(Mapping[str, Any]):
    """A mapping that is no dict, like the one VideoHelperSuite passes."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def audio(waveform: Any, sample_rate: Any = 44100) -> dict[str, Any]:
    return {"waveform": waveform, "sample_rate": sample_rate}


def test_audio_that_is_right_already_is_not_copied() -> None:
    waveform = torch.zeros(2, 2, 10)
    assert check(audio(waveform))["waveform"] is waveform


def test_any_mapping_will_do() -> None:
    checked = check(Lazy(waveform=torch.ones(1, 1, 3), sample_rate=8000))
    assert checked["sample_rate"] == 8000
    assert checked["waveform"].shape == (1, 1, 3)


@pytest.mark.parametrize(("shape", "expected"), [((5,), (1, 1, 5)), ((2, 5), (1, 2, 5))])
def test_missing_dimensions_are_added(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert check(audio(torch.zeros(shape)))["waveform"].shape == expected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(dtype: torch.dtype) -> None:
    waveform = check(audio(torch.tensor([[[0.5, -1.5]]], dtype=dtype)))["waveform"]
    assert waveform.dtype == torch.float32
    assert waveform.tolist() == [[[0.5, -1.5]]]


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (torch.int8, [-128, 64], [-1.0, 0.5]),
        (torch.uint8, [0, 128, 192], [-1.0, 0.0, 0.5]),
        (torch.int16, [-32768, 16384], [-1.0, 0.5]),
        (torch.int32, [-(2**31), 2**30], [-1.0, 0.5]),
        (torch.int64, [-(2**63), 2**62], [-1.0, 0.5]),
    ],
)
def test_integers_are_scaled_by_their_full_scale(
    dtype: torch.dtype, values: list[int], expected: list[float]
) -> None:
    assert (
        check(audio(torch.tensor(values, dtype=dtype)))["waveform"].flatten().tolist() == expected
    )


def test_strided_views_become_contiguous() -> None:
    waveform = torch.arange(12.0).reshape(1, 6, 2).transpose(1, 2)[..., ::2] / 12
    checked = check(audio(waveform))["waveform"]
    assert checked.is_contiguous()
    assert torch.equal(checked, waveform)


def test_a_sample_rate_may_be_any_number_that_is_whole() -> None:
    rate = check(audio(torch.zeros(1, 1, 1), torch.tensor(48000.0)))["sample_rate"]
    assert rate == 48000
    assert type(rate) is int


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "No audio arrived"),
        (torch.zeros(1, 1, 1), "Tensor"),
        ({"waveform": torch.zeros(1, 1, 1)}, "no 'sample_rate'"),
        ({"sample_rate": 44100}, "no 'waveform'"),
        (audio([0.0]), "list"),
        (audio(torch.zeros(1, 1, 1, 1)), r"shape \[1, 1, 1, 1\]"),
        (audio(torch.zeros(1, 2, 0)), "0 samples"),
        (audio(torch.zeros(1, 0, 5)), "0 channels"),
        (audio(torch.zeros(0, 2, 5)), "0 items"),
        (audio(torch.zeros(1, 1, 5, dtype=torch.bool)), "torch.bool"),
        (audio(torch.zeros(1, 1, 5, dtype=torch.complex64)), "complex64"),
        (audio(torch.tensor([0.0, float("nan")])), "NaN"),
        (audio(torch.tensor([0.0, float("inf")])), "infinity"),
        (audio(torch.tensor([0.0, -float("inf")])), "infinity"),
        (audio(torch.tensor([1e300], dtype=torch.float64)), "infinity"),
        *[(audio(torch.zeros(1), rate), "sample rate") for rate in (0, -1, 0.5, None, "x", 10**9)],
        (audio(torch.zeros(1), True), "sample rate"),
    ],
)
def test_anything_else_is_refused_in_one_sentence_that_names_it(value: Any, says: str) -> None:
    with pytest.raises(MediaError, match=says):
        check(value)


def test_loud_but_finite_samples_pass() -> None:
    waveform = torch.full((1, 1, 10), 3e38)
    assert check(audio(waveform))["waveform"] is waveform
