"""The spectrogram of the last seconds, on a logarithmic scale, running to the left."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..canvas import Canvas
from ..samples import Samples
from .palette import palette
from .spectra import Spectra

_SECONDS = 6.0
"""What fits into the width."""
_LOW, _HIGH = 40.0, 16_000.0
_WINDOW = 0.064
"""Seconds of a spectrum."""


class Spectrum:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._canvas, self._fps, self._rate = canvas, fps, sample_rate
        self._spectra = Spectra(samples, sample_rate, max(256, round(_WINDOW * sample_rate)))
        pitches = np.geomspace(min(_HIGH, sample_rate / 2), _LOW, canvas.height)
        bins = self._spectra.bins(pitches)
        self._bin = np.minimum(bins.astype(np.int64), self._spectra.size // 2 - 1)
        self._part = (bins - self._bin).astype(np.float32)
        self._palette = palette()
        # Columns are written twice, a width apart: any window of them is one piece.
        self._ring = np.zeros((canvas.height, 2 * canvas.width), np.uint8)
        self._columns = 0

    def draw(self, number: int) -> None:
        width = self._canvas.width
        wanted = round(number / self._fps * width / Fraction(_SECONDS)) + 1
        new = np.arange(max(self._columns, wanted - width), wanted)
        self._columns = wanted
        if new.size:
            centers = np.rint(new * (_SECONDS / width) * self._rate).astype(np.int64)
            levels = self._spectra.levels(centers)
            low, high = levels[:, self._bin], levels[:, self._bin + 1]
            column = np.rint((low + (high - low) * self._part) * 255).astype(np.uint8).T
            self._ring[:, new % width] = column
            self._ring[:, new % width + width] = column
        first = wanted % width
        seen = self._ring[:, first : first + width]
        half = seen[::2, ::2]
        np.take(self._palette[0], seen, out=self._canvas.y)
        np.take(self._palette[1], half, out=self._canvas.u)
        np.take(self._palette[2], half, out=self._canvas.v)
