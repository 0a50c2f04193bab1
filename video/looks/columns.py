"""Columns of one colour each on the background: what waves and bars are made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..canvas import BACKGROUND, Canvas, Color

Heights = npt.NDArray[np.float64]


class Columns:
    """Fills columns of a canvas up to a height; `middle` grows them from the middle both ways."""

    def __init__(self, canvas: Canvas, *, middle: bool) -> None:
        self._canvas = canvas
        rows = np.arange(canvas.height, dtype=np.float64) + 0.5
        distance = np.abs(rows - canvas.height / 2) if middle else canvas.height - rows
        self._luma = np.ceil(distance).astype(np.int16)[:, None]
        self._chroma = self._luma[::2]

    def draw(self, heights: Heights, colors: npt.NDArray[np.uint8]) -> None:
        """`heights` [width] in pixels, and `colors` [3, width] as y, u, v."""
        canvas = self._canvas
        limit = np.rint(heights).astype(np.int16)
        for plane, distance, step, color, background in (
            (canvas.y, self._luma, 1, colors[0], BACKGROUND.y),
            (canvas.u, self._chroma, 2, colors[1], BACKGROUND.u),
            (canvas.v, self._chroma, 2, colors[2], BACKGROUND.v),
        ):
            inside = (distance <= limit[::step]).view(np.uint8)
            # Arithmetic in a byte wraps around, and back: quicker than choosing.
            np.multiply(inside, color[::step] - np.uint8(background), out=plane)
            plane += np.uint8(background)


def gradient(first: Color, last: Color, count: int) -> npt.NDArray[np.uint8]:
    """[3, count] from one colour to the other."""
    steps = np.linspace(0, 1, count)
    return np.rint(
        np.outer(np.asarray(first), 1 - steps) + np.outer(np.asarray(last), steps)
    ).astype(np.uint8)
