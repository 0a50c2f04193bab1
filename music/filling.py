"""The tempo at which whole bars fill a length."""

from __future__ import annotations

import math

from ..audio.arrays import MediaError

BEATS_IN_A_BAR = 4
FASTEST = 400.0
"""The fastest tempo in bpm that a person counts."""
SHORTEST = 60 * BEATS_IN_A_BAR / FASTEST
"""Seconds of one bar at the fastest tempo."""


def filling_tempo(seconds: float, near: float) -> float:
    """The tempo in bpm nearest to `near` at which whole 4/4 bars last `seconds`.

    n bars of 4 beats last 4 n · 60 ÷ tempo seconds, so the tempo is 240 n ÷ seconds. A length below
    `SHORTEST` holds no whole bar: the tempo is then `near`.

    Raises:
        MediaError: a length or a tempo that is not above 0.
    """
    if not seconds > 0 or not near > 0:
        raise MediaError(
            f"The length is {seconds:g} s and the tempo {near:g} bpm: both must be above 0."
        )
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
