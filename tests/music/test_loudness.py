"""Loudness is that of ITU-R BS.1770-4, checked as EBU Tech 3341 checks meters."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ...audio.arrays import MediaError
from ...music.loudness import Loudness, LoudnessMeter, integrated_loudness
from ...music.peaks import true_peak
from ..audio import make


def tone(level: float, seconds: float, sample_rate: int = 48000) -> torch.Tensor:
    """A stereo sine of 1 kHz at `level` dBFS."""
    time = torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate
    sine = 10 ** (level / 20) * torch.sin(2 * math.pi * 1000 * time)
    return sine.float().repeat(2, 1)


Parts = list[tuple[float, float]]
"""Tones one after the other: dBFS (-inf is silence) and seconds."""


def sequence(parts: Parts, sample_rate: int = 48000) -> torch.Tensor:
    return torch.cat([tone(level, seconds, sample_rate) for level, seconds in parts], dim=1)


def measured(waveform: torch.Tensor, sample_rate: int = 48000) -> Loudness:
    """As a stream of odd blocks."""
    meter = LoudnessMeter(waveform.shape[0], sample_rate)
    for block in waveform.split(4801, dim=1):
        meter.add(block.numpy())
    return meter.value()


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("level", [-23, -33])
def test_a_tone_is_as_loud_as_its_level(level: float, sample_rate: int) -> None:
    # Tech 3341, test cases 1 and 2.
    found = measured(tone(level, 5, sample_rate), sample_rate)
    assert found[:3] == pytest.approx((level,) * 3, abs=0.1)


TECH_3341: dict[str, tuple[Parts, str, float]] = {
    "3": ([(-36, 10), (-23, 60), (-36, 10)], "integrated", -23),
    "4": ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], "integrated", -23),
    "5": ([(-26, 20), (-20, 20.1), (-26, 20)], "integrated", -23),
    "9": ([(-20, 1.34), (-30, 1.66)] * 5, "short_term", -23),
    **{
        f"10, {i}": ([(-math.inf, 0.15 * i), (-23, 3), (-math.inf, 1)], "short_term", -23)
        for i in range(20)
    },
    **{
        f"11, {i}": (
            [(-math.inf, 0.15 * i), (-38 + i, 3), (-math.inf, 3 - 0.15 * i)],
            "short_term",
            -38 + i,
        )
        for i in range(20)
    },
    "12": ([(-20, 0.18), (-30, 0.22)] * 25, "momentary", -23),
    **{
        f"13, {i}": ([(-math.inf, 0.02 * i), (-23, 0.4), (-math.inf, 1)], "momentary", -23)
        for i in range(20)
    },
    **{
        f"14, {i}": (
            [(-math.inf, 0.02 * i), (-38 + i, 0.4), (-math.inf, 0.4 - 0.02 * i)],
            "momentary",
            -38 + i,
        )
        for i in range(20)
    },
}
"""Cases of EBU Tech 3341 (version 4), table 1. Cases 7 and 8 are recordings."""


@pytest.mark.parametrize("case", TECH_3341)
def test_a_meter_of_ebu_tech_3341(case: str) -> None:
    parts, measure, expected = TECH_3341[case]
    assert getattr(measured(sequence(parts)), measure) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("parts", [[(-20, 1.34), (-30, 1.66)] * 5, [(-20, 0.18), (-30, 0.22)] * 25])
def test_a_period_of_one_window_has_the_loudness_of_its_mean(parts: Parts) -> None:
    found = measured(sequence(parts))
    assert found.integrated == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((-20, -30), 10),
        ((-20, -15), 5),
        ((-40, -20), 20),
        ((-50, -35, -20, -35, -50), 15),
    ],
)
def test_a_loudness_range_of_ebu_tech_3342(levels: tuple[float, ...], expected: float) -> None:
    # Cases 1 to 4; 5 and 6 are recordings.
    found = measured(sequence([(level, 20) for level in levels]))
    assert found.range == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    ("hertz", "degrees", "amplitude", "expected"),
    [
        (12000, 0, 0.5, -6),
        (12000, 45, 0.5, -6),
        (8000, 60, 0.5, -6),
        (6000, 67.5, 0.5, -6),
        (12000, 45, 1.41, 3),
    ],
)
def test_a_true_peak_of_ebu_tech_3341(
    hertz: float, degrees: float, amplitude: float, expected: float
) -> None:
    # Cases 15 to 19: the peaks lie between the samples.
    phase = 2 * math.pi * hertz * np.arange(48000) / 48000 + math.radians(degrees)
    fade = np.minimum(1, np.minimum(np.arange(48000), np.arange(48000)[::-1]) / 4800)
    peak = true_peak((amplitude * fade * np.sin(phase)).astype(np.float32)[None], 48000)
    assert expected - 0.4 <= peak <= expected + 0.2


@pytest.mark.parametrize("offset", range(4))
def test_a_single_peak_between_samples(offset: int) -> None:
    # As cases 20 to 23: one louder cycle, made at four times the rate and taken from four offsets.
    time = np.arange(4 * 4800)
    sine = np.sin(2 * math.pi * time / 16)
    bump = 0.5 + 0.5 * np.exp(-(((time - 9600.0 + 4) / 60) ** 2))
    samples = (sine * bump)[offset::4].astype(np.float32)[None]
    assert -0.4 <= true_peak(samples, 48000) <= 0.2


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
