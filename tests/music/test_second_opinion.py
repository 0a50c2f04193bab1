"""torchaudio as the second opinion: loudness, resampling, and the mel filters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchaudio.functional as functional

from ...audio.samples.resample import resample
from ...music.analysis import COARSE_WINDOW, MEL_BANDS, RATE, TIMBRE_BANDS, WINDOW, mel_filters
from ...music.loudness import integrated_loudness
from ..audio import make


def triangles(window: int, bands: int) -> np.ndarray:
    """The mel filters by their definition: O'Shaughnessy's scale, 30 Hz to 11 kHz, sum 1."""
    frequency = np.arange(window // 2 + 1) * RATE / window
    low, high = 2595 * np.log10(1 + np.array([30.0, 11_000.0]) / 700)
    corners = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    width = np.diff(corners)
    rise = (frequency[:, None] - corners[:-2]) / width[:-1]
    fall = (corners[2:] - frequency[:, None]) / width[1:]
    weights = np.maximum(np.minimum(rise, fall), 0)
    return weights / weights.sum(axis=0)


@pytest.mark.parametrize("shape", [(WINDOW, MEL_BANDS), (COARSE_WINDOW, TIMBRE_BANDS)])
def test_the_mel_filters_are_those_of_the_definition(shape: tuple[int, int]) -> None:
    assert np.abs(mel_filters(*shape) - triangles(*shape)).max() < 1e-6


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("gain", [0.01, 0.3, 1.0])
def test_loudness_is_the_same_to_a_tenth(channels: int, gain: float) -> None:
    samples = make.music(6, channels=channels, sample_rate=48_000) * gain
    waveform = torch.from_numpy(samples.astype(np.float32))
    expected = float(functional.loudness(waveform.double(), 48_000))
    assert integrated_loudness(waveform, 48_000) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("old", "new"), [(44_100, 48_000), (48_000, 44_100), (44_100, 24_000)])
def test_resampled_music_is_the_same_below_hearing(old: int, new: int) -> None:
    waveform = make.tensor(make.music(2, sample_rate=old))
    # White noise near the edge of the band is up to each filter: leave it out of both.
    waveform = functional.lowpass_biquad(waveform, old, 3000.0)
    waveform = functional.lowpass_biquad(waveform, old, 3000.0)
    ours = resample(waveform, old, new)
    theirs = functional.resample(
        waveform,
        old,
        new,
        lowpass_filter_width=128,
        rolloff=0.95,
        resampling_method="sinc_interp_kaiser",
    )
    middle = slice(new // 4, -new // 4)
    length = min(ours.shape[1], theirs.shape[1])
    difference = (ours[:, :length] - theirs[:, :length])[:, middle]
    assert 20 * np.log10(float(difference.square().mean().sqrt())) < -80
