"""One frame to draw on, in the format that encoders take: yuv420p, BT.709, 16 to 235."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import av
import numpy as np
import numpy.typing as npt

Plane: TypeAlias = npt.NDArray[np.uint8]
Rgb: TypeAlias = "tuple[int, int, int]"


class Color(NamedTuple):
    """A colour as the encoder's luma and chroma."""

    y: int
    u: int
    v: int

    @classmethod
    def of(cls, rgb: Rgb) -> Color:
        """The colour of 8-bit RGB by ITU-R BT.709-6, section 3."""
        red, green, blue = (value / 255 for value in rgb)
        luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        u, v = (blue - luma) / 1.8556, (red - luma) / 1.5748
        return cls(round(16 + 219 * luma), round(128 + 224 * u), round(128 + 224 * v))


BACKGROUND = Color.of((14, 16, 22))


class Canvas:
    """Luma `y` [height, width] and chroma `u`, `v` [height / 2, width / 2] to draw on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._data: Plane = np.empty((height * 3 // 2, width), np.uint8)
        flat, luma, chroma = self._data.reshape(-1), width * height, width * height // 4
        self.y: Plane = flat[:luma].reshape(height, width)
        self.u: Plane = flat[luma : luma + chroma].reshape(height // 2, width // 2)
        self.v: Plane = flat[luma + chroma :].reshape(height // 2, width // 2)
        self.clear()

    def clear(self) -> None:
        self.y[:], self.u[:], self.v[:] = BACKGROUND

    def load(self, frame: av.VideoFrame) -> None:
        """Draw `frame` (yuv420p, of the canvas's size)."""
        self._data[:] = frame.to_ndarray()

    def frame(self) -> av.VideoFrame:
        """A copy of the drawn frame."""
        return av.VideoFrame.from_ndarray(self._data, format="yuv420p")
