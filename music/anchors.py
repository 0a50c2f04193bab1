"""Choose the beat that falls on each hit of a picture, with small changes of speed.

An anchor is a pair of times: a moment of the music, and the moment of the picture with which it
sounds. Between two anchors the speed is constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Floats
from ..audio.stopping import look
from .hits import Hit

MOST_SPEED = 0.03
"""Largest change of speed between two anchors; the pitch stays."""

_ERRORS = np.array([-0.030, 0.0, 0.030])
"""Allowed errors of a beat at its hit, in seconds: they help to reach the next hit. With the errors
of the beat tracker and of the stretch, the sum stays within 40 ms."""
_ERROR_COST = 0.1
_SPEED_COST = 0.1
"""Cost of the largest error, and of the largest change of speed."""
_LEAD_COST, _LEAD_BEAT_COST = 0.15, 0.1
"""Cost of a silence before the music, and of each beat of that silence. It is shorter than a
bar."""
_LEADS = 32
"""Number of tried lengths of that silence."""
_SHIFT_COST = 0.2
"""Cost of a shift of the last anchor, and of each second of the shift."""
_SHORTEST = 0.75
"""Fewest seconds between two anchors."""
_STRONG_GAIN = 0.8
_BAR_GAIN = 0.05
"""Additional gain of a strong hit on a downbeat, and of another hit on a downbeat. A hit on any
beat has 1."""
_FIRST = 10
"""For each of the first hits, the previous anchor may be the beginning of the music."""
_MOST_PLANNED = 40
"""Largest number of planned hits. The strongest come first."""
_BAR_BEATS = 4
_BACK = 4
"""The previous anchor of a hit is at one of this many hits before it."""

Anchor = tuple[float, float]


class Grid(NamedTuple):
    """The beats of music before any change of speed."""

    beats: Floats
    """[n] seconds, ascending, at least 2."""
    downbeats: npt.NDArray[np.bool_]


class Anchors(NamedTuple):
    pairs: tuple[Anchor, ...]
    """(moment in the music, moment in the picture) in seconds, ascending; the music before the
    first has its own speed."""
    gain: float
    """1 for each hit on a beat, more on a downbeat, less the costs of errors and of changes of
    speed."""

    def heard(self, moments: Floats) -> Floats:
        """The moments in the picture of `moments` in the music, both in seconds."""
        (music, picture), *_ = self.pairs
        return moved(moments, ((0.0, picture - music), *self.pairs))


def moved(moments: Floats, pairs: Sequence[tuple[float, float]]) -> Floats:
    """Map `moments` by the pairs (before, after), with interpolation. Moments after the last pair
    are shifted like it."""
    before, after = np.array(pairs, np.float64).T
    late = moments - before[-1]
    return np.where(late > 0, late + after[-1], np.interp(moments, before, after))


class _Stage(NamedTuple):
    """The beats that may be anchored on one hit."""

    music: Floats
    picture: Floats
    best: Floats
    """[n] gain of the best path to each beat."""
    origins: npt.NDArray[np.int64]
    """[n, 2] number of the stage before, and index in it."""


def plan_anchors(
    grid: Grid,
    hits: Sequence[Hit],
    end: Anchor | None,
    *,
    opening: float = 0.0,
    shifts: Sequence[float] = (0.0,),
    coarse: bool = False,
) -> Anchors | None:
    """The anchors with the greatest gain; None if no speed within MOST_SPEED reaches `end`.

    The music before the first anchor, at `opening` seconds, keeps its own speed; a silence shorter
    than a bar may come before it. `end` is the last anchor; in the picture it may be later by one
    of `shifts` in seconds. With None the music goes on at its own speed. `hits` ascend. `coarse`
    tries fewer paths. The method is dynamic programming over pairs of hit and beat.
    """
    errors, back = (_ERRORS[1:2], 2) if coarse else (_ERRORS, _BACK)
    hits = _planned(hits)
    stages = [_first(grid, opening)]
    for number, hit in enumerate(hits):
        look()
        music, picture = _options(grid, hit, end, max(map(abs, shifts)), errors)
        stage = _reached(grid, stages, hits[:number], music, picture, _SHORTEST, back)
        gains = _gains(grid, hit, music) - _ERROR_COST * ((picture - hit.time) / _ERRORS[-1]) ** 2
        stages.append(stage._replace(best=stage.best + gains))
    if end is None:
        bests = [float(stage.best.max(initial=-np.inf)) for stage in stages]
        last = int(np.argmax(bests))
        return Anchors(_traced(stages, last, int(stages[last].best.argmax())), bests[last])
    late = np.asarray(shifts)
    final = _reached(grid, stages, hits, np.full(late.shape, end[0]), end[1] + late, 1e-3, _FIRST)
    values = final.best - np.where(late != 0, _SHIFT_COST * (1 + np.abs(late)), 0.0)
    best = int(values.argmax())
    if not np.isfinite(values[best]):
        return None
    last = (end[0], float(final.picture[best]))
    pairs = _traced(stages, *final.origins[best].tolist())
    return Anchors((*pairs, last), float(values[best]))


def _planned(hits: Sequence[Hit]) -> list[Hit]:
    """The strongest hits. Of equal ones, take some from each part of the picture."""
    golden = (5**0.5 - 1) / 2
    order = sorted(enumerate(hits), key=lambda pair: (-pair[1].strength, pair[0] * golden % 1))
    return sorted(hit for _, hit in order[:_MOST_PLANNED])


def _first(grid: Grid, opening: float) -> _Stage:
    beat = float(np.median(np.diff(grid.beats)))
    leads = np.arange(_LEADS) * _BAR_BEATS * beat / _LEADS
    costs = np.where(leads > 0, _LEAD_COST + _LEAD_BEAT_COST * leads / beat, 0.0)
    music = np.full(_LEADS, opening)
    return _Stage(music, opening + leads, -costs, np.zeros((_LEADS, 2), np.int64))


def _options(
    grid: Grid, hit: Hit, end: Anchor | None, shift: float, errors: Floats
) -> tuple[Floats, Floats]:
    """(music, picture) of the beats that may be anchored on a hit."""
    slack = float(errors[-1])
    beat = float(np.median(np.diff(grid.beats)))
    low = (hit.time - _BAR_BEATS * beat) * (1 - MOST_SPEED) - slack
    high = hit.time * (1 + MOST_SPEED) + slack
    if end is not None:
        left = end[1] - hit.time
        low = max(low, end[0] - (left + shift) * (1 + MOST_SPEED) - slack)
        high = min(high, end[0] - (left - shift) * (1 - MOST_SPEED) + slack)
    first, last = np.searchsorted(grid.beats, (low, high))
    beats = grid.beats[first:last]
    return np.repeat(beats, errors.shape[0]), np.tile(hit.time + errors, beats.shape[0])


def _reached(
    grid: Grid,
    stages: Sequence[_Stage],
    hits: Sequence[Hit],
    music: Floats,
    picture: Floats,
    shortest: float,
    back: int,
) -> _Stage:
    """The best paths from `stages`, one for each of `hits`, to the pairs of `music` and
    `picture`."""
    count = music.shape[0]
    best = np.full(count, -np.inf)
    origins = np.zeros((count, 2), np.int64)
    first = max(0, len(stages) - back)
    opening = [0] if first > 0 and len(stages) <= _FIRST else []
    for number in (*opening, *range(first, len(stages))) if count else ():
        before = stages[number]
        span = picture[None, :] - before.picture[:, None]
        # The first anchor is not a hit, so a hit may be near to it.
        long_enough = span >= (shortest if number else 1e-3)
        speed = (music[None, :] - before.music[:, None]) / np.where(long_enough, span, 1.0)
        change = (speed - 1) / MOST_SPEED
        possible = long_enough & (np.abs(change) <= 1 + 1e-9)
        if not possible.any():
            continue
        value = before.best[:, None] - _SPEED_COST * change**2
        for passed in hits[number:]:
            moments = before.music[:, None] + (passed.time - before.picture[:, None]) * speed
            # Before the first and after the last anchor the music has its own speed.
            late, early = passed.time - picture, passed.time - before.picture[:, None]
            moments = np.where(late > 0, music + late, moments)
            moments = np.where(early < 0, before.music[:, None] + early, moments)
            value = value + _gains(grid, passed, moments)
        value = np.where(possible, value, -np.inf)
        choice = value.argmax(axis=0)
        found = value[choice, np.arange(count)]
        better = found > best
        best[better] = found[better]
        origins[better] = np.stack((np.full(count, number), choice), 1)[better]
    return _Stage(music, picture, best, origins)


def _gains(grid: Grid, hit: Hit, moments: Floats) -> Floats:
    """The gain of a hit, for each of the `moments` at which the music may be."""
    after = np.searchsorted(grid.beats[1:-1], moments) + 1
    nearest = after - (moments - grid.beats[after - 1] < grid.beats[after] - moments)
    near = np.abs(grid.beats[nearest] - moments) <= _ERRORS[-1]
    bar = _STRONG_GAIN if hit.strong else _BAR_GAIN
    return np.where(near, 1 + bar * grid.downbeats[nearest], 0.0)


def _traced(stages: Sequence[_Stage], stage: int, index: int) -> tuple[Anchor, ...]:
    pairs: list[Anchor] = []
    while True:
        found = stages[stage]
        pairs.append((float(found.music[index]), float(found.picture[index])))
        if not stage:
            return tuple(reversed(pairs))
        stage, index = found.origins[index].tolist()
