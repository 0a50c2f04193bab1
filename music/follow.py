"""Values that follow the music: one for each frame."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, MediaError
from ..audio.stopping import looked
from .analysis import BASS, FRAMES_PER_SECOND, HIGHS, Frames
from .beats import onset_envelope
from .methods import FOLLOW
from .track import Track

_MOST_FRAMES = 1_000_000
_RANGE_DB = 40.0
"""Levels this many dB below the loudest one, or lower, have the lowest value."""
_LOUDEST = 99.0
"""This percentile counts as the loudest level: one cymbal must not lower all other values."""


class Values(NamedTuple):
    """Values that drive a picture: frame n belongs to the time n / fps."""

    values: tuple[float, ...]
    fps: float
    beat_frames: tuple[int, ...]
    """The nearest existing frame to each beat."""
    track: Track

    @property
    def beats_json(self) -> str:
        """`beat_times`, `bpm`, `num_beats`, `sample_rate` and `bar_times`; times in seconds."""
        beats, bars = self.track.beats, self.track.bars
        return json.dumps(
            {
                "beat_times": [round(time, 4) for time in beats.times.tolist()],
                "bpm": round(beats.bpm, 3),
                "num_beats": beats.times.shape[0],
                "sample_rate": self.track.sample_rate,
                "bar_times": [round(time, 4) for time in bars.times.tolist()],
            }
        )

    @property
    def keyframes(self) -> str:
        """`0:(0.1200),` a line for each frame, as prompt and value schedules take them."""
        frames = looked(enumerate(self.values))
        return "\n".join(f"{frame}:({value:.4f})," for frame, value in frames)


def follow(
    track: Track,
    fps: float,
    frames: int = 0,
    *,
    what: str = "energy",
    low: float = 0.0,
    high: float = 1.0,
    smooth: float = 0.0,
) -> Values:
    """`frames` values (0: as many as the track lasts) between `low` and `high`.

    `what`: energy, bass and highs are levels (40 dB fill the range), onsets the attacks, beat and
    bar a pulse that is 1 on the beat or downbeat and falls to 0 at the next. `smooth` is the width
    of a Gaussian filter in seconds. After the end of the track every value is `low`. MediaError for
    a value out of range.
    """
    count = _check_wish(track, fps, frames, what, smooth)
    course = _course(track, what)
    if smooth > 0:
        course = _smoothed(course, smooth * FRAMES_PER_SECOND)
    # Compute each frame's time from its number: a sum of steps would drift.
    times = np.arange(count) / fps
    if what in ("beat", "bar") and smooth == 0:
        share = _pulse(_marks(track, what), times)
    else:
        share = np.interp(times * FRAMES_PER_SECOND, np.arange(course.shape[0]), course)
    share = np.where(times < track.seconds, np.clip(share, 0, 1), 0)
    values = low + (high - low) * share
    nearest = np.rint(track.beats.times * fps).astype(np.int64)
    return Values(
        tuple(values.tolist()), fps, tuple(np.unique(nearest[nearest < count]).tolist()), track
    )


def _check_wish(track: Track, fps: float, frames: int, what: str, smooth: float) -> int:
    """Check the arguments, and return the number of frames."""
    if what not in FOLLOW:
        raise MediaError(f"follow is {what!r}: expected one of {', '.join(FOLLOW)}.")
    if not 0 < fps <= 1000:
        raise MediaError(f"The frame rate is {fps:g}: expected more than 0, at most 1000 fps.")
    if frames < 0:
        raise MediaError(f"{frames} frames were asked for: expected 0 (all) or more.")
    if not 0 <= smooth <= 60:
        raise MediaError(f"smooth is {smooth:g} s: expected 0 to 60.")
    # The last frame begins before the track ends; a rounding error adds no frame.
    count = frames or max(1, int(np.ceil(track.seconds * fps - 1e-6)))
    if count > _MOST_FRAMES:
        raise MediaError(
            f"{count} frames are more than {_MOST_FRAMES}: set frames or a lower frame rate."
        )
    return count


def _course(track: Track, what: str) -> Floats:
    """[n] values from 0 to 1, 100 a second."""
    analysis = track.analysis
    if what == "energy":
        return _level(analysis.bands.sum(axis=0))
    if what == "bass":
        return _level(analysis.bands[BASS])
    if what == "highs":
        return _level(analysis.bands[HIGHS])
    if what == "onsets":
        onsets = onset_envelope(analysis)
        top = np.percentile(onsets, _LOUDEST)
        return np.clip(onsets / top, 0, 1) if top > 0 else onsets
    times = np.arange(analysis.onsets.shape[0]) / FRAMES_PER_SECOND
    return _pulse(_marks(track, what), times)


def _marks(track: Track, what: str) -> Floats:
    return track.bars.times if what == "bar" else track.beats.times


def _level(power: Frames) -> Floats:
    decibels = 10 * np.log10(power.astype(np.float64) + 1e-10)
    loudest = max(float(np.percentile(decibels, _LOUDEST)), -60.0)
    return np.clip(1 + (decibels - loudest) / _RANGE_DB, 0, 1)


def _pulse(marks: Floats, times: Floats) -> Floats:
    """A pulse: 1 at each mark, then a quadratic fall to 0 at the next one; 0 before the first
    mark."""
    if marks.shape[0] < 2:
        return np.zeros(times.shape[0])
    edges = np.append(marks, marks[-1] + np.median(np.diff(marks)))
    index = np.searchsorted(edges, times + 1e-9, side="right") - 1
    inside = (index >= 0) & (index < edges.shape[0] - 1)
    index = np.clip(index, 0, edges.shape[0] - 2)
    phase = (times - edges[index]) / (edges[index + 1] - edges[index])
    return np.where(inside, (1 - np.clip(phase, 0, 1)) ** 2, 0)


def _smoothed(course: Floats, width: float) -> Floats:
    """Smooth `course` by a Gaussian bell whose full width at half height is `width` frames."""
    sigma = width / 2.355
    reach = min(int(3 * sigma) + 1, course.shape[0])
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    padded = np.pad(course, reach, "edge")
    size = 1 << int(padded.shape[0] + bell.shape[0]).bit_length()
    product = np.fft.rfft(padded, size) * np.fft.rfft(bell / bell.sum(), size)
    return np.fft.irfft(product, size)[2 * reach : 2 * reach + course.shape[0]]
