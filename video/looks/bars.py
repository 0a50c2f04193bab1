"""Bars of the spectrum on a logarithmic scale, which rise at once and fall slowly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...audio.arrays import Samples
from ..canvas import Canvas, Color
from .columns import Columns, gradient
from .spectra import Spectra

_BARS = 56
_FILLED = 0.7
_LOW, _HIGH = 40.0, 16_000.0
_WINDOW = 0.085
"""Seconds of a spectrum."""
_FALL = 1.6
"""Heights of the canvas a second."""
_COLORS = Color.of((88, 156, 255)), Color.of((255, 110, 168))


class Bars:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._fps, self._rate, self._height = fps, sample_rate, canvas.height
        self._spectra = Spectra(samples, sample_rate, max(256, round(_WINDOW * sample_rate)))
        edges = np.geomspace(_LOW, min(_HIGH, sample_rate / 2), _BARS + 1)
        bins = np.floor(self._spectra.bins(edges)).astype(np.int64)
        self._first, self._last = bins[:-1], np.maximum(bins[1:], bins[:-1] + 1)
        self._now = np.zeros(_BARS)
        self._columns = Columns(canvas, middle=False)
        place = np.arange(canvas.width) * _BARS / canvas.width
        self._bar = place.astype(np.int64)
        self._drawn = place - self._bar < _FILLED
        self._colors = gradient(*_COLORS, canvas.width)

    def draw(self, number: int) -> None:
        center = np.asarray([round(number / self._fps * self._rate)], np.int64)
        levels = self._spectra.levels(center)[0]
        # The loudest of each bar's bins; bars below one bin's width share it.
        padded = np.append(levels, 0)
        heights = np.maximum.reduceat(padded, np.stack([self._first, self._last], 1).ravel())[::2]
        self._now = np.maximum(heights, self._now - _FALL / float(self._fps))
        pixels = np.where(self._drawn, 2 + self._now[self._bar] * self._height * 0.86, 0)
        self._columns.draw(pixels, self._colors)
