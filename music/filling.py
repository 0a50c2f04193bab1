"""The tempo at which whole bars fill a length, or at which beats fall on the hits of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, MediaError
from .anchors import Anchors, Grid, plan_anchors
from .hits import Hit

BEATS_IN_A_BAR = 4
FASTEST = 400.0
"""The fastest tempo, in bpm, that a person can count."""
SHORTEST = 60 * BEATS_IN_A_BAR / FASTEST
"""Seconds of one bar at the fastest tempo."""

RANGE = 4 / 3
"""With hits, the tempo is at most this factor faster or slower than the wanted one."""
_TRIED = 300
"""Limit on the work of the exact search: its number of tempos times the number of hits."""


class HitTempo(NamedTuple):
    """A tempo for the hits of a picture. Fit Music reaches the hits if it changes the speed by up
    to 3 %.

    `offset` is the time of the first downbeat in the picture, in seconds. For each hit, `errors`
    has the seconds to the nearest beat, and `bars` those to the nearest bar.
    """

    tempo: float
    offset: float
    errors: tuple[float, ...]
    bars: tuple[float, ...]


def hit_tempo(seconds: float, near: float, hits: Sequence[Hit]) -> HitTempo:
    """The tempo in whole bpm at which most hits lie on beats, and most strong ones on 4/4 bars.

    `hits` ascend; there is at least one. The music of the last bar is its ending, which has no
    beats. MediaError for a length or a tempo that is not above 0.
    """
    _check(seconds, near)
    tempos = np.arange(math.ceil(near / RANGE), math.floor(near * RANGE) + 1)
    beats = {int(tempo): _steady_beats(seconds, float(tempo)) for tempo in tempos}
    coarse = {
        tempo: found.gain
        for tempo, times in beats.items()
        if (found := _planned(times, hits, coarse=True)) is not None
    }
    close = sorted(coarse, key=lambda tempo: -coarse[tempo])[: max(2, _TRIED // max(20, len(hits)))]
    ways = [
        (found.gain, tempo, found)
        for tempo in close
        if (found := _planned(beats[tempo], hits)) is not None
    ]
    _, tempo, found = max(ways, key=lambda way: way[0])
    heard = found.heard(beats[tempo])
    bars = heard[::BEATS_IN_A_BAR]
    times = np.array([hit.time for hit in hits])
    errors, from_bars = (
        tuple((row[np.abs(row[:, None] - times).argmin(axis=0)] - times).tolist())
        for row in (heard, bars)
    )
    return HitTempo(float(tempo), float(bars[0]), errors, from_bars)


def _steady_beats(seconds: float, tempo: float) -> Floats:
    count = max(2 * BEATS_IN_A_BAR, math.floor(seconds * tempo / 60) - BEATS_IN_A_BAR)
    return np.arange(count) * 60 / tempo


def _planned(beats: Floats, hits: Sequence[Hit], *, coarse: bool = False) -> Anchors | None:
    """Anchors for music whose first beat is a downbeat."""
    downbeats = np.arange(beats.shape[0]) % BEATS_IN_A_BAR == 0
    return plan_anchors(Grid(beats, downbeats), hits, None, coarse=coarse)


def filling_tempo(seconds: float, near: float) -> float:
    """The tempo in bpm nearest to `near` at which whole 4/4 bars last `seconds`.

    n bars of 4 beats last 4 n · 60 ÷ tempo seconds, so the tempo is 240 n ÷ seconds. A length below
    `SHORTEST` holds no whole bar: the tempo is then `near`.

    Raises:
        MediaError: a length or a tempo that is not above 0.
    """
    _check(seconds, near)
    if seconds < SHORTEST:
        return near
    bar_a_minute = 60 * BEATS_IN_A_BAR / seconds
    fewer = max(1, int(near / bar_a_minute))
    return min(fewer * bar_a_minute, (fewer + 1) * bar_a_minute, key=lambda bpm: abs(bpm - near))


def whole_bars(seconds: float, tempo: float) -> float:
    """The seconds of the whole 4/4 bars that last at least `seconds`, two bars or more.

    Fit Music cuts off whole bars with one join. A shorter tail ends within a bar and needs more
    joins.
    """
    bar = 60 * BEATS_IN_A_BAR / tempo
    return max(2, math.ceil(seconds / bar - 1e-6)) * bar


def _check(seconds: float, near: float) -> None:
    if not seconds > 0 or not near > 0:
        raise MediaError(
            f"The length is {seconds:g} s and the tempo {near:g} bpm: both must be above 0."
        )
