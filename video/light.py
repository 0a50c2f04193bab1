"""The beat as light: the background brightens at every beat and darkens again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from .canvas import BACKGROUND, Canvas, Color, Plane

_DECAY = 0.14
"""Seconds in which the light falls to 1 / e."""
_LEVELS = 12
_BRIGHT = Color.of((70, 84, 138))


class Light:
    """A glow from the middle of `canvas` behind what is drawn, at `beats` (seconds)."""

    def __init__(self, canvas: Canvas, beats: Sequence[float], fps: Fraction) -> None:
        self._canvas, self._fps = canvas, float(fps)
        self._beats = np.sort(np.asarray(beats, np.float64))
        x = np.linspace(-1, 1, canvas.width, dtype=np.float32)
        y = np.linspace(-1, 1, canvas.height, dtype=np.float32)
        glow = np.exp(-1.5 * (x[None, :] ** 2 + y[:, None] ** 2))
        self._glows = [
            (
                _between(BACKGROUND.y, _BRIGHT.y, glow * level / _LEVELS),
                _between(BACKGROUND.u, _BRIGHT.u, glow[::2, ::2] * level / _LEVELS),
            )
            for level in range(1, _LEVELS + 1)
        ]

    def draw(self, number: int) -> None:
        """Light up the canvas for that frame. A beat lights the frame in which it lies."""
        before = int(np.searchsorted(self._beats, (number + 0.999) / self._fps, side="right")) - 1
        if before < 0:
            return
        elapsed = max(0.0, number / self._fps - self._beats[before])
        level = round(float(np.exp(-elapsed / _DECAY)) * _LEVELS)
        if level:
            luma, chroma = self._glows[level - 1]
            np.maximum(self._canvas.y, luma, out=self._canvas.y)
            np.maximum(self._canvas.u, chroma, out=self._canvas.u)


def _between(dark: int, bright: int, share: np.ndarray) -> Plane:
    return np.rint(dark + (bright - dark) * share).astype(np.uint8)
