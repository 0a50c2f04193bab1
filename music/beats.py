"""Find the beats: onset envelope, tempo, and the best chain of beats by dynamic programming.

The method is published: D. P. W. Ellis, "Beat Tracking by Dynamic Programming", Journal of New
Music Research 36 (2007). The caller's tempo settles the octave. The chain follows the audio.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Floats
from ..audio.stopping import looked
from .analysis import (
    COARSE_PER_SECOND,
    FRAMES_PER_SECOND,
    Analysis,
    Frames,
    change_of,
    even_chroma,
)
from .beat_network import best_relative, relative, sound_of
from .pulse import likely_beats
from .tempo import FASTEST, SLOWEST, check_hint, find_tempo, local_periods

STEADY = 0.16
"""With at least this confidence, joins on beats are safe. Noise and drones have less than 0.1,
music with a pulse has more than 0.2."""

_TIGHTNESS = 4000.0
"""Cost of an early or late beat: the factor of log(interval / local period) squared. Ellis uses 680
and one period for the track. With a local period the cost may be higher: loud hi-hats then do not
pull the chain to the off-beat."""
_LATENCY = -0.004
"""Seconds from an attack to the peak of the envelope. Measured: -7 ms for clicks, 0 for drums in a
mix."""
_DETREND_SECONDS = 0.8
_WEIGHTS = (1.0, 0.5, 0.25, 1.0)
"""Weights of bass, middle, highs and change of harmony in the beat envelope."""
_HARMONY_REACH = 7
"""Compare the harmony of this many coarse frames (0.28 s) before a moment and after it."""
_NEIGHBOURS = 3
"""Smooth the time of a beat over this many beats on each side."""
_SILENT = 0.12
"""Drop a beat at either end of the track if its onset is below this share of the usual one."""
_MOVING_GAIN, _MOVING_WIDTH, _MOVING_NEIGHBOURS = 0.7, 3.0, 1
"""Without a steady tempo: the weight and the width (frames) of the onsets, and the beats of a
smoothing."""
_HINT_RANGE = 2**0.45
"""Without a steady tempo: the search stays within this factor of a hint, which settles the
octave."""
_ODDS = (-3.0, 6.0)
"""Limits of the evidence of one moment for a beat, and against one."""
_FLAT = 0.03
"""Limit on the 99th percentile of the rises: hum and beating partials have less than 0.025, music
has more than 0.08."""
_NO_ORDER, _UNIFORM = 0.05, 0.48
"""Noise has a lower confidence, and a lower deviation of its rises relative to their mean: 0.3 to
0.44. Music has more than 0.5."""
_SNAP = 4
"""Search for the onset of a beat in this many frames on each side."""


class Beats(NamedTuple):
    times: Floats
    """[n] seconds, ascending; empty without a beat."""
    bpm: float
    """Median over the track; 0 without beats."""
    confidence: float
    """0 to 1; see STEADY."""

    @property
    def steady(self) -> bool:
        return self.confidence >= STEADY and self.times.shape[0] >= 8


NO_BEATS = Beats(np.empty(0), 0.0, 0.0)


def find_beats(analysis: Analysis, hint: float = 0.0) -> Beats:
    """Beats of a track; `hint` is its tempo in bpm, 0 to find it. MediaError for a bad hint."""
    check_hint(hint)
    envelope = onset_envelope(analysis)
    if analysis.silent or not envelope.any():
        return NO_BEATS
    tempo = find_tempo(onset_envelope(analysis), FRAMES_PER_SECOND, hint)
    period = 60 * FRAMES_PER_SECOND / tempo.bpm if tempo.bpm else 0.0
    if not period or envelope.shape[0] < 2 * period:
        return NO_BEATS
    periods, confidence = local_periods(envelope, FRAMES_PER_SECOND, tempo.bpm)
    if _is_even(analysis.onsets, confidence):
        return NO_BEATS
    if confidence < STEADY:
        neighbours, times = _MOVING_NEIGHBOURS, _followed(analysis, envelope, hint)
    else:
        local = np.convolve(_beat_envelope(analysis), _bell(max(1.0, period / 32)), "same")
        local /= max(local.std(), 1e-9)
        frames = _without_silence(_chain(local, periods), envelope)
        neighbours = _NEIGHBOURS
        times = _smooth(*_nearest_onsets(frames, envelope), neighbours) / FRAMES_PER_SECOND
    sound = sound_of(analysis.spectrum, analysis.chroma)
    step, phase = best_relative(sound, times - _LATENCY, not hint)
    if (step, phase) != (1, 0):
        first, last = 2 * times[0] - times[1], 2 * times[-1] - times[-2]
        # The chain may begin and end a beat earlier and later: silence is cut off.
        whole = np.concatenate(([first], times, [last]))
        times = relative(whole, step, phase + 1 - step * int((phase + 1) / step))
        frames = np.rint(times[(times >= 0) & (times < analysis.seconds)] * FRAMES_PER_SECOND)
        frames = _without_silence(frames.astype(np.intp), envelope)
        times = _smooth(*_nearest_onsets(frames, envelope), neighbours) / FRAMES_PER_SECOND
    times = times - _LATENCY
    times = times[(times >= 0) & (times < analysis.seconds)]
    if times.shape[0] < 2:
        return NO_BEATS
    bpm = 60 / float(np.median(np.diff(times)))
    return Beats(times, bpm, confidence)


def _is_even(onsets: Frames, confidence: float) -> bool:
    """Whether the sound lacks attacks (hum, drones), or its attacks lack a rhythm (noise)."""
    rises = onsets[FRAMES_PER_SECOND // 10 :]
    if not rises.size or np.percentile(rises, 99) < _FLAT:
        return True
    return confidence < _NO_ORDER and float(rises.std()) < _UNIFORM * float(rises.mean())


def _followed(analysis: Analysis, envelope: Floats, hint: float) -> Floats:
    """Seconds of the beats of music whose tempo moves from beat to beat."""
    salience = np.convolve(_beat_envelope(analysis), _bell(_MOVING_WIDTH), "same")
    odds = salience / max(salience.std(), 1e-9) - 1
    low, high = (hint / _HINT_RANGE, hint * _HINT_RANGE) if hint else (SLOWEST, FASTEST)
    chain = likely_beats(np.clip(_MOVING_GAIN * odds, *_ODDS), low, high, hint)
    if chain.shape[0] < 2:
        return np.empty(0)
    return _smooth(*_nearest_onsets(chain, envelope), _MOVING_NEIGHBOURS) / FRAMES_PER_SECOND


def onset_envelope(analysis: Analysis) -> Floats:
    """[n] onsets minus their slow change, scaled to a standard deviation of 1, 100 a second."""
    return _peaks(analysis.onsets)


def _beat_envelope(analysis: Analysis) -> Floats:
    """[n] beat salience: weighted flux of bass, mids and highs plus harmonic change."""
    rows = [_peaks(row) for row in (*analysis.flux, harmonic_change(analysis))]
    return np.sum([weight * row for weight, row in zip(_WEIGHTS, rows, strict=True)], axis=0)


def harmonic_change(analysis: Analysis) -> Frames:
    """[n] distance between the chroma before and after each frame, 100 a second."""
    distance = change_of(even_chroma(analysis.chroma), _HARMONY_REACH)
    # A sum includes its last frame, so the border lies half a frame later.
    moment = (np.arange(distance.shape[0]) + 0.5) / COARSE_PER_SECOND
    times = np.arange(analysis.onsets.shape[0]) / FRAMES_PER_SECOND
    return np.interp(times, moment, distance).astype(np.float32)


def _peaks(course: Frames) -> Floats:
    window = np.hanning(int(_DETREND_SECONDS * FRAMES_PER_SECOND) + 1)
    mean = np.convolve(course, window / window.sum(), "same")[: course.shape[0]]
    peaks = np.maximum(course.astype(np.float64) - mean, 0)
    deviation = peaks.std()
    return peaks / deviation if deviation > 0 else peaks


def _chain(local: Floats, periods: Floats) -> npt.NDArray[np.intp]:
    """Frames of the best chain of beats: the sum of its onsets, less the cost of its intervals, is
    highest.

    A beat's predecessor is two thirds to one and a half periods back, so two thirds of a period of
    frames can be computed at once.
    """
    count = local.shape[0]
    nearest = max(1, int(periods.min() / 1.5))
    furthest = max(nearest + 1, int(periods.max() * 1.5))
    lags = np.arange(furthest, nearest - 1, -1)
    log_lags, log_periods = np.log(lags), np.log(periods)
    score = np.full(furthest + count, -np.inf)
    before = np.full(count, -1, np.int64)
    for start in looked(range(0, count, nearest)):
        end = min(start + nearest, count)
        past = np.lib.stride_tricks.sliding_window_view(
            score[start : end - 1 + lags.shape[0]], lags.shape[0]
        )
        late = log_lags - log_periods[start:end, None]
        options = past - _TIGHTNESS * late * late
        best = options.argmax(axis=1)
        value = options[np.arange(end - start), best]
        begins = ~(value > 0)
        score[furthest + start : furthest + end] = local[start:end] + np.where(begins, 0, value)
        before[start:end] = np.where(begins, -1, np.arange(start, end) - lags[best])
    final = score[furthest:]
    tail = max(0, count - furthest)
    frame = tail + int(np.argmax(final[tail:]))
    chain = []
    while frame >= 0:
        chain.append(frame)
        frame = int(before[frame])
    return np.array(chain[::-1], np.intp)


def _without_silence(frames: npt.NDArray[np.intp], envelope: Floats) -> npt.NDArray[np.intp]:
    """The chain without the beats before its first onset and after its last one."""
    heard = np.lib.stride_tricks.sliding_window_view(np.pad(envelope, _SNAP), 2 * _SNAP + 1)
    strength = heard.max(axis=1)[frames]
    used = np.flatnonzero(strength > _SILENT * strength.mean())
    return frames[used[0] : used[-1] + 1] if used.size else frames[:0]


def _nearest_onsets(frames: npt.NDArray[np.intp], envelope: Floats) -> tuple[Floats, Floats]:
    """(position in frames, strength) of the strongest onset near each beat."""
    near = np.clip(frames[:, None] + np.arange(-_SNAP, _SNAP + 1), 1, envelope.shape[0] - 2)
    # An onset far from the beat must be stronger.
    values = envelope[near] * np.hanning(2 * _SNAP + 3)[1:-1]
    peak = near[np.arange(frames.shape[0]), values.argmax(axis=1)]
    left, top, right = envelope[peak - 1], envelope[peak], envelope[peak + 1]
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1), 0)
    weak = top < _SILENT
    position = np.where(weak, frames, peak + np.clip(shift, -0.5, 0.5))
    return position, np.where(weak, 0.0, top)


def _smooth(frames: Floats, strengths: Floats, neighbours: int) -> Floats:
    """Place each beat on a line through its neighbours, because the time of a weak onset is
    uncertain."""
    count = frames.shape[0]
    reach = min(neighbours, (count - 1) // 2)
    if reach < 1:
        return frames
    weights = np.clip(strengths, 0.1, 3.0)
    offsets = np.arange(-reach, reach + 1)
    index = np.clip(np.arange(count)[:, None] + offsets, 0, count - 1)
    inside = (np.arange(count)[:, None] + offsets) == index
    weight = weights[index] * inside
    total = weight.sum(axis=1)
    middle = (weight * offsets).sum(axis=1) / total
    mean = (weight * frames[index]).sum(axis=1) / total
    spread = offsets - middle[:, None]
    slope = (weight * spread * frames[index]).sum(axis=1) / (weight * spread**2).sum(axis=1)
    return mean - slope * middle


def _bell(width: float) -> Floats:
    reach = int(3 * width) + 1
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return bell / bell.sum()
