"""Loudness is that of ITU-R BS.1770-4, checked as EBU Tech 3341 checks meters."""

from __future__ import annotations

import math

import pytest
import torch

from ...audio.arrays import MediaError
from ...music.loudness import integrated_loudness
from ..audio import make


def tone(level: float, seconds: float, sample_rate: int = 48000) -> torch.Tensor:
    """A stereo sine of 1 kHz at `level` dBFS."""
    time = torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate
    sine = 10 ** (level / 20) * torch.sin(2 * math.pi * 1000 * time)
    return sine.float().repeat(2, 1)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("level", [-23, -33])
def test_a_tone_is_as_loud_as_its_level(level: float, sample_rate: int) -> None:
    # Test cases 1 and 2.
    loudness = integrated_loudness(tone(level, 5, sample_rate), sample_rate)
    assert loudness == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize(
    "parts",
    [
        [(-36, 10), (-23, 60), (-36, 10)],
        [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
        [(-26, 20), (-20, 20.1), (-26, 20)],
    ],
)
def test_quiet_passages_are_gated(parts: list[tuple[float, float]]) -> None:
    # Test cases 3, 4 and 5.
    waveform = torch.cat([tone(level, seconds) for level, seconds in parts], dim=1)
    assert integrated_loudness(waveform, 48000) == pytest.approx(-23, abs=0.1)


def test_surrounds_count_more_and_the_bass_channel_not() -> None:
    # Test case 6, and the same with sound in the low-frequency channel alone.
    front, centre, surround = (tone(level, 5)[:1] for level in (-28, -24, -30))
    silent = torch.zeros_like(front)
    waveform = torch.cat([front, front, centre, silent, surround, surround])
    assert integrated_loudness(waveform, 48000) == pytest.approx(-23, abs=0.1)
    bass = torch.cat([silent, silent, silent, tone(-3, 5)[:1], silent, silent])
    assert integrated_loudness(bass, 48000) == -math.inf


def test_a_short_clip_is_measured_whole() -> None:
    assert integrated_loudness(tone(-23, 0.2), 48000) == pytest.approx(-23, abs=0.3)


def test_silence_has_no_loudness() -> None:
    assert integrated_loudness(torch.zeros(2, 48000), 48000) == -math.inf
    assert integrated_loudness(torch.zeros(1, 1), 48000) == -math.inf


def test_numpy_will_do() -> None:
    samples = make.music(2)
    assert integrated_loudness(samples, 44100) == integrated_loudness(make.tensor(samples), 44100)


def test_another_shape_is_refused() -> None:
    with pytest.raises(MediaError, match=r"\[1, 2, 9\]"):
        integrated_loudness(torch.zeros(1, 2, 9), 48000)
