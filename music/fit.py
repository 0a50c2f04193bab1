"""Music at an exact length: the choice of a method, its result and a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..audio.arrays import MediaError, Samples, check_samples
from .anchors import MOST_SPEED, Grid
from .beat_network import fault
from .beats import STEADY
from .hits import NO_HITS, Hit, Hits, told
from .joins import FADE_SECONDS
from .loop_fit import plan_loops
from .methods import ENDINGS, METHODS
from .remix import MAX_SPEED_CHANGE, Plan, beats_of, plan_remix
from .render import AS_IS, Piece, natural_length, render, warp
from .splice import plan_splice
from .stretch import MOST as MOST_STRETCH
from .stretch import engine, stretch
from .track import Track, read_track

FADE_SHARE, LONGEST_FADE = 0.15, 4.0
"""Default length of a fade-out: this share of the whole, but at most the second number in
seconds."""
_SAME_TEMPO = 0.04
"""A tempo is the given one if they differ by at most this share."""
DECLICK_SECONDS = 0.003
"""Length of the fade if the result begins or ends in the middle of a sound."""
_RING_SECONDS = 0.5
"""Length of the fade if the picture ends while the last beat still rings."""


class Join(NamedTuple):
    """A join; all times are in seconds."""

    at: float
    """End of the crossfade in the result."""
    left: float
    """Time at which the source is left."""
    right: float
    """Time at which the source goes on."""


class Kept(NamedTuple):
    """A segment of the source that is heard; all times are in seconds."""

    at: float
    """Its time in the result."""
    start: float
    end: float


class Fit(NamedTuple):
    samples: Samples
    """New float32 [channels, length]."""
    sample_rate: int
    method: str
    """The used method: remix, loop, stretch, cut, or none if the length was right."""
    why: str
    """One sentence: the reason for this method."""
    joins: tuple[Join, ...]
    kept: tuple[Kept, ...]
    speed: float
    """Speed between the first and the last two bars; 1.0 is the source's, 1.01 is 1 % faster."""
    notes: tuple[str, ...]
    """Sentences on other changes, and on wishes that could not be met."""
    track: Track
    """The source with its beats and bars."""
    grid: Grid
    """The beats of the result, in seconds."""
    plan: Plan | None
    """The heard segments of the source; None for a stretch."""
    hits: tuple[Hit, ...] = ()

    def error(self, hit: Hit, *, bar: bool = False) -> float:
        """Seconds from a hit to the nearest beat or bar of the result; above 0 if that is later."""
        times = self.grid.beats[self.grid.downbeats] if bar else self.grid.beats
        if not times.size:
            return math.inf
        return float(times[int(np.abs(times - hit.time).argmin())] - hit.time)

    @property
    def report(self) -> str:
        """The result in words, one fact a line."""
        source, result = self.track.seconds, self.samples.shape[1] / self.sample_rate
        lines = [f"{source:.3f} s became {result:.3f} s by {self.method}: {self.why}"]
        beats = self.track.beats
        if beats.bpm:
            steady = "steady" if beats.steady else "followed, not steady"
            lines.append(
                f"Beat: {beats.bpm:.1f} bpm, {self.track.bars.meter} beats in a bar, {steady} "
                f"(confidence {beats.confidence:.2f}, steady from {STEADY:g})."
            )
            asked = self.track.asked
            if asked and abs(beats.bpm / asked - 1) > _SAME_TEMPO:
                lines.append(f"Tempo: {asked:g} bpm was given, the music has {beats.bpm:.1f} bpm.")
        else:
            lines.append("Beat: none was found.")
        if fault():
            lines.append(fault())
        lines += [
            f"Join at {join.at:.2f} s: from {join.left:.2f} s to {join.right:.2f} s of the source."
            for join in self.joins
        ]
        if self.speed != 1:
            lines.append(f"Speed: {100 * (self.speed - 1):+.2f} %.")
        return "\n".join((*lines, *self.notes, *self._hit_lines()))

    def _hit_lines(self) -> list[str]:
        hits = self.hits
        if not hits:
            return []
        if self.grid.beats.size < 2:
            return [f"None of {len(hits)} hits is met, because no beat was found."]
        errors = [self.error(hit) for hit in hits]
        return told(hits, errors, [self.error(hit, bar=True) for hit in hits])


def fit(
    samples: Samples,
    sample_rate: int,
    length: int,
    *,
    method: str = "auto",
    ending: str = "keep",
    tempo: float = 0.0,
    fade_in: float = 0.0,
    fade_out: float = 0.0,
    hits: Hits = NO_HITS,
) -> Fit:
    """Bring `samples` (float32 [channels, n]) to exactly `length` samples, in a new array.

    `tempo` in bpm settles the octave of the beat, 0 finds it. `ending`: keep plays the track's own
    ending; fade fades out; hard stops (a remix stops at the end of a bar); last hit puts the last
    beat of the track's own ending on the last hit. Fades are in seconds. A remix puts beats on
    `hits`, and downbeats on the strong ones. MediaError for a value out of range, and for a method
    that cannot reach `length`.

    >>> noise = np.random.default_rng(1).normal(0, 0.1, (2, 96000)).astype(np.float32)
    >>> fit(noise, 48000, 72000, method="cut").samples.shape
    (2, 72000)
    """
    check_samples(samples, sample_rate)
    _check_wish(length, sample_rate, method, ending, fade_in, fade_out)
    track = read_track(samples, sample_rate, tempo)
    if ending == "last hit":
        whole = _length_to_last_hit(track, hits.hits)
        fitted = _fit(track, whole, method, ending, hits.hits)
        fitted = fitted._replace(samples=_resized(fitted.samples, length, sample_rate))
    else:
        fitted = _fit(track, length, method, ending, hits.hits)
    fitted = fitted._replace(hits=hits.hits, notes=(*fitted.notes, *hits.notes))
    out = fitted.samples
    if ending == "fade" and not fade_out:
        fade_out = min(LONGEST_FADE, FADE_SHARE * length / sample_rate)
    _fade(out, round(fade_in * sample_rate), round(fade_out * sample_rate))
    return fitted


def _check_wish(
    length: int, sample_rate: int, method: str, ending: str, fade_in: float, fade_out: float
) -> None:
    if length < 1:
        raise MediaError(f"A length of {length} samples was asked: expected at least 1.")
    if method not in METHODS:
        raise MediaError(f"The method is {method!r}: expected one of {', '.join(METHODS)}.")
    if ending not in ENDINGS:
        raise MediaError(f"The ending is {ending!r}: expected one of {', '.join(ENDINGS)}.")
    for name, fade in (("fade_in", fade_in), ("fade_out", fade_out)):
        if not 0 <= fade <= length / sample_rate:
            raise MediaError(
                f"{name} is {fade:g} s: expected 0 to the length of {length / sample_rate:.2f} s."
            )


def _length_to_last_hit(track: Track, hits: Sequence[Hit]) -> int:
    """Length in samples at which the last beat of the track falls on the last hit."""
    if not hits:
        raise MediaError(
            "The ending is last hit, and there is no hit in the picture: give hits, or choose the "
            "ending keep."
        )
    last = track.beats.times[-1] if track.beats.bpm else track.seconds
    return round((hits[-1].time + track.seconds - last) * track.sample_rate)


def _resized(samples: Samples, length: int, sample_rate: int) -> Samples:
    """New samples of `length`: silence follows, or the music fades out while it rings."""
    missing = length - samples.shape[1]
    if missing >= 0:
        return np.pad(samples, ((0, 0), (0, missing)))
    out = samples[:, :length].copy()
    _fade(out, 0, round(min(_RING_SECONDS, length / sample_rate) * sample_rate))
    return out


def _fit(track: Track, length: int, method: str, ending: str, hits: Sequence[Hit]) -> Fit:
    total = track.samples.shape[1]
    remixes = method in ("auto", "remix") and not _no_remix(track)
    if length == total and method != "cut" and not (hits and remixes):
        return _from_plan(
            track, length, "none", "the music has that length already.", _whole(track), ()
        )
    if track.analysis.silent:
        return _cut(track, length, "hard", "the music is silent.")
    if method == "stretch":
        return _stretch(track, length)
    if method in ("auto", "remix"):
        problem = _no_remix(track)
        plan = None if problem else plan_remix(track, length, ending, hits)
        if plan is None and not problem:
            problem = "the music has too few bars for this length"
        if plan is not None:
            why = "it was asked for." if method == "remix" else "the beat is steady."
            return _from_plan(track, length, "remix", why, plan, _remix_notes(track, plan, length))
        if method == "remix":
            raise MediaError(f"No remix: {problem}. Use the method auto, loop or cut.")
        why = f"{problem}."
    else:
        why = "it was asked for."
    # Without a remix, only the length puts the ending on the last hit.
    ending = "keep" if ending == "last hit" else ending
    if method == "cut" or length < total:
        return _cut(track, length, ending, why)
    return _loop(track, length, ending, why)


def _no_remix(track: Track) -> str:
    """The reason why joins on the beat are impossible, or an empty string."""
    if not track.beats.bpm:
        return "no steady beat was found"
    if not track.beats.steady:
        return f"no steady beat was found (confidence {track.beats.confidence:.2f})"
    return ""


def _whole(track: Track) -> Plan:
    return Plan((Piece(0, track.samples.shape[1]),), AS_IS, 0, ())


def _remix_notes(track: Track, plan: Plan, length: int) -> tuple[str, ...]:
    notes = []
    rate = track.sample_rate
    if plan.warp:
        notes.append(_warp_note(plan, rate))
    if plan.cut:
        notes.append(
            f"{plan.cut / rate:.2f} s were cut off the beginning: a change of speed of "
            f"{MAX_SPEED_CHANGE:.0%} could not make up for them."
        )
    elif plan.pieces[0].start:
        notes.append(f"It begins {plan.pieces[0].start / rate:.2f} s into the source, on a beat.")
    return tuple(notes)


def _warp_note(plan: Plan, rate: int) -> str:
    before, after = np.array(plan.warp, np.float64).T
    speeds = np.diff(before) / np.maximum(np.diff(after), 1)
    changed = speeds[np.abs(speeds - 1) > 1e-4]
    note = "The music keeps its own speed between the hits."
    if changed.size:
        note = (
            f"The speed changes by {100 * (changed.min() - 1):+.2f} to "
            f"{100 * (changed.max() - 1):+.2f} % between hits (at most {MOST_SPEED:.0%}), with the "
            f"pitch kept by {engine()}."
        )
    lead = after[0] / rate
    return f"{note} It begins after {lead:.2f} s of silence." if lead else note


def _loop(track: Track, length: int, ending: str, why: str) -> Fit:
    total = track.samples.shape[1]
    if length <= total:
        return _cut(track, length, ending, "the music is longer already: nothing to repeat.")
    plan = plan_loops(track, length, ending) or plan_splice(track, length)
    if plan is None:
        return _cut(track, length, ending, "the music is too short to be repeated.")
    notes = (
        (f"{plan.cut / track.sample_rate:.2f} s were cut off the beginning.",) if plan.cut else ()
    )
    return _from_plan(track, length, "loop", why, plan, notes)


def _cut(track: Track, length: int, ending: str, why: str) -> Fit:
    total, rate = track.samples.shape[1], track.sample_rate
    if length > total:
        note = f"After the music {(length - total) / rate:.2f} s are silent."
        return _from_plan(track, length, "cut", why, _whole(track), (note,))
    plan = plan_splice(track, length) if ending == "keep" else None
    if plan is not None:
        note = "The middle was taken out, so that the ending stays."
        return _from_plan(track, length, "cut", why, plan, (note,))
    plan = Plan((Piece(0, length),), AS_IS, 0, ())
    return _from_plan(track, length, "cut", why, plan, ())


def _stretch(track: Track, length: int) -> Fit:
    out = stretch(track.samples, track.sample_rate, length)
    total = track.samples.shape[1]
    kept = (Kept(0.0, 0.0, track.seconds),)
    notes = (f"Pitch kept, by {engine()}; at most {MOST_STRETCH[engine()]:.0%} is possible.",)
    speed = total / length
    why = "it was asked for."
    grid = Grid(track.beats.times / speed, track.bars.places == 0)
    return Fit(out, track.sample_rate, "stretch", why, (), kept, speed, notes, track, grid, None)


def _from_plan(
    track: Track, length: int, method: str, why: str, plan: Plan, notes: tuple[str, ...]
) -> Fit:
    rate = track.sample_rate
    declick = round(DECLICK_SECONDS * rate)
    begins = declick if plan.pieces[0].start else 0
    if plan.warp:
        natural = natural_length(plan.pieces)
        out = render(track.samples, rate, plan.pieces, natural, fade=plan.fade)
        _fade(out, begins, 0)
        out = warp(out, rate, plan.warp, length, round(FADE_SECONDS * rate))
        ends_early = plan.warp[-1][1] + natural - plan.warp[-1][0] > length
    else:
        out = render(track.samples, rate, plan.pieces, length, fade=plan.fade, speed=plan.speed)
        _fade(out, begins, 0)
        ends_early = False
    ends_early = ends_early or plan.pieces[-1].end < track.samples.shape[1]
    _fade(out, 0, declick if ends_early else 0)
    starts = np.cumsum([0, *(piece.end - piece.start for piece in plan.pieces[:-1])])
    places = plan.heard(starts.astype(np.float64)).tolist()
    kept = tuple(
        Kept(place / rate, piece.start / rate, piece.end / rate)
        for place, piece in zip(places, plan.pieces, strict=True)
    )
    joins = tuple(
        Join(place / rate, joint.left / rate, joint.right / rate)
        for place, joint in zip(places[1:], plan.joints, strict=True)
    )
    grid = beats_of(track, plan.pieces)
    heard = plan.heard(grid.beats * rate) / rate
    inside = heard < length / rate
    grid = Grid(heard[inside], grid.downbeats[inside])
    return Fit(out, rate, method, why, joins, kept, plan.speed.ratio, notes, track, grid, plan)


def _fade(out: Samples, start: int, end: int) -> None:
    """Fade `out` in place: equal-power curves at its start and end, in samples."""
    length = out.shape[1]
    start, end = min(start, length), min(end, length)
    if start > 0:
        out[:, :start] *= np.sin((np.arange(start) + 0.5) / start * (np.pi / 2)).astype(np.float32)
    if end > 0:
        out[:, length - end :] *= np.cos((np.arange(end) + 0.5) / end * (np.pi / 2)).astype(
            np.float32
        )
