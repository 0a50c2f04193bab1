"""Pictures of what was done: waveform, bars and beats, what was kept and where it was joined."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..audio.arrays import Floats, Samples
from .fit import Fit
from .follow import Values

Picture = npt.NDArray[np.uint8]
"""RGB [height, width, 3]."""

_BACKGROUND = (24, 26, 31)
_GRID = (52, 56, 66)
_BEAT = (62, 68, 80)
_BAR = (108, 116, 134)
_TEXT = (150, 156, 168)
_WAVE = (122, 184, 236)
_DROPPED = (70, 76, 88)
_JOIN = (240, 178, 84)
_VALUES = (140, 214, 150)
_AXIS = 22
_LABEL_SPACING = 110
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def draw_fit(fit: Fit, width: int = 1200, height: int = 480) -> Picture:
    """The source above, grey where it was dropped, and the result below, with its joins.

    Bars and beats are upright lines in the source; joins are lines from where the source is left
    and entered to where they are heard.
    """
    track = fit.track
    seconds = fit.samples.shape[1] / fit.sample_rate
    longest = max(track.seconds, seconds)
    lane = (height - 2 * _AXIS) // 2
    gap = max(8, lane // 5)
    canvas = _Canvas(width, height, longest)
    canvas.seconds(_AXIS + lane - gap // 2, 0)
    canvas.seconds(height - _AXIS, lane + gap // 2 + _AXIS)
    top, bottom = (0, lane - gap // 2), (lane + gap // 2 + _AXIS, height - _AXIS)
    canvas.marks(track.beats.times, *top, _BEAT)
    canvas.marks(track.bars.times, *top, _BAR)
    kept = [(piece.start, piece.end) for piece in fit.kept]
    canvas.wave(track.samples, fit.sample_rate, *top, kept)
    canvas.wave(fit.samples, fit.sample_rate, *bottom, [(0.0, seconds)])
    for join in fit.joins:
        canvas.link(join.left, top[1], join.at, bottom[0], _JOIN)
        canvas.link(join.right, top[1], join.at, bottom[0], _JOIN)
        canvas.marks([join.left, join.right], *top, _JOIN)
        canvas.marks([join.at], *bottom, _JOIN)
    return canvas.pixels()


def draw_values(values: Values, width: int = 1200, height: int = 240) -> Picture:
    """The values over the waveform, with beats and bars."""
    track = values.track
    seconds = max(track.seconds, len(values.values) / values.fps)
    canvas = _Canvas(width, height, seconds)
    bottom = height - _AXIS
    canvas.seconds(bottom, 0)
    canvas.marks(track.beats.times, 0, bottom, _BEAT)
    canvas.marks(track.bars.times, 0, bottom, _BAR)
    canvas.wave(track.samples, track.sample_rate, 0, bottom, [])
    canvas.course(values.values, values.fps, 0, bottom)
    return canvas.pixels()


class _Canvas:
    def __init__(self, width: int, height: int, seconds: float) -> None:
        self._image = Image.new("RGB", (width, height), _BACKGROUND)
        self._draw = ImageDraw.Draw(self._image)
        self._width, self._scale = width, width / seconds
        self._seconds = seconds

    def pixels(self) -> Picture:
        return np.asarray(self._image, np.uint8).copy()

    def seconds(self, bottom: int, top: int) -> None:
        wanted = _LABEL_SPACING / self._scale
        step = next((step for step in _STEPS if step >= wanted), wanted)
        font = ImageFont.load_default()
        for index in range(int(self._seconds / step) + 1):
            x = round(index * step * self._scale)
            self._draw.line((x, top, x, bottom + 4), fill=_GRID)
            minutes, rest = divmod(index * step, 60)
            label = f"{rest:.1f} s" if step < 1 else f"{int(minutes)}:{round(rest):02}"
            if x + 4 + self._draw.textlength(label, font=font) <= self._width:
                self._draw.text((x + 4, bottom + 4), label, fill=_TEXT, font=font)

    def marks(self, times: Iterable[float], top: int, bottom: int, color: tuple[int, ...]) -> None:
        for time in times:
            x = round(float(time) * self._scale)
            self._draw.line((x, top, x, bottom), fill=color)

    def link(self, x: float, y: int, to_x: float, to_y: int, color: tuple[int, ...]) -> None:
        self._draw.line((x * self._scale, y, to_x * self._scale, to_y), fill=color, width=2)

    def wave(
        self,
        samples: Samples,
        sample_rate: int,
        top: int,
        bottom: int,
        lit: Sequence[tuple[float, float]],
    ) -> None:
        middle, reach = (top + bottom) / 2, (bottom - top) / 2 - 2
        columns = min(self._width, max(1, round(samples.shape[1] / sample_rate * self._scale)))
        edges = np.linspace(0, samples.shape[1], columns + 1).astype(np.int64).tolist()
        for x, (start, end) in enumerate(itertools.pairwise(edges)):
            part = samples[:, start : max(end, start + 1)]
            if not part.size:
                continue
            high, low = min(float(part.max()), 1.0), max(float(part.min()), -1.0)
            moment = (x + 0.5) / self._scale
            color = _WAVE if any(a <= moment <= b for a, b in lit) else _DROPPED
            self._draw.line((x, middle - reach * high, x, middle - reach * low), fill=color)

    def course(self, values: Sequence[float], fps: float, top: int, bottom: int) -> None:
        row: Floats = np.asarray(values, np.float64)
        low, high = min(0.0, float(row.min())), max(float(row.max()), 1e-9)
        heights = bottom - 2 - (row - low) / max(high - low, 1e-9) * (bottom - top - 4)
        places = np.arange(row.shape[0]) / fps * self._scale
        points = list(zip(places.tolist(), heights.tolist(), strict=True))
        if len(points) > 1:
            self._draw.line(points, fill=_VALUES, width=2)
