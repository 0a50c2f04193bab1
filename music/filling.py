"""The tempo at which whole bars fill a length, or at which beats fall on the hits of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, MediaError
from .anchors import Grid, plan_anchors
from .hits import Hit

BEATS_IN_A_BAR = 4
FASTEST = 400.0
"""The fastest tempo, in bpm, that a person can count."""
SHORTEST = 60 * BEATS_IN_A_BAR / FASTEST
"""Seconds of one bar at the fastest tempo."""

RANGE = 1.5
"""With hits, the tempo is at most this factor faster or slower than the wanted one."""
_STEP = 2
"""Whole bpm between the tempos that are tried at first; a speed of 3 % covers those between."""
_TRIED = 160
"""Limit on the work of the exact search: its number of tempos times the number of hits."""
_RING_SECONDS = 3.0
"""The last chord of music rings about so long."""
_BAR_COST = 0.6
"""Cost of a bar more or less than the music has, which needs a join."""
_SHIFT_SECONDS = 0.1
"""Step between the times of the ending that are tried, within a bar."""
_UNREACHED = -1e3
"""Gain of a tempo at which no speed reaches the length."""


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


class _Way(NamedTuple):
    gain: float
    tempo: int
    beats: Floats
    """Seconds in the picture."""


def hit_tempo(seconds: float, near: float, hits: Sequence[Hit]) -> HitTempo:
    """The tempo in whole bpm at which most hits lie on beats, and most strong ones on 4/4 bars.

    `hits` ascend; there is at least one. The last chord of the music rings and has no beats.
    MediaError for a length or a tempo that is not above 0.
    """
    _check(seconds, near)
    tempos = range(math.ceil(near / RANGE), math.floor(near * RANGE) + 1, _STEP)
    ways = [_way(seconds, tempo, hits, coarse=True) for tempo in tempos]
    count = max(2, _TRIED // max(20, len(hits)))
    close = [way.tempo for way in sorted(ways, key=lambda way: -way.gain)[:count]]
    found = max((_way(seconds, tempo, hits) for tempo in close), key=lambda way: way.gain)
    bars = found.beats[::BEATS_IN_A_BAR]
    times = np.array([hit.time for hit in hits])
    errors, from_bars = (
        tuple((row[np.abs(row[:, None] - times).argmin(axis=0)] - times).tolist())
        for row in (found.beats, bars)
    )
    return HitTempo(float(found.tempo), float(bars[0]), errors, from_bars)


def _way(seconds: float, tempo: int, hits: Sequence[Hit], *, coarse: bool = False) -> _Way:
    """The best way of music at a tempo through the hits, as Fit Music finds it.

    The music begins with a bar that keeps its speed, and so do its last two bars, which hold the
    last chord. It may have a bar more or less than fit into `seconds`.
    """
    beat = 60 / tempo
    bar = BEATS_IN_A_BAR * beat
    opening, kept = (min(bars * bar, seconds / 3) for bars in (1, 2))
    shifts = (0.0, *np.arange(-bar, 0, _SHIFT_SECONDS).tolist())
    ways = []
    for more in (0,) if coarse else (0, 1, -1):
        bars = max(2, int((seconds - _RING_SECONDS) / bar) + more)
        number = np.arange(bars * BEATS_IN_A_BAR + 1, dtype=np.float64)
        grid = Grid(number * beat, number % BEATS_IN_A_BAR == 0)
        end = (seconds + more * bar - kept, seconds - kept)
        found = plan_anchors(grid, hits, end, opening=opening, shifts=shifts, coarse=coarse)
        if found is None:
            ways.append(_Way(_UNREACHED, tempo, grid.beats))
        else:
            gain = found.gain - (_BAR_COST if more else 0.0)
            ways.append(_Way(gain, tempo, found.heard(grid.beats)))
    return max(ways, key=lambda way: way.gain)


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
