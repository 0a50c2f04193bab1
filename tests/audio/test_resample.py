"""Resampling keeps what both rates can carry, and nothing else."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import torch

from ...audio.arrays import MediaError
from ...audio.samples.resample import resample, resample_blocks


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


@pytest.mark.parametrize(("old", "new"), [(44100, 48000), (48000, 44100), (96000, 44100)])
def test_what_can_be_heard_keeps_its_level(old: int, new: int) -> None:
    for frequency in (100, 10000, 19000, 20000):
        out = resample(sine(frequency, old), old, new)[2000:-2000]
        assert decibels(out) == pytest.approx(decibels(sine(frequency, new)), abs=0.01)


@pytest.mark.parametrize("length", [1, 2, 147, 148, 10000])
@pytest.mark.parametrize(("old", "new"), [(44100, 48000), (48000, 8000), (11025, 11024)])
def test_every_sample_begun_is_kept(length: int, old: int, new: int) -> None:
    out = resample(torch.zeros(1, 2, length), old, new)
    assert out.shape == (1, 2, math.ceil(length * new / old))


def test_the_last_sample_is_sound_and_not_silence() -> None:
    out = resample(torch.ones(1, 148), 44100, 48000)
    assert out.shape[1] == 162
    assert out[0, -1] > 0.05


@pytest.mark.parametrize(("old", "new"), [(1, 48000), (1_000_000, 44100), (999_983, 48000)])
def test_rates_far_apart(old: int, new: int) -> None:
    out = resample(torch.ones(1, old * 2), old, new)
    assert out.shape == (1, new * 2)
    assert out[0, new] == pytest.approx(1, abs=0.2)


def test_rates_too_far_apart_are_refused() -> None:
    with pytest.raises(MediaError, match="within a factor of 100000"):
        resample(torch.zeros(1, 5), 1, 1_000_000)
    with pytest.raises(MediaError, match="within a factor of 100000"):
        list(resample_blocks(torch.zeros(1, 5).numpy(), 1_000_000, 1))


def test_pieces_are_the_whole() -> None:
    waveform = torch.randn(2, 400_000, generator=torch.Generator().manual_seed(2)) * 0.3
    pieces = np.concatenate(list(resample_blocks(waveform.numpy(), 44100, 48000)), axis=1)
    assert np.array_equal(pieces, resample(waveform, 44100, 48000).numpy())


def test_memory_is_the_output_and_a_little_more() -> None:
    waveform = torch.zeros(2, 44100 * 60)
    resample(waveform[:, :1000], 44100, 48000)
    tracemalloc.start()
    out = resample(waveform, 44100, 48000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < out.numel() * np.float32().nbytes + 3_000_000


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(MediaError, match="sample rate"):
        resample(torch.zeros(1, 5), 44100, 0)
