"""The spectrogram of the last seconds, on a logarithmic scale, running to the left."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...audio.arrays import Samples
from ..canvas import Canvas
from .palette import palette
from .spectra import Spectra

_SECONDS = 6.0
"""What fits into the width."""
_LOW, _HIGH = 40.0, 16_000.0
_WINDOW = 0.064
"""Seconds of a spectrum."""
_ROWS = (1, 2, 2)
"""Brightness has every row and column, each color every second one."""


class Spectrum:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._canvas, self._fps, self._rate = canvas, fps, sample_rate
        self._spectra = Spectra(samples, sample_rate, max(256, round(_WINDOW * sample_rate)))
        pitches = np.geomspace(min(_HIGH, sample_rate / 2), _LOW, canvas.height)
        bins = self._spectra.bins(pitches)
        self._bin = np.minimum(bins.astype(np.int64), self._spectra.size // 2 - 1)
        self._part = (bins - self._bin).astype(np.float32)
        self._palette = palette()
        # Columns are written twice, a width apart: any window of them is one piece. They have their
        # colors already: only a few are new in each frame.
        self._planes = [
            np.full((canvas.height // step, 2 * canvas.width), colors[0], np.uint8)
            for colors, step in zip(self._palette, _ROWS, strict=True)
        ]
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
            for plane, colors, step in zip(self._planes, self._palette, _ROWS, strict=True):
                plane[:, new % width] = plane[:, new % width + width] = colors[column[::step]]
        first = wanted % width
        canvas = self._canvas
        for part, plane, step in zip(
            (canvas.y, canvas.u, canvas.v), self._planes, _ROWS, strict=True
        ):
            part[...] = plane[:, first : first + width : step]
