"""Music that loops for ever: the search for its start and end, and measures of its seam."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio.arrays import BLOCK, Floats, MediaError, Samples, rms
from ..audio.stopping import looked
from .analysis import COARSE_PER_SECOND, FRAMES_PER_SECOND, Analysis, analyse
from .joins import FADE_SECONDS, join_costs, joint
from .products import squared_distances
from .render import crossfade
from .splice import FADE_SECONDS as SLOW_FADE_SECONDS
from .splice import sound
from .track import Track

GOOD_COST = 0.6
"""Largest distance between start and end of a good loop. Two random moments have 1."""

_LONGER = 0.15
"""Additional cost that a loop of twice the length may have."""
_PHRASE_COST = 0.3
"""Cost of a loop that does not consist of whole phrases."""
_PHRASE = 4
"""Bars in a phrase. Of the good loops of whole phrases, the longest wins: a short loop is
tiring."""
_MOST_PLACES = 1200
_TRIED = 8
"""Number of candidates, the best first, whose seam is measured."""
_AROUND_SECONDS = 1.5
_REACH = 10
"""Compare the levels of this many frames (0.1 s) before the seam and after it."""
_REPEAT_SECONDS = 1.0
_SAME = 1e-3
"""Largest difference between a passage and its repeat, as a share of the track's RMS: -60 dB."""
_QUIET_JUMP = 1.5
"""dB: listeners accept a smaller change of level in any track."""


class Seam(NamedTuple):
    """How the loop's end meets its beginning."""

    cost: float
    """Distance between the music at the end and at the start. Two random moments have 1."""
    flux: float
    """Highest rise of the spectrum at the seam, divided by the 95th percentile at the track's
    beats."""
    level: float
    """Change in dB from the 0.1 s before the seam to the 0.1 s after it, less the track's usual
    change."""
    step: float
    """Step from the last sample to the first, divided by the largest step between samples of the
    track."""
    repeats: bool = False
    """The second before the end equals the second before the start, sample for sample: the music
    itself repeats there."""

    @property
    def good(self) -> bool:
        return self.repeats or (
            self.cost <= GOOD_COST and max(self.flux, self.level, self.step) <= 1
        )


class Loop(NamedTuple):
    samples: Samples
    """[channels, start + length]; the file ends where the loop ends."""
    start: int
    length: int
    """Samples."""
    bars: int
    """Whole bars in the loop; 0 if no beat was found."""
    bpm: float
    seam: Seam
    source: tuple[float, float]
    """Seconds of the loop's start and end in the source."""

    @property
    def report(self) -> str:
        seam = self.seam
        where = f"{self.source[0]:.2f} s to {self.source[1]:.2f} s"
        size = f"{self.bars} bars at {self.bpm:.1f} bpm" if self.bars else "no steady beat"
        verdict = "The loop is good" if seam.good else "No good loop was found; this is the best"
        if seam.repeats:
            return f"{verdict}: {where} ({size}). The music repeats there, sample for sample."
        return (
            f"{verdict}: {where} ({size}). Seam: distance {seam.cost:.2f} (good up to "
            f"{GOOD_COST:g}), spectral rise {seam.flux:.2f} and jump of level {seam.level:.2f} "
            f"of the track's own, sample step {seam.step:.2f} of its largest (good up to 1)."
        )


def make_loop(track: Track, min_seconds: float = 0.0, *, keep_intro: bool = True) -> Loop:
    """The best loop of a track of at least `min_seconds`; see `Loop.seam.good`.

    `keep_intro` keeps the music before the loop, which plays once; else the loop begins at 0.
    MediaError if the track is silent or too short for such a loop.
    """
    if track.analysis.silent:
        raise MediaError("The audio is silent: there is nothing to loop.")
    if not 0 <= min_seconds < track.seconds:
        raise MediaError(
            f"A loop of at least {min_seconds:g} s was asked of {track.seconds:.2f} s of music: "
            "set min_seconds to less than its length."
        )
    steady = track.beats.steady and track.bars.times.shape[0] >= 3
    times, costs = _bar_costs(track) if steady else _sound_costs(track)
    fade = round((FADE_SECONDS if steady else SLOW_FADE_SECONDS) * track.sample_rate)
    turns = [
        _turn(track, times, costs, pair, fade, steady)
        for pair in _candidates(times, costs, min_seconds, steady, fade / track.sample_rate)
    ]
    if not turns:
        raise MediaError(
            f"No loop of at least {min_seconds:g} s fits into {track.seconds:.2f} s of music: "
            "set a smaller min_seconds, or use a longer track."
        )
    largest = max(_steps(row) for row in track.samples)
    measured: list[tuple[_Turn, Seam]] = []
    for turn in turns:
        measured.append((turn, _measure(track, turn, largest)))
        if measured[-1][1].good:
            return _cut_out(track, *measured[-1], keep_intro)
    return _cut_out(track, *min(measured, key=lambda pair: pair[1].cost), keep_intro)


class _Turn(NamedTuple):
    """The seam from the sample before `end` to `start`, with a crossfade of the `fade` samples
    before both."""

    start: int
    end: int
    fade: int
    bars: int
    cost: float


def _bar_costs(track: Track) -> tuple[Floats, Floats]:
    nodes = np.flatnonzero(track.bars.places == 0)
    costs = join_costs(track, nodes)
    return track.beats.times[nodes], costs


def _sound_costs(track: Track) -> tuple[Floats, Floats]:
    features = sound(track.analysis)
    step = max(COARSE_PER_SECOND // 4, -(-features.shape[0] // _MOST_PLACES))
    rows = features[::step]
    costs = squared_distances(rows)
    return np.arange(rows.shape[0]) * step / COARSE_PER_SECOND, costs / (np.median(costs) or 1.0)


def _candidates(
    times: Floats, costs: Floats, min_seconds: float, steady: bool, fade: float
) -> list[tuple[int, int]]:
    """(start, end) indices into `times`: the longest phrases first, then the best score."""
    seconds = times[None, :] - times[:, None]
    score = costs.T.copy()
    fits = (seconds >= max(min_seconds, 1.0)) & (times[:, None] > fade) & np.isfinite(score)
    score -= _LONGER * np.log2(np.maximum(seconds, 1.0))
    places = np.arange(times.shape[0])
    bars = places[None, :] - places[:, None]
    if steady:
        score += _PHRASE_COST * (bars % _PHRASE != 0)
    score[~fits] = np.inf
    phrases = [
        pair
        for length in range(places[-1] // _PHRASE * _PHRASE if steady else 0, 0, -_PHRASE)
        for pair in _best(np.where(bars == length, score, np.inf), _TRIED // 4)
        if costs.T[pair] <= GOOD_COST
    ]
    return phrases + _best(score, _TRIED)


def _best(score: Floats, most: int) -> list[tuple[int, int]]:
    order = np.argsort(score, axis=None)[:most]
    pairs = [divmod(int(flat), score.shape[1]) for flat in order]
    return [pair for pair in pairs if np.isfinite(score[pair])]


def _turn(
    track: Track, times: Floats, costs: Floats, pair: tuple[int, int], fade: int, steady: bool
) -> _Turn:
    begin, finish = pair
    rate = track.sample_rate
    if steady:
        # The join leaves the source at the loop's end and enters it at the loop's start.
        end, start = joint(track, times[finish], times[begin])
    else:
        start, end = round(times[begin] * rate), round(times[finish] * rate)
    bars = finish - begin if steady else 0
    return _Turn(start, end, min(fade, start, end - start), bars, float(costs[finish, begin]))


def _faded(source: Samples, turn: _Turn) -> Samples:
    """The last samples of the loop, crossfaded so that they lead to its start."""
    start, end, fade = turn[:3]
    return crossfade(source[:, end - fade : end], source[:, start - fade : start])


def _cut_out(track: Track, turn: _Turn, seam: Seam, keep_intro: bool) -> Loop:
    source, rate = track.samples, track.sample_rate
    samples = source[:, (0 if keep_intro else turn.start) : turn.end].copy()
    if turn.fade:
        samples[:, -turn.fade :] = _faded(source, turn)
    offset = turn.start if keep_intro else 0
    seconds = (turn.start / rate, turn.end / rate)
    length = turn.end - turn.start
    return Loop(samples, offset, length, turn.bars, track.beats.bpm, seam, seconds)


def _steps(row: Samples) -> float:
    """The largest step from sample to sample."""
    blocks = (row[start : start + BLOCK + 1] for start in looked(range(0, row.shape[0], BLOCK)))
    return max(float(np.abs(np.diff(block)).max(initial=0.0)) for block in blocks)


def _measure(track: Track, candidate: _Turn, largest: float) -> Seam:
    rate, source = track.sample_rate, track.samples
    start, end, fade, _, cost = candidate
    around = min(max(round(_AROUND_SECONDS * rate), fade), end - start)
    tail, head = source[:, end - around : end], source[:, start : start + around]
    turn = np.concatenate((tail, head), axis=1)
    if fade:
        turn[:, around - fade : around] = _faded(source, candidate)
    there = analyse(turn, rate, rms(track.samples))
    frame = np.array([round(around / rate * FRAMES_PER_SECOND)])
    own = np.arange(_REACH, track.analysis.onsets.shape[0] - _REACH)
    if track.beats.steady:
        own = np.round(track.beats.times * FRAMES_PER_SECOND).astype(np.intp)
    flux = _rises(there, frame) / max(np.percentile(_rises(track.analysis, own), 95), 1e-9)
    level = _jumps(there, frame) / max(np.percentile(_jumps(track.analysis, own), 95), _QUIET_JUMP)
    step = float(np.abs(turn[:, around] - turn[:, around - 1]).max())
    repeats = _repeats(source, start, end, round(_REPEAT_SECONDS * rate))
    return Seam(cost, float(flux[0]), float(level[0]), step / max(largest, 1e-9), repeats)


def _repeats(source: Samples, start: int, end: int, count: int) -> bool:
    """Whether the source is equal before `end` and before `start`, or after both."""
    limit = _SAME * rms(source)
    pairs = ((start - count, end - count), (start, end))
    for first, second in pairs:
        if first >= 0 and second + count <= source.shape[1]:
            one, other = (source[:, at : at + count] for at in (first, second))
            if float(np.abs(one - other).max()) <= limit:
                return True
    return False


def _rises(analysis: Analysis, frames: npt.NDArray[np.intp]) -> Floats:
    """[n] highest onset around each frame."""
    near = frames[:, None] + np.arange(-4, 5)
    onsets = analysis.onsets[np.clip(near, 0, analysis.onsets.shape[0] - 1)]
    return onsets.max(axis=1).astype(np.float64)


def _jumps(analysis: Analysis, frames: npt.NDArray[np.intp]) -> Floats:
    """[n] change of level in dB from the 0.1 s before each frame to the 0.1 s after it."""
    power = analysis.bands.sum(axis=0)
    near = np.arange(1, _REACH + 1)
    last = power.shape[0] - 1
    before = power[np.clip(frames[:, None] - near, 0, last)].mean(axis=1)
    after = power[np.clip(frames[:, None] + near, 0, last)].mean(axis=1)
    return np.abs(10 * np.log10((after + 1e-10) / (before + 1e-10))).astype(np.float64)
