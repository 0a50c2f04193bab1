"""A family: tracks between which a game switches while they play.

All members get one tempo, one number of bars, one downbeat, one length and one loudness. Each
member becomes a loop: its last sample leads to its first one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median_low
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..audio.arrays import BLOCK, Floats, MediaError, Samples
from ..audio.samples.channels import set_channels
from ..audio.samples.resample import Resampler, resample
from ..audio.stopping import look, looked
from .analysis import COARSE_PER_SECOND
from .bars import TRIPLE, Bars, find_bars
from .beats import Beats, find_beats
from .joins import FADE_SECONDS, GUARD_SECONDS, join_costs
from .loop import GOOD_COST
from .mastering import check_wish, level_of, master
from .render import RESAMPLED, crossfade, warp
from .splice import FADE_SECONDS as SLOW_FADE_SECONDS
from .splice import sound
from .stretch import MOST, engine, stretch
from .tempo import check_hint
from .track import Track, read_track

MOST_MEMBERS = 200
MOST_BARS = 1000

_PHRASE = 4
_FEWEST_BARS = 2
_WHOLE = 0.0005
"""Round a tempo whose relative distance from a whole number of bpm is smaller: people order whole
numbers."""
_SURE = 0.4
"""Below this confidence of the tracker, use the mean tempo and name the member. The beats of such
tracks (strings, a wavering tempo) were 20 ms off or more, those of other tracks 7 ms."""
_CLEAR = 0.25
"""Certain evidence for a meter. Sketches in 3 had 0.37 or more above the limit; wrong results had
0.13."""
_OFF = 0.004
"""Largest distance of a tracked beat from the grid, in seconds. Two members differ by at most twice
that, plus the tracker's error."""
_STILL = 0.004
"""Seconds. If the loop's length is off by less, that is the tracker's error: keep the speed."""
_CONTEXT_SECONDS = 0.1
"""Seconds of sound on each side of the loop: they are stretched with the loop and then cut off."""
_AROUND_SECONDS = 1.0
"""Seconds of the loop's end that the limiter gets before the start, and of the start after the
end."""
_QUIETER = 3.0
"""The peaks of one member lower the family by at most this many dB. The limiter does the rest."""
_CLOSE, _TRIES = 0.05, 3
"""Largest error of the loudness in LU, and the largest number of tries to reach it."""
_HEADROOM = 0.15
"""dB below the ceiling: another meter may find a higher peak."""


class Member(NamedTuple):
    """A track of a family. `name` stands in the report."""

    name: str
    samples: Samples
    sample_rate: int


class Aligned(NamedTuple):
    """A member after the alignment."""

    name: str
    samples: Samples
    """[channels, length] of the family."""
    problem: str
    """The reason why the beats are off the family's grid; "" if they are on it."""
    facts: str

    @property
    def line(self) -> str:
        return f"{self.name}: {self.facts}" if not self.problem else self.trouble

    @property
    def trouble(self) -> str:
        return f"{self.name} is not aligned: {self.problem}. {self.facts}"


class Family(NamedTuple):
    """The members in their order. All have the same length, rate and number of channels."""

    members: tuple[Aligned, ...]
    sample_rate: int
    length: int
    """Samples."""
    bpm: float
    """0 if no member has a beat."""
    meter: int
    """Beats in a bar."""
    bars: int
    """0 if no member has a beat."""
    loudness: float
    """LUFS, the same for each member that is not silent; -inf if all are silent."""

    @property
    def summary(self) -> str:
        good = sum(not member.problem for member in self.members)
        grid = f"{self.bars} bars of {self.meter} beats at {self.bpm:.2f} bpm"
        seconds = self.length / self.sample_rate
        return (
            f"{good} of {len(self.members)} members aligned: {grid if self.bars else 'no beat'}, "
            f"{self.length} samples ({seconds:.3f} s) at {self.sample_rate} Hz, "
            f"{self.loudness:.1f} LUFS."
        )

    @property
    def report(self) -> str:
        """A line for the family, and one for each member."""
        return "\n".join([self.summary, *(member.line for member in self.members)])


def align(
    members: Sequence[Member],
    *,
    tempo: float = 0.0,
    bars: int = 0,
    loudness: float | None = None,
    ceiling: float = -1.0,
) -> Family:
    """Bring members to one grid of bars, one length and one loudness.

    Args:
        tempo: of the family in bpm; 0 takes a tempo that most members can reach.
        bars: in each loop; 0 takes a number of whole phrases for which half of the members are long
            enough. A member with fewer bars is repeated.
        loudness: LUFS; None takes the median of the members, or less if a peak is too high.
        ceiling: of the true peak in dBTP.

    A member that does not fit the grid gets only the length and the loudness; `problem` states the
    reason. MediaError for samples, a tempo, bars or a loudness out of range.

    >>> tone = np.zeros((1, 48000), np.float32)
    >>> align([Member("quiet", tone, 48000)]).members[0].problem
    'it is silent'
    """
    check_hint(tempo)
    check_wish(loudness, ceiling)
    if not 0 < len(members) <= MOST_MEMBERS:
        raise MediaError(
            f"The family has {len(members)} members: expected 1 to {MOST_MEMBERS}; divide it."
        )
    if not 0 <= bars <= MOST_BARS or bars == 1:
        raise MediaError(f"bars is {bars}: expected 2 to {MOST_BARS}, or 0 to find the number.")
    rate = max(member.sample_rate for member in members)
    channels = max(member.samples.shape[0] for member in members)
    tracks = [_read(member, rate, channels) for member in looked(members)]
    bpm = tempo or _common_tempo([track.beats.bpm for track in tracks if track.beats.steady])
    placed = [_on_grid(track, bpm) for track in tracks]
    meter, grids = _one_meter(placed)
    held = [grid for grid in grids if not isinstance(grid, str)]
    count = bars if bars and held else _count(held)
    free = min(map(_longest_free, tracks))
    length = round(count * meter * 60 / bpm * rate) if count else free
    loops: list[Samples] = []
    told: list[tuple[str, str]] = []
    for track, grid in zip(tracks, grids, strict=True):
        look()
        made = grid if isinstance(grid, str) else _aligned(grid, count, bpm, length)
        if isinstance(made, str):
            loops.append(_free(track, length))
            told.append((made, "" if track.analysis.silent else _FREE_FACTS))
        else:
            loops.append(made[0])
            sure = track.beats.confidence
            weak = (
                f"its beat is weak (confidence {sure:.2f}), so its bars may be more than 10 ms off"
            )
            told.append((weak if sure < _SURE else "", made[1]))
    level = _even_out(loops, rate, loudness, ceiling)
    return Family(
        tuple(
            Aligned(member.name, loop, problem, f"{facts} {note}".strip())
            for member, loop, (problem, facts), note in zip(
                members, loops, told, level.notes, strict=True
            )
        ),
        rate,
        length,
        bpm if count else 0.0,
        meter,
        count,
        level.loudness,
    )


_FREE_FACTS = "It has the length and the loudness of the family, and its loop has a long crossfade."


def _read(member: Member, rate: int, channels: int) -> Track:
    waveform = torch.from_numpy(member.samples)
    waveform = set_channels(waveform, channels)
    return read_track(resample(waveform, member.sample_rate, rate).numpy(), rate)


def _fold(bpm: float, target: float) -> float:
    """`bpm` doubled or halved, so that it is nearest to `target`."""
    return min((bpm, 2 * bpm, bpm / 2), key=lambda each: abs(math.log(each / target)))


def _reaches(bpm: float, target: float) -> bool:
    """Whether a stretch brings music of `bpm` to `target`."""
    return abs(bpm / target - 1) <= MOST[engine()]


def _common_tempo(tempos: Sequence[float]) -> float:
    """The tempo that most members can reach with the smallest change; 0 without tempos."""
    if not tempos:
        return 0.0

    def worth(centre: float) -> tuple[int, int, float]:
        folded = [_fold(bpm, centre) for bpm in tempos]
        reached = [bpm for bpm in folded if _reaches(bpm, centre)]
        same = sum(_reaches(bpm, centre) for bpm in tempos)
        return len(reached), same, -sum(abs(math.log(bpm / centre)) for bpm in reached)

    best = max(tempos, key=worth)
    folded = [_fold(bpm, best) for bpm in tempos]
    # The tempo of one member, whose samples then stay unchanged.
    median = median_low(bpm for bpm in folded if _reaches(bpm, best))
    return round(median) if abs(median - round(median)) < _WHOLE * median else median


def _on_grid(track: Track, bpm: float) -> Track | str:
    """The track with beats near `bpm`, or the reason why it has none."""
    if track.analysis.silent:
        return "it is silent"
    if not track.beats.steady:
        return "it has no steady beat"
    found = track.beats.bpm
    if _fold(found, bpm) != found:
        beats = find_beats(track.analysis, bpm)
        if beats.confidence < track.beats.confidence or not _reaches(beats.bpm, bpm):
            beats = _regrouped(track, doubled=found < bpm)
        bars = find_bars(track.analysis, beats)
        if found < bpm:
            bars = _with_downbeats(bars, beats.times, track.bars.times)
        track = track._replace(beats=beats, bars=bars)
    if not _reaches(track.beats.bpm, bpm):
        return (
            f"its tempo is {track.beats.bpm:.1f} bpm, and {engine()} changes it by at most "
            f"{MOST[engine()]:.0%} to the family's {bpm:.1f} bpm"
        )
    return _with_last_beat(track)


def _with_downbeats(bars: Bars, times: Floats, downbeats: Floats) -> Bars:
    """Bars of beats between beats, turned so that most of the known downbeats begin one."""
    near = np.abs(times[:, None] - downbeats).argmin(axis=0)
    turn = int(np.bincount(bars.places[near], minlength=bars.meter).argmax())
    places = (bars.places - turn) % bars.meter
    return bars._replace(places=places, times=times[places == 0])


def _regrouped(track: Track, *, doubled: bool) -> Beats:
    """Beats at twice the tempo; or every second beat, counted from a downbeat."""
    beats, times = track.beats, track.beats.times
    if doubled:
        middle = (times[1:] + times[:-1]) / 2
        return beats._replace(times=np.sort(np.append(times, middle)), bpm=beats.bpm * 2)
    first = int(np.flatnonzero(track.bars.places == 0)[0]) % 2
    return beats._replace(times=times[first::2], bpm=beats.bpm / 2)


def _with_last_beat(track: Track) -> Track:
    """The track with one more beat, if the file was cut on that beat."""
    times, bars = track.beats.times, track.bars
    after = float(times[-1] + np.median(np.diff(times[-9:])))
    if after > track.seconds:
        return track
    places = np.append(bars.places, (bars.places[-1] + 1) % bars.meter)
    times = np.append(times, after)
    bars = bars._replace(places=places, times=times[places == 0])
    return track._replace(beats=track.beats._replace(times=times), bars=bars)


class _Grid(NamedTuple):
    """The loops of whole bars that a track has."""

    track: Track
    nodes: npt.NDArray[np.intp]
    """[n] indices of the downbeats among the beats."""
    costs: dict[int, tuple[float, int]]
    """By number of bars: the lowest cost of a loop, and the index of its first node."""

    def held(self, bars: int) -> int:
        """The largest number of bars of a loop that fills `bars` by whole repeats; 0 if none."""
        sizes = range(bars, _FEWEST_BARS - 1, -1)
        return next((size for size in sizes if bars % size == 0 and size in self.costs), 0)


def _one_meter(placed: Sequence[Track | str]) -> tuple[int, list[_Grid | str]]:
    """The common meter by the evidence of all tracks, and for each track its loops or its problem.

    The meter found in a short track may be wrong. If its evidence is weak, the other tracks decide.
    """
    votes = [track.bars.evidence - TRIPLE for track in placed if not isinstance(track, str)]
    meter = 3 if votes and fmean(votes) >= _CLEAR else 4
    grids: list[_Grid | str] = []
    for track in looked(placed):
        if isinstance(track, str):
            grids.append(track)
            continue
        vote = track.bars.evidence - TRIPLE
        own = 3 if vote > 0 else 4
        if own != meter and abs(vote) >= _CLEAR:
            grids.append(f"its bars have {own} beats, and those of the family {meter}")
            continue
        if track.bars.meter != meter:
            track = track._replace(bars=find_bars(track.analysis, track.beats, meter))
        grid = _grid(track)
        grids.append(grid if grid.costs else "it has less than two whole bars")
    return meter, grids


def _grid(track: Track) -> _Grid:
    nodes = np.flatnonzero(track.bars.places == 0)
    costs: dict[int, tuple[float, int]] = {}
    joins = join_costs(track, nodes) if nodes.shape[0] > _FEWEST_BARS else np.empty((0, 0))
    for bars in range(_FEWEST_BARS, nodes.shape[0]):
        starts = np.arange(nodes.shape[0] - bars)
        is_whole = nodes[starts + bars] - nodes[starts] == bars * track.bars.meter
        cost = np.where(is_whole, joins[starts + bars, starts], np.inf)
        best = int(cost.argmin())
        if np.isfinite(cost[best]):
            costs[bars] = float(cost[best]), best
    return _Grid(track, nodes, costs)


def _count(grids: Sequence[_Grid]) -> int:
    """The number of bars in each loop; 0 without members. At least half of the members are long
    enough for it. Of the numbers from half of the largest one up to the largest, choose the number
    with the most good loops, then that with the best seams."""
    if not grids:
        return 0
    most = sorted((max(grid.costs) for grid in grids), reverse=True)[(len(grids) - 1) // 2]
    if most < _PHRASE:
        return most
    longest = most // _PHRASE * _PHRASE

    def worth(bars: int) -> tuple[int, float]:
        held = [(grid, grid.held(bars)) for grid in grids]
        excess = [max(0.0, grid.costs[size][0] - GOOD_COST) for grid, size in held if size]
        return excess.count(0.0), -sum(excess)

    counts = range(longest, max(_PHRASE, longest // 2) - 1, -_PHRASE)
    return max(counts, key=worth)


def _aligned(grid: _Grid, count: int, bpm: float, length: int) -> tuple[Samples, str] | str:
    """The loop of `length` samples and its facts, or the reason why the track has no such loop."""
    bars = grid.held(count)
    if not bars:
        return f"it has no loop of {count} bars, nor of a part of them"
    track, (cost, first) = grid.track, grid.costs[bars]
    node, beats = grid.nodes[first], bars * track.bars.meter
    times = track.beats.times[node : node + beats + 1]
    rounds = count // bars
    once = -(-length // rounds)
    loop = _loop(track, times, np.arange(beats + 1) * 60 / bpm, once)
    if isinstance(loop, str):
        return loop
    starts = [index * length // rounds for index in range(rounds + 1)]
    whole = [loop[:, : stop - start] for start, stop in pairwise(starts)]
    speed = bpm / track.beats.bpm
    facts = f"{track.beats.bpm:.2f} bpm, changed by {100 * (speed - 1):+.2f} %;"
    facts += f" from {times[0]:.2f} s of the source; seam {cost:.2f} (good up to {GOOD_COST:g});"
    facts += f" its {bars} bars play {rounds} times;" if rounds > 1 else ""
    return np.concatenate(whole, axis=1) if rounds > 1 else loop, facts


def _loop(track: Track, times: Floats, grid: Floats, length: int) -> Samples | str:
    """[channels, length] of the track, whose beats at `times` fall on `grid` (seconds).

    The file begins GUARD_SECONDS before the first beat, so that its attack is whole.
    """
    rate = track.sample_rate
    fade, guard = round(FADE_SECONDS * rate), round(GUARD_SECONDS * rate)
    slope, origin = np.polyfit(grid, times, 1)
    if abs(slope - 1) * grid[-1] < _STILL:
        slope = 1.0
        origin = float((times - grid).mean())
    context = round(_CONTEXT_SECONDS * rate)
    lead = fade + guard + context
    begin = round((origin - lead / rate * slope) * rate)
    size = round((lead + length + context) * slope)
    source = _padded(track.samples, begin, begin + size)
    target = lead + length + context
    if not _reaches(1 / slope, 1.0):
        return f"its tempo changes by more than {MOST[engine()]:.0%}"
    body = source if size == target else _respeed(source, rate, target)
    # Positions of the beats in `body` now, and after the correction, in samples.
    now = (times * rate - begin) * target / size
    there = lead + grid * rate
    is_sure = track.beats.confidence >= _SURE
    if is_sure and float(np.abs(now - there).max()) > _OFF * rate:
        try:
            body = _straightened(body, rate, now, there, fade)
        except MediaError:
            return "its tempo changes too much from bar to bar"
    start = lead - guard
    loop = body[:, start : start + length].copy()
    loop[:, -fade:] = crossfade(loop[:, -fade:], body[:, start - fade : start])
    return loop


def _straightened(body: Samples, rate: int, now: Floats, there: Floats, fade: int) -> Samples:
    """`body` with the beats at `now` moved to `there`, by as few changes of speed as possible."""
    kept = _corners(there, now - there, _OFF * rate / 2)
    pairs = [(round(float(now[index])), round(float(there[index]))) for index in kept]
    first, last = pairs[0], pairs[-1]
    begin = max(0, first[0] - first[1])
    pairs = [(begin, first[1] - first[0] + begin), *pairs]
    rest = body.shape[1] - last[0]
    pairs.append((last[0] + rest, last[1] + rest))
    pairs = [pair for index, pair in enumerate(pairs) if not index or pair[0] > pairs[index - 1][0]]
    return warp(body, rate, pairs, body.shape[1], fade, _respeed)


def _corners(places: Floats, errors: Floats, most: float) -> list[int]:
    """Indices of the corners of a simplified line that differs from `errors` by at most `most`.

    D. Douglas, T. Peucker, "Algorithms for the reduction of the number of points required to
    represent a digitized line or its caricature" (1973).
    """
    kept, open_ = {0, errors.shape[0] - 1}, [(0, errors.shape[0] - 1)]
    while open_:
        left, right = open_.pop()
        line = np.interp(places[left : right + 1], places[[left, right]], errors[[left, right]])
        off = np.abs(errors[left : right + 1] - line)
        if off.max() > most:
            middle = left + int(off.argmax())
            kept.add(middle)
            open_ += [(left, middle), (middle, right)]
    return sorted(kept)


def _padded(samples: Samples, start: int, stop: int) -> Samples:
    """The samples from `start` to `stop`, with silence outside the track."""
    total = samples.shape[1]
    inside = samples[:, max(start, 0) : max(0, min(stop, total))]
    before = min(max(0, -start), stop - start)
    after = stop - start - before - inside.shape[1]
    return np.pad(inside, ((0, 0), (before, after)))


def _respeed(samples: Samples, sample_rate: int, length: int) -> Samples:
    """[channels, length]: a small change of speed moves the pitch too, a larger one keeps it."""
    size = samples.shape[1]
    if abs(size / length - 1) > RESAMPLED:
        return stretch(samples, sample_rate, length, quick=True)
    stream = Resampler(size, length, samples.shape[0])
    parts = [
        stream.feed(samples[:, at : at + BLOCK], last=at + BLOCK >= size)
        for at in range(0, size, BLOCK)
    ]
    return _padded(np.concatenate(parts, axis=1), 0, length)


def _longest_free(track: Track) -> int:
    """Samples of the longest loop without a beat."""
    total = track.samples.shape[1]
    return max(1, total - min(round(SLOW_FADE_SECONDS * track.sample_rate), total // 4))


def _free(track: Track, length: int) -> Samples:
    """A loop of the family's `length` in samples, off its grid."""
    if track.analysis.silent:
        return np.zeros((track.samples.shape[0], length), np.float32)
    rate, total = track.sample_rate, track.samples.shape[1]
    rounds = -(-length // _longest_free(track))
    once = -(-length // rounds)
    fade = min(round(SLOW_FADE_SECONDS * rate), once // 4, total - once)
    features = sound(track.analysis)
    shift = round(once / rate * COARSE_PER_SECOND)
    first = math.ceil(fade / rate * COARSE_PER_SECOND)
    places = np.arange(first, max(first + 1, features.shape[0] - shift))
    ends = np.minimum(places + shift, features.shape[0] - 1)
    distance = ((features[np.minimum(places, ends)] - features[ends]) ** 2).sum(axis=1)
    best = round(places[int(distance.argmin())] / COARSE_PER_SECOND * rate)
    start = min(max(best, fade), total - once)
    loop = track.samples[:, start : start + once].copy()
    if fade > 0:
        loop[:, -fade:] = crossfade(loop[:, -fade:], track.samples[:, start - fade : start])
    return np.tile(loop, rounds)[:, :length]


class _Levels(NamedTuple):
    loudness: float
    notes: tuple[str, ...]


def _even_out(loops: list[Samples], rate: int, loudness: float | None, ceiling: float) -> _Levels:
    """Bring the loops, in place, to one loudness under a ceiling."""
    levels = [level_of(loop, rate) for loop in looked(loops)]
    loud = [level for level in levels if level.loudness > -math.inf]
    if not loud:
        return _Levels(-math.inf, ("",) * len(loops))
    target = loudness
    if target is None:
        room = (level.loudness + ceiling - _HEADROOM - level.true_peak for level in loud)
        median = float(np.median([level.loudness for level in loud]))
        target = max(min(median, *room), median - _QUIETER)
    notes: list[str] = []
    for index, level in enumerate(looked(levels)):
        if level.loudness == -math.inf:
            notes.append("")
            continue
        gain, after = target - level.loudness, target
        if level.true_peak + gain <= ceiling - _HEADROOM:
            loops[index] *= np.float32(10 ** (gain / 20))
        else:
            after = _mastered(loops[index], rate, target, ceiling)
        notes.append(f"loudness {level.loudness:.1f} to {after:.1f} LUFS.")
    return _Levels(target, tuple(notes))


def _mastered(loop: Samples, rate: int, loudness: float, ceiling: float) -> float:
    """Bring a loop to a loudness, in place, and return the loudness in LUFS. The limiter treats the
    loop as a circle."""
    around = min(round(_AROUND_SECONDS * rate), loop.shape[1])
    whole = np.concatenate((loop[:, -around:], loop, loop[:, :around]), axis=1)
    made = np.empty_like(whole)
    aim, reached = loudness, -math.inf
    for _ in range(_TRIES):
        master(whole, rate, made, loudness=aim, ceiling=ceiling)
        loop[:] = made[:, around : around + loop.shape[1]]
        reached = level_of(loop, rate).loudness
        # `master` measured the repeated sound around the loop too.
        if not _CLOSE < abs(loudness - reached) < 1:
            break
        aim += loudness - reached
    return reached
