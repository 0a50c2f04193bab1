"""Shots that change on the beat: their starts, their frames, and their parts of the track."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, MediaError, Samples
from ..audio.stopping import looked
from .analysis import FRAMES_PER_SECOND
from .bars import beat_features
from .beats import STEADY, onset_envelope
from .methods import EVERY, GRIDS
from .track import Track

MOST_SHOTS = 1000
"""ComfyUI runs all later nodes once for each shot."""
_PHRASE_BARS = 4
_STRENGTH = {"beats": 0.2, "bars": 0.2, "phrases": 0.2, "strongest": 1.0}
"""Weight of the strength of a possible start, relative to the number of shots or to equal
lengths."""
_LIMIT_COST = 1000.0
"""Cost of each second outside the limits of a shot's length."""
_NEAR_SECONDS = 0.03
"""An onset this near to a beat belongs to it."""
_CALM_DB, _INTENSE_DB = -3.0, 1.5
"""dB relative to the track's level: a quieter shot is called calm, a louder one intense."""
_CHANGE_DB = 3.0
"""dB from the first to the second half of a shot: the prompt mentions a larger change."""


class Shot(NamedTuple):
    start_frame: int
    keep: int
    """Frames up to the next shot."""
    frames: int
    """Frames to make: the smallest number of the grid that is not below `keep`."""
    samples: Samples
    """View of the track, from this shot's first frame to the next shot's."""
    slot: str
    """Words for a prompt: opening or ending, and the energy of the music."""


class Shots(NamedTuple):
    shots: tuple[Shot, ...]
    fps: Fraction
    report: str


def plan_shots(
    track: Track,
    fps: Fraction,
    *,
    every: str = "bars",
    count: int = 0,
    min_seconds: float = 0.0,
    max_seconds: float = 0.0,
    grid: str = "none",
) -> Shots:
    """Divide a track into shots. Each begins at the frame of `fps` that is nearest to a beat.

    A shot may begin at each beat, bar or phrase of 4 bars, or at the strongest beats (`every`).
    `count` shots have nearly equal lengths. Without it, `min_seconds` and `max_seconds` limit their
    lengths; 0 means no limit. Music without a beat is divided into equal parts. MediaError for a
    value out of range, and for more shots than possible starts.
    """
    _check_wish(fps, every, count, min_seconds, max_seconds, grid)
    total = max(1, round(Fraction(track.samples.shape[1], track.sample_rate) * fps))
    # Noise and drones have beats too, of a low confidence.
    has_beat = track.beats.bpm > 0 and track.beats.confidence >= STEADY
    times, strengths = _places(track, every) if has_beat else (np.empty(0), np.empty(0))
    frames = np.array([round(Fraction(time) * fps) for time in times.tolist()], np.int64)
    inside = (frames > 0) & (frames < total)
    frames, first = np.unique(frames[inside], return_index=True)
    strengths = strengths[inside][first]
    notes = []
    if not has_beat:
        notes.append("No beat was found: the shots have equal lengths.")
        frames = _equal(total, fps, count, min_seconds, max_seconds)
        strengths = np.zeros(frames.shape[0])
    if count > frames.shape[0] + 1:
        raise MediaError(
            f"count is {count}, and the music has room for {frames.shape[0] + 1} shots: set a "
            "lower count, or let every be beats."
        )
    edges = np.array([0, *frames, total])
    values = np.array([0.0, *strengths, 0.0])
    seconds = edges / float(fps)
    if not has_beat:
        chosen = np.arange(edges.shape[0])
    elif count:
        chosen = _counted(seconds, values * _STRENGTH[every], count)
    else:
        chosen = _limited(seconds, values, every, min_seconds, max_seconds)
    if chosen.shape[0] - 1 > MOST_SHOTS:
        raise MediaError(
            f"The music would have {chosen.shape[0] - 1} shots: expected {MOST_SHOTS} at most; "
            "raise min_seconds, or set a count."
        )
    shots = _cut(track, edges[chosen], fps, grid)
    return Shots(shots, fps, _report(track, shots, fps, grid, min_seconds, max_seconds, notes))


def _check_wish(
    fps: Fraction, every: str, count: int, min_seconds: float, max_seconds: float, grid: str
) -> None:
    if not 0 < fps <= 1000:
        raise MediaError(f"fps is {float(fps):g}: expected more than 0, at most 1000.")
    if every not in EVERY:
        raise MediaError(f"every is {every!r}: expected one of {', '.join(EVERY)}.")
    if grid not in GRIDS:
        raise MediaError(f"The grid is {grid!r}: expected one of {', '.join(GRIDS)}.")
    if not 0 <= count <= MOST_SHOTS:
        raise MediaError(f"count is {count}: expected 1 to {MOST_SHOTS} shots, or 0.")
    for name, value in (("min_seconds", min_seconds), ("max_seconds", max_seconds)):
        if not value >= 0:
            raise MediaError(f"{name} is {value:g}: expected 0 (no limit) or more seconds.")
    if 0 < max_seconds < min_seconds:
        raise MediaError(
            f"min_seconds is {min_seconds:g}, and max_seconds is {max_seconds:g}: expected a "
            "max_seconds that is not below min_seconds, or 0."
        )


def _places(track: Track, every: str) -> tuple[Floats, Floats]:
    """Times in seconds at which a shot may begin, and their strengths (mean 0, deviation 1)."""
    beats, bars = track.beats.times, track.bars
    if every in ("beats", "strongest"):
        # A downbeat is a better start than another beat of the same strength.
        return beats, _standard(_accents(track, beats) + (bars.places == 0))
    starts = bars.times
    if every == "bars" or starts.shape[0] < 2 * _PHRASE_BARS:
        return starts, _standard(_accents(track, starts))
    novelty = _novelty(track, starts)
    # A phrase begins at the bar with the largest change of music, of each four bars.
    sums = [float(novelty[phase::_PHRASE_BARS].mean()) for phase in range(_PHRASE_BARS)]
    phase = int(np.argmax(sums))
    return starts[phase::_PHRASE_BARS], _standard(novelty[phase::_PHRASE_BARS])


def _accents(track: Track, times: Floats) -> Floats:
    """[n] height of the strongest onset near each time; the envelope has a deviation of 1."""
    envelope = onset_envelope(track.analysis)
    reach = round(_NEAR_SECONDS * FRAMES_PER_SECOND)
    near = np.rint(times * FRAMES_PER_SECOND).astype(np.int64)[:, None]
    near = near + np.arange(-reach, reach + 1)
    return envelope[np.clip(near, 0, envelope.shape[0] - 1)].max(axis=1)


def _novelty(track: Track, bars: Floats) -> Floats:
    """[n] change of harmony, timbre and level from the two bars before to the two bars after."""
    found = beat_features(track.analysis, bars)
    rows = np.hstack((found.chroma, found.timbre, found.level[:, None] / 6))
    padded = np.pad(rows, ((2, 1), (0, 0)), "edge")
    change = padded[2:-1] + padded[3:] - padded[:-3] - padded[1:-2]
    return np.linalg.norm(change, axis=1)


def _standard(row: Floats) -> Floats:
    return (row - row.mean()) / (row.std() + 1e-9) if row.size else row


def _equal(
    total: int, fps: Fraction, count: int, min_seconds: float, max_seconds: float
) -> np.ndarray:
    """First frames of all shots but the first, for music without a beat."""
    if not count:
        limits = [limit for limit in (min_seconds, max_seconds) if limit]
        usual = sum(limits) / len(limits) if limits else 0.0
        # The number of parts follows from the usual length; each part keeps to max_seconds.
        seconds = float(total / fps)
        least = math.ceil(seconds / max_seconds - 1e-9) if max_seconds else 1
        count = max(least, 1, math.floor(seconds / usual + 1e-9) if usual else 1)
    inner = np.rint(np.arange(1, count) * total / count).astype(np.int64)
    return np.unique(inner[(inner > 0) & (inner < total)])


def _limited(
    seconds: Floats, strengths: Floats, every: str, shortest: float, longest: float
) -> np.ndarray:
    """Indices of the best edges for shots within the limits of length.

    The search minimises a cost: high for each shot outside the limits, low for each weak edge.
    """
    gain = _STRENGTH[every] * strengths + (
        0.0 if every == "strongest" else 1.0 + max(_STRENGTH.values())
    )
    gain[-1] = 0.0
    count = seconds.shape[0]
    best = np.full(count, np.inf)
    before = np.zeros(count, np.int64)
    best[0] = 0.0
    for end in looked(range(1, count)):
        lengths = seconds[end] - seconds[:end]
        beyond = np.maximum(shortest - lengths, 0)
        if longest:
            beyond = beyond + np.maximum(lengths - longest, 0)
        costs = best[:end] + _LIMIT_COST * np.where(beyond > 1e-9, beyond, 0)
        before[end] = int(costs.argmin())
        best[end] = costs[before[end]] - gain[end]
    return _traced(before)


def _counted(seconds: Floats, strengths: Floats, count: int) -> np.ndarray:
    """Indices of `count + 1` edges: shots of nearly equal lengths that begin at strong beats."""
    ideal = seconds[-1] / count
    last = seconds.shape[0] - 1
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    starts, costs = np.array([0]), np.zeros(1)
    for number in looked(range(1, count + 1)):
        if number == count:
            found = np.array([last])
        else:
            # An edge lies at most one mean shot away from its even position, and each shot needs
            # its own edge.
            near = np.abs(seconds - number * ideal) <= ideal
            near[:number] = near[last - count + number + 1 :] = False
            found = np.flatnonzero(near)
            if not found.size:
                found = np.array([np.rint(number * last / count).astype(np.int64)])
        lengths = seconds[found][None, :] - seconds[starts][:, None]
        ways = costs[:, None] + np.where(lengths > 0, (lengths / ideal - 1) ** 2, np.inf)
        choice = ways.argmin(axis=0)
        costs = ways[choice, np.arange(found.shape[0])] - strengths[found] / 4
        layers.append((starts, choice))
        starts = found
    at, chosen = 0, [last]
    if not np.isfinite(costs[0]):
        return np.unique(np.rint(np.linspace(0, last, count + 1)).astype(np.int64))
    for origins, choice in reversed(layers):
        at = int(choice[at])
        chosen.append(int(origins[at]))
    return np.array(chosen[::-1])


def _traced(before: np.ndarray) -> np.ndarray:
    chosen = [before.shape[0] - 1]
    while chosen[-1]:
        chosen.append(int(before[chosen[-1]]))
    return np.array(chosen[::-1])


def _cut(track: Track, edges: np.ndarray, fps: Fraction, grid: str) -> tuple[Shot, ...]:
    samples, rate = track.samples, track.sample_rate
    cuts = [round(int(edge) / fps * rate) for edge in edges]
    cuts[0], cuts[-1] = 0, samples.shape[1]
    shots = []
    for number, (start, end) in enumerate(itertools.pairwise(cuts)):
        part_name = "opening" if number == 0 else "ending" if end == cuts[-1] else ""
        words = [word for word in (part_name, *_energy(track, start / rate, end / rate)) if word]
        keep = int(edges[number + 1] - edges[number])
        frames = _on_grid(keep, grid)
        part = samples[:, start:end]
        shots.append(Shot(int(edges[number]), keep, frames, part, ", ".join(words)))
    return tuple(shots)


def _on_grid(frames: int, grid: str) -> int:
    """The smallest number of the grid that is not below `frames`.

    >>> [_on_grid(50, grid) for grid in ("none", "4n+1", "8n+1", "17n+5")]
    [50, 53, 57, 56]
    """
    if grid == "none":
        return frames
    step, first = (int(part) for part in grid.split("n+"))
    return first + step * max(0, math.ceil((frames - first) / step))


def _energy(track: Track, start: float, end: float) -> tuple[str, str]:
    """Words for the level of a part of the track, and for its change."""
    power = track.analysis.bands.sum(axis=0)
    first = min(round(start * FRAMES_PER_SECOND), power.shape[0] - 1)
    last = max(first + 1, round(end * FRAMES_PER_SECOND))
    part = power[first:last]
    middle = max(1, part.shape[0] // 2)

    def level(row: np.ndarray) -> float:
        return 10 * math.log10(float(row.mean(dtype=np.float64)) + 1e-10)

    height = level(part) - level(power)
    word = "calm" if height < _CALM_DB else "intense" if height > _INTENSE_DB else "moderate"
    change = level(part[middle:]) - level(part[:middle]) if part.shape[0] > 1 else 0.0
    return word, "rising" if change > _CHANGE_DB else "falling" if change < -_CHANGE_DB else ""


def _report(
    track: Track,
    shots: tuple[Shot, ...],
    fps: Fraction,
    grid: str,
    shortest: float,
    longest: float,
    notes: list[str],
) -> str:
    beats = track.beats
    found = "no beat" if notes else f"{beats.bpm:.1f} bpm, {track.bars.meter} beats in a bar"
    lengths = [float(shot.keep / fps) for shot in shots]
    lines = [
        f"{len(shots)} shots of {min(lengths):.2f} to {max(lengths):.2f} s ({found}).",
        *notes,
    ]
    half = float(0.5 / fps)
    short = sum(length < shortest - half for length in lengths)
    long = sum(length > longest + half for length in lengths) if longest else 0
    if short:
        lines.append(f"{short} shots are shorter than min_seconds: the beats allow no other cut.")
    if long:
        lines.append(f"{long} shots are longer than max_seconds: the beats allow no other cut.")
    for number, shot in enumerate(shots):
        surplus = shot.frames - shot.keep
        line = (
            f"Shot {number + 1}: {float(shot.start_frame / fps):.3f} s, {shot.keep} frames, "
            f"{shot.slot}"
        )
        lines.append(
            f"{line}; {shot.frames} on the grid {grid}, so cut {surplus} off its end"
            if surplus
            else line
        )
    return "\n".join(lines)
