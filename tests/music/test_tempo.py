"""The tempo of a pattern of onsets, which has more than one reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ...audio.arrays import Floats
from ...music.tempo import find_tempo

RATE = 100.0
TRESILLO = [(1, 0.3, 0.3, 1, 0.3, 0.3, 1, 0.3), (1, 0.5, 0.5, 1, 0.5, 0.5, 1, 0.5)]
"""Eight halves of beats in groups of three, three and two, as in rock and in Latin music."""
THIRDS = [
    (1, 0, 0.5, 0.9, 0, 0.5),
    (1, 0.3, 0.4, 0.9, 0.3, 0.4),
    (1, 0.4, 0.4, 0.7, 0.4, 0.4, 0.9, 0.4, 0.4, 0.7, 0.4, 0.4),
]
"""A shuffle, triplets, and twelve eighths."""


def onsets(pattern: Sequence[float], step: float, seconds: float = 60.0) -> Floats:
    """[n] onsets, one each `step` seconds, as high as the pattern says."""
    envelope = np.zeros(round(seconds * RATE))
    for number in range(int(seconds / step) - 1):
        frame, rest = divmod(number * step * RATE, 1)
        height = pattern[number % len(pattern)]
        envelope[int(frame)] += height * (1 - rest)
        envelope[int(frame) + 1] += height * rest
    return np.convolve(envelope, np.hanning(7), "same")


@pytest.mark.parametrize("tempo", [100, 120, 140, 150, 160, 170, 180, 190])
@pytest.mark.parametrize("pattern", TRESILLO)
def test_groups_of_three_halves_are_no_beats(pattern: Sequence[float], tempo: float) -> None:
    found = find_tempo(onsets(pattern, 30 / tempo), RATE).bpm
    assert min(abs(found / tempo - ratio) for ratio in (0.5, 1.0)) < 0.01


@pytest.mark.parametrize("tempo", [100, 120, 140])
@pytest.mark.parametrize("pattern", THIRDS)
def test_beats_of_three_thirds_stay_beats(pattern: Sequence[float], tempo: float) -> None:
    found = find_tempo(onsets(pattern, 20 / tempo), RATE).bpm
    assert abs(found / tempo - 1) < 0.01
