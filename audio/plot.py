"""Pictures of sound with a time axis, all with the same ruler, grid and colours."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .arrays import Samples, blocks
from .samples.envelope import Columns, Envelope
from .stopping import looked

Picture: TypeAlias = npt.NDArray[np.uint8]
"""RGB [height, width, 3]."""
Rgb: TypeAlias = "tuple[int, int, int]"

BACKGROUND: Rgb = (24, 26, 31)
GRID: Rgb = (46, 49, 57)
TEXT: Rgb = (146, 152, 164)
PEAK: Rgb = (62, 116, 168)
WAVE: Rgb = (122, 184, 236)
OVER: Rgb = (232, 92, 84)
RULER_HEIGHT = 22
"""Pixels below a plot for the labels of its time axis."""

_OVER_PIXELS = 4
_LABEL_SPACING = 110
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


class Plot:
    """A picture of `seconds` between the margins `left` and `right`, in pixels.

    >>> plot = Plot(300, 100, seconds=2.0)
    >>> plot.ruler(0, 100 - RULER_HEIGHT)
    >>> plot.wave(columns_of(np.zeros((1, 2000), np.float32), plot.inner), 0, 78)
    >>> plot.pixels().shape
    (100, 300, 3)
    """

    def __init__(
        self, width: int, height: int, seconds: float, *, left: int = 0, right: int = 0
    ) -> None:
        self.image = Image.new("RGB", (width, height), BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)
        self.left, self.inner = left, width - left - right
        self._seconds, self._scale = seconds, (width - left - right) / seconds

    def x(self, seconds: float) -> float:
        """The horizontal position, in pixels, of the time `seconds`."""
        return self.left + float(seconds) * self._scale

    def ruler(self, top: int, bottom: int) -> None:
        """Draw vertical lines from `top` to `bottom`, and their times below."""
        wanted = _LABEL_SPACING / self._scale
        step = next((step for step in _STEPS if step >= wanted), wanted)
        face = font(11)
        for index in range(int(self._seconds / step) + 1):
            x = round(self.x(index * step))
            self.draw.line((x, top, x, bottom + 5), fill=GRID)
            label = _clock(index * step, step)
            if x + 4 + self.draw.textlength(label, font=face) <= self.image.width:
                self.draw.text((x + 4, bottom + 5), label, fill=TEXT, font=face)

    def wave(
        self,
        lane: Columns,
        top: float,
        bottom: float,
        *,
        colors: Sequence[Rgb] = (),
        shows_over: bool = False,
    ) -> None:
        """Draw one lane of an envelope: a column for each pixel, full scale from `top` to `bottom`.

        Each column reaches from the lowest to the highest sample and, brighter, to the root mean
        square. `colors` has one colour for each column, in place of these two. With `shows_over`
        the ends of a column are red if its samples exceed full scale.
        """
        middle, reach = (top + bottom) / 2, (bottom - top) / 2
        self.draw.line((self.left, middle, self.left + self.inner - 1, middle), fill=GRID)
        for index, (low, high, loud) in enumerate(
            zip(*(each.reshape(-1).tolist() for each in lane), strict=True)
        ):
            x, up, down = (
                self.left + index,
                middle - reach * min(high, 1),
                middle - reach * max(low, -1),
            )
            self._column(x, up, down, colors[index] if colors else PEAK)
            if not colors and low < 0 < high:
                inner = reach * min(loud, -low, high, 1)
                self._column(x, middle - inner, middle + inner, WAVE)
            if shows_over and high > 1:
                self._column(x, up, up + _OVER_PIXELS, OVER)
            if shows_over and low < -1:
                self._column(x, down - _OVER_PIXELS, down, OVER)

    def marks(self, times: Iterable[float], top: int, bottom: int, color: Rgb) -> None:
        """Draw a vertical line at each time."""
        for time in times:
            x = round(self.x(time))
            self.draw.line((x, top, x, bottom), fill=color)

    def link(self, seconds: float, y: int, to_seconds: float, to_y: int, color: Rgb) -> None:
        """Draw a line from one time and row to another time and row."""
        self.draw.line((self.x(seconds), y, self.x(to_seconds), to_y), fill=color, width=2)

    def course(
        self, values: Sequence[float], fps: float, top: int, bottom: int, color: Rgb
    ) -> None:
        """Draw a line through `values`, of which a second has `fps`."""
        row = np.asarray(values, np.float64)
        low, high = min(0.0, float(row.min())), max(float(row.max()), 1e-9)
        heights = bottom - 2 - (row - low) / max(high - low, 1e-9) * (bottom - top - 4)
        points = [(self.x(index / fps), float(y)) for index, y in looked(enumerate(heights))]
        if len(points) > 1:
            self.draw.line(points, fill=color, width=2)

    def pixels(self) -> Picture:
        """A copy of the picture."""
        return np.asarray(self.image, np.uint8).copy()

    def png(self) -> bytes:
        """The picture as the bytes of a PNG file."""
        out = io.BytesIO()
        self.image.save(out, "PNG")
        return out.getvalue()

    def _column(self, x: int, top: float, bottom: float, color: Rgb) -> None:
        self.draw.line((x, round(top), x, round(bottom)), fill=color)


def columns_of(samples: Samples, width: int) -> Columns:
    """`samples` [channels, n] in `width` columns of one lane: the extremes over all channels."""
    envelope = Envelope()
    for _, block in blocks(samples):
        envelope.add(block)
    low, high, loud = envelope.columns(width)
    return Columns(low.min(axis=0), high.max(axis=0), loud.max(axis=0))


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of about `size` pixels for Latin letters."""
    return ImageFont.load_default(size)


def _clock(seconds: float, step: float) -> str:
    if step < 1:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
