"""Bring a track to another length with inaudible joins, and keep its opening and its ending."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats
from .anchors import MOST_SPEED, Grid, moved, plan_anchors
from .hits import Hit
from .joins import FADE_SECONDS, GUARD_SECONDS, Joint, join_costs, joint
from .path import Way, Ways, nodes_of
from .render import AS_IS, Piece, Speed, natural_length
from .track import Track

MAX_SPEED_CHANGE = 0.03
"""Largest change of speed: listeners do not notice it."""
KEPT_BARS = 2
"""Bars at each end that stay equal to the source, sample for sample."""

_JOIN_COST = 0.25
_START_COST = 0.3
"""Cost of a start on a later beat of the first bar, if the opening cannot stay."""
_PHRASE_COST = 0.2
"""Cost of a jump, unless it is a multiple of four bars; a quarter, unless it is a multiple of
eight."""
_TURN_COST = 8.0
"""Cost of a join to another place in the bar; half as much to the other half of the bar."""
_STAY_BARS = 2
"""Fewest bars between two joins."""
_SHORT_LOOP_COST = 4.0
"""Cost of a jump back by one bar; a jump by more bars costs less."""
_SPEED_COST = 0.5
"""Cost of a change of speed by 1 %; the cost grows with the square."""
_FAR_COST = 4.0
"""Cost of each half beat of error that the speed cannot correct."""

_HOPELESS = 100.0
"""A plan with this cost or more misses its length."""
_HIT_GAIN = 1.5
"""Gain of a hit on a beat, on the scale of the costs of joins."""
_MISSED_COST = 4.0
"""Cost of a path that cannot reach the length with the hits at any allowed speed."""
_SILENT = 0.002
"""The silence after the music is below this share of its peak: -54 dB."""
_SHIFT_SECONDS = 0.05
"""Seconds between the tried shifts of the ending, within a bar."""


class Plan(NamedTuple):
    """The pieces, joins and speed that bring a track to a length."""

    pieces: tuple[Piece, ...]
    speed: Speed
    fade: int
    """Samples of each crossfade."""
    joints: tuple[Joint, ...]
    cut: int = 0
    """Samples cut off the beginning because the speed could not correct the length."""
    warp: tuple[tuple[int, int], ...] = ()
    """Pairs of samples (before, after) for a stretch with several speeds, instead of `speed`."""

    def heard(self, natural: Floats) -> Floats:
        """Positions in the result of the samples `natural` of the joined pieces."""
        return moved(natural, self.warp or self.speed.pairs)


def beats_of(track: Track, pieces: Sequence[Piece]) -> Grid:
    """The beats of the joined pieces, in seconds, before any change of speed."""
    rate, times = track.sample_rate, track.beats.times
    beats, places, done = [], [], 0
    for piece in pieces:
        # A join enters a little before its beat, and leaves a little before another.
        inside = (times * rate >= piece.start) & (times * rate < piece.end)
        beats.append(times[inside] + (done - piece.start) / rate)
        places.append(track.bars.places[inside])
        done += piece.end - piece.start
    return Grid(np.concatenate(beats), np.concatenate(places) == 0)


def plan_remix(track: Track, length: int, ending: str, hits: Sequence[Hit] = ()) -> Plan | None:
    """The cheapest plan for `length` samples; None if the track has too few bars.

    `ending`: keep plays the track's own ending; last hit too, without the silence after it; hard
    ends with a bar; fade ends anywhere. Beats fall on as many of the `hits` as joins and a change
    of speed of 3 % allow.
    """
    return _Planner(track, length, ending, hits).plan()


class _Planner:
    def __init__(self, track: Track, length: int, ending: str, hits: Sequence[Hit]) -> None:
        self._track, self._length, self._ending = track, length, ending
        self._hits, self._keeps = hits, ending in ("keep", "last hit")
        rate, beats, bars = track.sample_rate, track.beats, track.bars
        self._nodes = nodes_of(beats.times.shape[0], bars.places)
        self._times = beats.times[self._nodes]
        self._cuts = np.round((self._times - GUARD_SECONDS) * rate).astype(np.int64)
        self._total = track.samples.shape[1]
        self._fade = round(FADE_SECONDS * rate)
        self._meter = bars.meter
        # Seconds of a bar.
        self._bar = self._meter * 60 / beats.bpm
        self._per_bar = self._meter if self._nodes.shape[0] == beats.times.shape[0] else 1
        self._joins = (
            join_costs(track, self._nodes, _TURN_COST)
            if self._nodes.shape[0] > 1
            else np.empty((0, 0))
        )
        self._step = float(np.median(np.diff(self._cuts))) if len(self._cuts) > 1 else 0.0
        self._kept = self._kept_from()
        self._peak = float(max(track.samples.max(), -track.samples.min()))

    def _kept_from(self) -> int:
        """First sample of the last two bars: the earlier one of two estimates, from the downbeats
        and from the end."""
        starts = self._track.bars.times
        if not self._keeps or starts.shape[0] < KEPT_BARS:
            return self._total
        seconds = min(starts[-KEPT_BARS], self._track.seconds - KEPT_BARS * self._bar)
        return max(0, round((seconds - GUARD_SECONDS) * self._track.sample_rate))

    def _openings(self) -> Iterator[int]:
        """End of the first two bars and their upbeat, in samples; then the end of one bar."""
        starts = self._track.bars.times
        room = self._length - (self._total - self._kept) - round(2 * self._step * self._per_bar)
        for bars in range(min(KEPT_BARS, starts.shape[0] - 1), 0, -1):
            end = round((starts[bars] - GUARD_SECONDS) * self._track.sample_rate)
            if end <= room:
                yield end

    def plan(self) -> Plan | None:
        if self._nodes.shape[0] < 4 * self._per_bar or not self._step:
            return None
        best = None
        # If no path with two bars of opening has this length, keep one bar, or begin later.
        for opening in dict.fromkeys((*self._openings(), 0)):
            found = self._best(opening)
            if found and (best is None or found[0] < best[0]):
                best = found
            if best and not best[1].cut and best[0] < _HOPELESS:
                break
        return best[1] if best else None

    def _best(self, opening: int) -> tuple[float, Plan] | None:
        plans = [self._realise(way, opening) for way in self._ways(opening)]
        return min(plans, key=lambda pair: pair[0], default=None)

    def _ways(self, opening: int) -> Iterator[Way]:
        count = self._nodes.shape[0]
        keep = self._keeps
        rest = self._total - int(self._cuts[-1]) if keep else 0
        wanted = round((self._length - int(max(self._cuts[0], 0)) - rest) / self._step)
        spread = 2 * self._per_bar
        low, high = max(0, wanted - spread), wanted + spread
        if high < 1:
            return
        ways = Ways(
            self._costs(opening),
            self._starts(opening),
            high,
            join_cost=_JOIN_COST,
            stay=_STAY_BARS * self._per_bar,
        )
        for steps in range(low, high + 1):
            if keep:
                places = [count - 1]
            else:
                row = ways.best[steps].copy()
                if self._ending == "hard":
                    row[self._track.bars.places[self._nodes] != 0] = np.inf
                places = [int(row.argmin())]
            for place in places:
                way = ways.to(place, steps)
                if way is not None:
                    yield way

    def _costs(self, opening: int) -> np.ndarray:
        costs = self._joins.copy()
        index = np.arange(costs.shape[0])
        back = (index[:, None] - index[None, :]) / self._per_bar
        costs += np.where(back % 4 != 0, _PHRASE_COST, 0) + np.where(
            back % 8 != 0, _PHRASE_COST / 4, 0
        )
        costs += np.where(back > 0, _SHORT_LOOP_COST / np.maximum(back, 1), 0)
        # The last two bars stay whole: no join enters them after their beginning.
        costs[:, self._cuts > self._kept] = np.inf
        costs[self._cuts < opening] = np.inf
        # A crossfade needs samples before its entry.
        costs[:, self._cuts < 2 * self._fade] = np.inf
        return costs

    def _starts(self, opening: int) -> np.ndarray:
        starts = np.full(self._nodes.shape[0], np.inf, np.float32)
        if not opening:
            # With hits, the opening stays, and a silence before it shifts its beats.
            starts[: 1 if self._hits else self._per_bar] = _START_COST
        starts[0] = 0
        return starts

    def _realise(self, way: Way, opening: int) -> tuple[float, Plan]:
        """The plan of `way` in samples, after its cost, which includes the remaining error."""
        track = self._track
        begin = 0 if way.start == 0 else int(self._cuts[way.start])
        pieces, joints = [], []
        for left, right in way.joins:
            found = joint(track, self._times[left], self._times[right])
            pieces.append(Piece(begin, found.left))
            joints.append(found)
            begin = found.right
        keep = self._keeps
        end = self._total if keep else int(self._cuts[way.end])
        if self._ending == "fade":
            missing = max(0, self._length - natural_length(pieces))
            room = round(MOST_SPEED * self._length) if self._hits else 0
            end = min(self._total, begin + missing + room)
        pieces.append(Piece(begin, end))
        met = self._meet(way.cost, pieces, tuple(joints), opening) if self._hits else None
        if met is not None:
            return met
        cost = way.cost + (_MISSED_COST if self._hits else 0.0)
        return self._fit(cost, pieces, tuple(joints), opening)

    def _meet(
        self, cost: float, pieces: list[Piece], joints: tuple[Joint, ...], opening: int
    ) -> tuple[float, Plan] | None:
        """The cost of `pieces` less the gain of the hits, and the plan; None if no speed fits."""
        rate, length = self._track.sample_rate, self._length
        kept = self._total - self._kept
        natural = natural_length(pieces)
        end = None if self._ending == "fade" else ((natural - kept) / rate, (length - kept) / rate)
        grid = beats_of(self._track, pieces)
        if grid.beats.shape[0] < 2:
            return None
        shifts = self._shifts() if self._ending == "keep" else (0.0,)
        # The first bar and its upbeat keep their speed.
        opening = max(0, opening - (KEPT_BARS - 1) * round(rate * self._bar))
        found = plan_anchors(grid, self._hits, end, opening=opening / rate, shifts=shifts)
        if found is None:
            return None
        # A part ends a little before its beat, whose attack stays whole. The first and the last
        # anchor are not beats.
        last = len(found.pairs) - (end is not None)
        guards = [GUARD_SECONDS if 0 < number < last else 0.0 for number in range(len(found.pairs))]
        (begin, lead), *_ = found.pairs
        inner = (
            (round((music - guard) * rate), round((picture - guard) * rate))
            for (music, picture), guard in zip(found.pairs, guards, strict=True)
        )
        warp = ((0, round((lead - begin) * rate)), *inner)
        plan = Plan(tuple(pieces), AS_IS, self._fade, joints, warp=warp)
        missing = length - (warp[-1][1] + natural - warp[-1][0]) if end is None else 0
        beat = rate * 60 / self._track.beats.bpm
        return cost - _HIT_GAIN * found.gain + _FAR_COST * max(0.0, missing / beat), plan

    def _shifts(self) -> Sequence[float]:
        """Shifts of the ending in seconds: silence after the music is cut or added."""
        rate = self._track.sample_rate
        bar = self._bar
        tail = np.abs(self._track.samples[:, -round(bar * rate) :]).max(axis=0)
        loud = np.flatnonzero(tail > _SILENT * self._peak)
        silent = (tail.shape[0] - 1 - loud[-1]) / rate if loud.size else bar
        if silent < GUARD_SECONDS:
            return (0.0,)
        return (0.0, *np.arange(-bar, silent, _SHIFT_SECONDS).tolist())

    def _fit(
        self, cost: float, pieces: list[Piece], joints: tuple[Joint, ...], opening: int
    ) -> tuple[float, Plan]:
        natural = natural_length(pieces)
        rest = self._length - natural
        beat = self._track.sample_rate * 60 / self._track.beats.bpm
        before = natural - (self._total - self._kept) - opening
        half_beats = abs(rest) / (beat / 2)
        plain = Plan(tuple(pieces), AS_IS, self._fade, joints)
        if rest == 0 or (self._ending == "fade" and rest >= -1):
            return cost + _FAR_COST * max(0.0, half_beats if rest > 0 else 0.0), plain
        if before > 0 and abs(rest) <= MAX_SPEED_CHANGE * before:
            cost += _SPEED_COST * (100 * rest / before) ** 2
            return cost, plain._replace(speed=Speed(opening, before, before + rest))
        cost += _FAR_COST * (1 + 2 * half_beats)
        first = pieces[0]
        if 0 < -rest < first.end - first.start - 2 * self._fade:
            shortened = Piece(first.start - rest, first.end)
            return cost, plain._replace(pieces=(shortened, *pieces[1:]), cut=-rest)
        if rest < 0 and len(pieces) > 1:
            # The first piece is shorter than the excess: drop this piece.
            return self._fit(cost, pieces[1:], joints[1:], 0)
        return cost + 100 * _FAR_COST * half_beats, plain
