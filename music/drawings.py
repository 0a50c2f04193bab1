"""Pictures of a result: waveform, bars and beats, the heard segments and their joins."""

from __future__ import annotations

from collections.abc import Sequence

from ..audio.arrays import Samples
from ..audio.plot import OVER, RULER_HEIGHT, WAVE, Picture, Plot, columns_of
from .fit import Fit
from .follow import Values
from .hits import ON_BEAT

_BEAT = (62, 68, 80)
_BAR = (108, 116, 134)
_DROPPED = (70, 76, 88)
_JOIN = (240, 178, 84)
_VALUES = (140, 214, 150)


def draw_fit(fit: Fit, width: int = 1200, height: int = 480) -> Picture:
    """Draw the source above and the result with its joins below. Unused parts of the source are
    grey.

    Bars and beats are upright lines in the source. Lines lead from the exit and the entry of each
    join in the source to its time in the result. A hit is a line in the result: green on a beat,
    red off the beat.
    """
    track = fit.track
    seconds = fit.samples.shape[1] / fit.sample_rate
    longest = max(track.seconds, seconds)
    lane = (height - 2 * RULER_HEIGHT) // 2
    gap = max(8, lane // 5)
    plot = Plot(width, height, longest)
    plot.ruler(0, lane - gap // 2)
    plot.ruler(lane + gap // 2 + RULER_HEIGHT, height - RULER_HEIGHT)
    top, bottom = (0, lane - gap // 2), (lane + gap // 2 + RULER_HEIGHT, height - RULER_HEIGHT)
    plot.marks(track.beats.times, *top, _BEAT)
    plot.marks(track.bars.times, *top, _BAR)
    kept = [(piece.start, piece.end) for piece in fit.kept]
    _wave(plot, track.samples, fit.sample_rate, top, kept)
    _wave(plot, fit.samples, fit.sample_rate, bottom, [(0.0, seconds)])
    for join in fit.joins:
        plot.link(join.left, top[1], join.at, bottom[0], _JOIN)
        plot.link(join.right, top[1], join.at, bottom[0], _JOIN)
        plot.marks([join.left, join.right], *top, _JOIN)
        plot.marks([join.at], *bottom, _JOIN)
    for hit in fit.hits:
        color = _VALUES if abs(fit.error(hit)) <= ON_BEAT else OVER
        plot.marks([hit.time], *bottom, color)
    return plot.pixels()


def draw_values(values: Values, width: int = 1200, height: int = 240) -> Picture:
    """Draw the values over the waveform, with beats and bars."""
    track = values.track
    seconds = max(track.seconds, len(values.values) / values.fps)
    plot = Plot(width, height, seconds)
    bottom = height - RULER_HEIGHT
    plot.ruler(0, bottom)
    plot.marks(track.beats.times, 0, bottom, _BEAT)
    plot.marks(track.bars.times, 0, bottom, _BAR)
    _wave(plot, track.samples, track.sample_rate, (0, bottom), [])
    plot.course(values.values, values.fps, 0, bottom, _VALUES)
    return plot.pixels()


def _wave(
    plot: Plot,
    samples: Samples,
    sample_rate: int,
    rows: tuple[int, int],
    heard: Sequence[tuple[float, float]],
) -> None:
    """Draw the waveform from second 0 on: bright within the spans of `heard`, grey outside."""
    seconds = samples.shape[1] / sample_rate
    width = max(1, min(plot.inner, round(plot.x(seconds))))
    colors = [
        WAVE if any(start <= moment <= end for start, end in heard) else _DROPPED
        for moment in ((column + 0.5) * seconds / width for column in range(width))
    ]
    plot.wave(columns_of(samples, width), rows[0] + 2, rows[1] - 2, colors=colors)
