"""Resampling keeps what both rates can carry, and nothing else."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import torch

from ...audio.buffer import AudioError
from ...audio.resample import resample, resample_blocks


def sine(frequency: float, sample_rate: int, seconds: float = 1.0) -> torch.Tensor:
    time = torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate
    return torch.sin(2 * math.pi * frequency * time).float()


def decibels(waveform: torch.Tensor) -> float:
    return 20 * math.log10(float(waveform.double().square().mean().sqrt()) + 1e-12)


def test_equal_rates_give_the_same_tensor() -> None:
    waveform = torch.zeros(2, 3)
    assert resample(waveform, 44100, 44100) is waveform


@pytest.mark.parametrize(
    ("old", "new"),
    [(48000, 44100), (96000, 44100), (192000, 48000), (88200, 44100), (8000, 7001)],
)
def test_what_lies_above_the_new_nyquist_is_gone(old: int, new: int) -> None:
    frequency = min(new / 2 * 1.045, old / 2 * 0.999)
    assert decibels(resample(sine(frequency, old), old, new)[1500:-1500]) < -110


def test_no_images_appear_above_the_old_nyquist() -> None:
    out = resample(sine(20000, 44100), 44100, 48000)[4000:-4000].double()
    time = torch.arange(out.shape[0], dtype=torch.float64) / 48000 * 2 * math.pi * 20000
    tone = torch.stack([torch.sin(time), torch.cos(time)], dim=1)
    rest = out - tone @ torch.linalg.lstsq(tone, out[:, None]).solution[:, 0]
    assert decibels(rest) < -100


@pytest.mark.parametrize(("old", "new"), [(44100, 48000), (48000, 44100), (22050, 48000)])
def test_what_both_rates_carry_is_kept(old: int, new: int) -> None:
    out = resample(sine(1000, old), old, new)
    exact = sine(1000, new)
    assert out.shape == exact.shape
    assert decibels((out - exact)[2000:-2000]) - decibels(exact) < -100


@pytest.mark.parametrize(("old", "new"), [(44100, 48000), (48000, 44100), (8000, 44100)])
def test_it_is_the_published_kernel(old: int, new: int) -> None:
    functional = pytest.importorskip("torchaudio.functional")
    waveform = torch.randn(2, 30000, generator=torch.Generator().manual_seed(1)) * 0.3
    expected = functional.resample(
        waveform.double(),
        old,
        new,
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,
        resampling_method="sinc_interp_kaiser",
        beta=14.769656459379492,
    )
    assert torch.allclose(resample(waveform, old, new).double(), expected, atol=2e-6)


@pytest.mark.parametrize("length", [1, 2, 147, 148, 10000])
@pytest.mark.parametrize(("old", "new"), [(44100, 48000), (48000, 8000), (11025, 11024)])
def test_every_sample_begun_is_kept(length: int, old: int, new: int) -> None:
    out = resample(torch.zeros(1, 2, length), old, new)
    assert out.shape == (1, 2, math.ceil(length * new / old))


def test_pieces_are_the_whole() -> None:
    waveform = torch.randn(2, 400_000, generator=torch.Generator().manual_seed(2)) * 0.3
    pieces = torch.cat(list(resample_blocks(waveform, 44100, 48000)), dim=1)
    assert torch.equal(pieces, resample(waveform, 44100, 48000))


def test_memory_is_the_output_and_a_little_more() -> None:
    waveform = torch.zeros(2, 44100 * 60)
    resample(waveform[:, :1000], 44100, 48000)
    tracemalloc.start()
    out = resample(waveform, 44100, 48000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < out.numel() * np.float32().nbytes + 3_000_000


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(AudioError, match="sample rate"):
        resample(torch.zeros(1, 5), 44100, 0)
