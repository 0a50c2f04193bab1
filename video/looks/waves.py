"""The waveform around the moment, moving past a point in the middle."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...audio.arrays import Samples, blocks
from ..canvas import Canvas, Color
from .columns import Columns, gradient

_SECONDS = 4.0
"""What fits into the width."""
_BARS = 128
"""How many bars that is, and how much of each is drawn."""
_FILLED = 0.62
_PAST = Color.of((122, 184, 236)), Color.of((186, 132, 255))
_FUTURE = Color.of((44, 66, 92))


class Waves:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._width, self._fps = canvas.width, fps
        self._columns = Columns(canvas, middle=True)
        step = max(1, round(_SECONDS / _BARS * sample_rate))
        self._bar_seconds = step / sample_rate
        self._peaks = _peaks(samples, step)
        top = self._peaks.max()
        self._scale = canvas.height * 0.42 / top if top else 0.0
        past = gradient(*_PAST, canvas.width)
        future = np.repeat(np.asarray(_FUTURE, np.uint8)[:, None], canvas.width, axis=1)
        now = np.arange(canvas.width) < canvas.width // 2
        self._colors = np.where(now, past, future)
        self._offsets = (np.arange(canvas.width) + 0.5 - canvas.width / 2) / canvas.width * _SECONDS

    def draw(self, number: int) -> None:
        place = (float(number / self._fps) + self._offsets) / self._bar_seconds
        bar = np.floor(place)
        known = (bar >= 0) & (bar < self._peaks.size) & (place - bar < _FILLED)
        index = np.clip(bar, 0, self._peaks.size - 1).astype(np.int64)
        heights = np.where(known, np.maximum(self._peaks[index] * self._scale, 1.0), 0)
        self._columns.draw(heights, self._colors)


def _peaks(samples: Samples, step: int) -> np.ndarray:
    """The greatest absolute sample of all channels in every `step` samples."""
    peaks = [
        np.abs(block).max(axis=0) for _, block in blocks(samples, step * max(1, (1 << 16) // step))
    ]
    out = [np.pad(peak, (0, -peak.size % step)).reshape(-1, step).max(axis=1) for peak in peaks]
    return np.concatenate(out)
