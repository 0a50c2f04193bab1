"""Layers under and over a style: the light of the beat and the title."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from .canvas import BACKGROUND, Canvas, Color, Plane
from .lettering import Lettering

# The background brightens at every beat and darkens again

_DECAY = 0.14
"""Seconds in which the light falls to 1 / e."""
_LEVELS = 12
_BRIGHT = Color.of((70, 84, 138))


class Light:
    """A glow from the middle of `canvas`, behind the drawing, at `beats` (seconds)."""

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
        """Light up the canvas for frame `number`. A beat lights up the frame whose time includes
        it."""
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


# A title over the moving picture

_WHITE = 235
_NEUTRAL = 128


class Title:
    """`text` at the top left of `canvas`, white with a soft edge of shadow; drawn once."""

    def __init__(self, canvas: Canvas, text: str) -> None:
        margin = max(2, canvas.height // 18) // 2 * 2
        letters = Lettering(text).draw(max(8, canvas.height // 16), canvas.width - 2 * margin)
        height = min(letters.shape[0], canvas.height - margin) // 2 * 2
        width = min(letters.shape[1], canvas.width - margin) // 2 * 2
        letters = letters[:height, :width].astype(np.uint16)
        shadow = np.maximum(letters, np.roll(letters, (1, 1), (0, 1)))
        self._y = canvas.y[margin:, margin:][:height, :width]
        self._u, self._v = (
            chroma[margin // 2 :, margin // 2 :][: height // 2, : width // 2]
            for chroma in (canvas.u, canvas.v)
        )
        self._light, self._keep = letters * _WHITE, 255 - shadow
        self._light_half = shadow[::2, ::2] * _NEUTRAL
        self._keep_half = 255 - shadow[::2, ::2]

    def draw(self) -> None:
        self._y[:] = (self._y * self._keep + self._light) // 255
        for chroma in (self._u, self._v):
            chroma[:] = (chroma * self._keep_half + self._light_half) // 255
