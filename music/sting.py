"""A stinger: the tail of a track, from a bar on, which ends on its own in silence."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, MediaError, Samples
from .analysis import FRAMES_PER_SECOND
from .methods import STINGER_SECONDS, TAILS
from .track import Track, read_track

SHORTEST, LONGEST = STINGER_SECONDS

_STEP = 0.001
"""Seconds of one level."""
_LOOK_SECONDS = 0.03
"""The attack of a downbeat is looked for so near to it."""
_RISE_SECONDS = 0.008
_RISE = 6.0
"""dB: a smaller rise is no attack, and the tracker's time counts."""
_FADE_IN = 0.001
_FADE_OUT = 0.03
_QUIET = -40.0
"""dB: music whose last 50 ms are so far below its level has an ending of its own."""
_HEARD = -60.0
"""dB below the peak: the end of what is heard, and the depth of a release."""
_END_SECONDS = 0.05
_LAST_BEATS, _ATTACK = 1.25, 0.2
"""A loop has an attack of this share of the strongest one within so many beats of its end."""


class Sting(NamedTuple):
    samples: Samples
    """[channels, n]; the first sample is on the downbeat, the last one is silent."""
    sample_rate: int
    bpm: float
    bars: float
    """Length in bars, with its reverb."""
    start: float
    """Seconds of its first sample in the track."""
    own: bool
    """It ends as the track ends; else a release ends it."""
    bar: int
    """The number of its first bar in the track, from 1."""

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.sample_rate

    @property
    def report(self) -> str:
        ends = "as the track ends" if self.own else f"by a release of {-_HEARD:g} dB"
        return (
            f"A stinger of {self.seconds:.2f} s: {self.bars:.2f} bars at {self.bpm:.2f} bpm, from "
            f"bar {self.bar} of the track ({self.start:.3f} s) on. It ends {ends}."
        )


def make_stinger(
    samples: Samples,
    sample_rate: int,
    *,
    seconds: float = 4.0,
    bars: int = 0,
    tail: str = TAILS[0],
    tempo: float = 0.0,
) -> Sting:
    """The tail of a track, float32 [channels, n].

    Args:
        seconds: the wished length, SHORTEST to LONGEST. It ends up as near to it as a bar allows.
        bars: the wished length in bars, in place of `seconds`; 0 for none.
        tail: one of TAILS. `ending`: from one of the last bars to the track's own end. `hit`: from
            the bar with the strongest downbeat, with a release. `auto`: the ending if there is one.
        tempo: in bpm; 0 finds it.

    MediaError for music without bars or without the ending that was asked for, and for values out
    of range.
    """
    if not SHORTEST <= seconds <= LONGEST:
        raise MediaError(
            f"seconds is {seconds:g}: a stinger has {SHORTEST:g} to {LONGEST:g} s; set a length "
            "between."
        )
    if not 0 <= bars <= 16:
        raise MediaError(f"bars is {bars}: expected 1 to 16, or 0 for a length in seconds.")
    track = read_track(samples, sample_rate, tempo)
    if track.analysis.silent:
        raise MediaError("The audio is silent: it has no bar for a stinger.")
    if not track.beats.steady or not track.bars.times.size:
        raise MediaError(
            "The audio has no steady beat, and so no bar for a stinger: set tempo, or use music "
            "with a beat."
        )
    levels = _levels(track)
    end = _heard_until(levels)
    has_ending = _ends_itself(track, levels, end)
    if tail == "ending" and not has_ending:
        raise MediaError(
            "The track has no ending of its own: it is a loop, or it was cut. Set tail to hit."
        )
    bar = 60 / track.beats.bpm * track.bars.meter
    wish = min(max(bars * bar, SHORTEST), LONGEST) if bars else seconds
    own = has_ending and tail != "hit"
    index = _last_bar(track, end, wish) if own else _strongest_bar(track, wish)
    begin = _attack(track, levels, float(track.bars.times[index]))
    heard = min(end + _FADE_OUT - begin, LONGEST) if own else min(wish, track.seconds - begin)
    cut = round(begin * sample_rate)
    made = samples[:, cut : cut + max(1, round(heard * sample_rate))].copy()
    is_whole = own and end - begin <= LONGEST
    _shape(made, sample_rate, 60 / track.beats.bpm, release=not is_whole)
    length = made.shape[1] / sample_rate / bar
    return Sting(made, sample_rate, track.beats.bpm, length, begin, is_whole, index + 1)


def _levels(track: Track) -> Floats:
    """[n] dB of each _STEP, all channels together."""
    length, width = track.samples.shape[1], _STEP * track.sample_rate
    edges = np.round(np.arange(max(1, math.floor(length / width))) * width).astype(np.intp)
    power = np.zeros(edges.shape[0])
    for row in track.samples:
        power += np.add.reduceat(np.square(row, dtype=np.float64), edges)
    return 10 * np.log10(power / np.diff(edges, append=length) + 1e-12)


def _heard_until(levels: Floats) -> float:
    """Seconds of the last level that is heard."""
    heard = np.flatnonzero(levels > levels.max() + _HEARD)
    return float(heard[-1] + 1) * _STEP


def _ends_itself(track: Track, levels: Floats, end: float) -> bool:
    """Whether the music stops before the samples end. A loop plays until its last beat is over."""
    last = levels[-round(_END_SECONDS / _STEP) :]
    if end >= track.seconds - _END_SECONDS and last.max() >= levels.max() + _QUIET:
        return False
    onsets, beat = track.analysis.onsets, 60 / track.beats.bpm
    last_beat = onsets[-max(1, round(_LAST_BEATS * beat * FRAMES_PER_SECOND)) :]
    return bool(last_beat.max() < _ATTACK * onsets.max())


def _last_bar(track: Track, end: float, wish: float) -> int:
    """The bar from which the music lasts nearest to `wish`; no less than SHORTEST if one does."""
    lasts = end - track.bars.times
    fits = np.where((lasts >= SHORTEST) & (lasts <= LONGEST), 0.0, LONGEST)
    return int((np.abs(lasts - wish) + fits).argmin())


def _strongest_bar(track: Track, wish: float) -> int:
    """The bar with the loudest downbeat after which `wish` seconds are left, if there is one."""
    frames = np.round(track.bars.times * FRAMES_PER_SECOND).astype(np.intp)
    near = np.clip(frames[:, None] + np.arange(-2, 4), 0, track.analysis.onsets.shape[0] - 1)
    onsets = track.analysis.onsets
    strength = onsets[near].max(axis=1) / max(float(onsets.max()), 1e-9)
    left = np.minimum(track.seconds - track.bars.times - wish, 0.0)
    return int((strength + left).argmax())


def _attack(track: Track, levels: Floats, time: float) -> float:
    """Seconds where the attack of a downbeat begins; `time` if there is none near it."""
    reach, width = round(_LOOK_SECONDS / _STEP), round(_RISE_SECONDS / _STEP)
    centre = round(time / _STEP)
    places = np.arange(max(centre - reach, 0), min(centre + reach, levels.shape[0] - width))
    if not places.size:
        return time
    floor = levels.max() + _HEARD
    rises = []
    for place in places:
        before = levels[max(place - width, 0) : place]
        quiet = max(float(before.mean()), floor) if before.size else floor
        rises.append(float(levels[place : place + width].mean()) - quiet)
    best = int(np.argmax(rises))
    return float(places[best]) * _STEP if rises[best] >= _RISE else time


def _shape(made: Samples, sample_rate: int, beat: float, *, release: bool) -> None:
    """Fade the first and the last samples in place. A release falls steadily in dB from the second
    beat on, as a room dies away."""
    count = made.shape[1]
    if release:
        held = min(round(beat * sample_rate), count // 2)
        fall = np.linspace(0, _HEARD, count - held, dtype=np.float32)
        made[:, held:] *= 10 ** (fall / 20)
    into = min(max(1, round(_FADE_IN * sample_rate)), count)
    made[:, :into] *= np.sin(np.linspace(0, math.pi / 2, into, dtype=np.float32)) ** 2
    out = min(max(1, round(_FADE_OUT * sample_rate)), count)
    made[:, -out:] *= np.cos(np.linspace(0, math.pi / 2, out, dtype=np.float32)) ** 2
    made[:, -1] = 0
