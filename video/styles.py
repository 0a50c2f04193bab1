"""Styles of drawing music: one class for each.

A style draws the sound around one moment on a canvas. The caller asks for the frames of a video in
order, each at its own time, so that nothing drifts at any frame rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeAlias, cast

import av
import av.error
import av.filter
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from ..audio.arrays import Samples, blocks
from ..audio.ffmpeg import audio_frame, buffer_source
from .canvas import BACKGROUND, Canvas, Color
from .options import VideoStyle

# Colours of levels, from the background over violet and orange to near white

STOPS = (
    (0.0, (14, 16, 22)),
    (0.25, (58, 26, 104)),
    (0.5, (160, 44, 122)),
    (0.75, (246, 124, 76)),
    (1.0, (255, 246, 198)),
)


def rgb_palette() -> npt.NDArray[np.uint8]:
    """[256, 3] colours of levels in RGB."""
    positions = np.linspace(0, 1, 256)
    stops = [position for position, _ in STOPS]
    colors = np.asarray([color for _, color in STOPS])
    mixed = [np.interp(positions, stops, colors[:, index]) for index in range(3)]
    return np.rint(np.stack(mixed, axis=1)).astype(np.uint8)


def palette() -> npt.NDArray[np.uint8]:
    """[3, 256] colours of levels as y, u, v."""
    colors = [Color.of((int(red), int(green), int(blue))) for red, green, blue in rgb_palette()]
    return np.ascontiguousarray(np.asarray(colors, np.uint8).T)


# Short-time spectra of a moment, in decibels

FLOOR = -72.0
"""dB relative to a full-scale sine: this level and lower ones are not drawn."""


class Spectra:
    """Levels of `samples` (averaged over channels) at any moments, by a Hann window of `size`."""

    def __init__(self, samples: Samples, sample_rate: int, size: int) -> None:
        self._samples, self._rate, self.size = samples, sample_rate, size
        self._window = np.hanning(size).astype(np.float32)
        self._scale = 2 / float(self._window.sum())

    def levels(self, centers: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """[moments, size / 2 + 1] from 0 (`FLOOR` or less) to 1 (a full-scale sine)."""
        first = int(centers[0]) - self.size // 2
        stop = int(centers[-1]) + self.size - self.size // 2
        length = self._samples.shape[1]
        piece = self._samples[:, max(first, 0) : max(min(stop, length), 0)].mean(axis=0)
        piece = np.pad(piece, (max(-first, 0) if stop > 0 else stop - first, 0))
        piece = np.pad(piece, (0, stop - first - piece.size))
        starts = centers - centers[0]
        windows = piece[starts[:, None] + np.arange(self.size)]
        spectrum = np.abs(np.fft.rfft(windows * self._window)) * self._scale
        decibels = 20 * np.log10(np.maximum(spectrum, 1e-9))
        return np.clip(1 - decibels / FLOOR, 0, 1).astype(np.float32)

    def bins(self, hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Positions of `hertz` in the second axis of `levels`."""
        return np.clip(hertz * self.size / self._rate, 0, self.size // 2)


# Columns of one colour each on the background: waves and bars consist of columns

Heights = npt.NDArray[np.float64]


class ColumnPainter:
    """Fills columns of a canvas up to a height; with `middle` they grow from the middle both
    ways."""

    def __init__(self, canvas: Canvas, *, middle: bool) -> None:
        self._canvas = canvas
        rows = np.arange(canvas.height, dtype=np.float64) + 0.5
        distance = np.abs(rows - canvas.height / 2) if middle else canvas.height - rows
        self._luma = np.ceil(distance).astype(np.int16)[:, None]
        self._chroma = self._luma[::2]

    def draw(self, heights: Heights, colors: npt.NDArray[np.uint8]) -> None:
        """Draw columns of `heights` [width] in pixels, in `colors` [3, width] as y, u, v."""
        canvas = self._canvas
        limit = np.rint(heights).astype(np.int16)
        for plane, distance, step, color, background in (
            (canvas.y, self._luma, 1, colors[0], BACKGROUND.y),
            (canvas.u, self._chroma, 2, colors[1], BACKGROUND.u),
            (canvas.v, self._chroma, 2, colors[2], BACKGROUND.v),
        ):
            inside = (distance <= limit[::step]).view(np.uint8)
            # The arithmetic of bytes wraps around and back, and is faster than a selection.
            np.multiply(inside, color[::step] - np.uint8(background), out=plane)
            plane += np.uint8(background)


def gradient(first: Color, last: Color, count: int) -> npt.NDArray[np.uint8]:
    """[3, count] from one colour to the other."""
    steps = np.linspace(0, 1, count)
    return np.rint(
        np.outer(np.asarray(first), 1 - steps) + np.outer(np.asarray(last), steps)
    ).astype(np.uint8)


# The waveform around the moment

_WAVE_SECONDS = 4.0
"""Seconds of sound in the width of the canvas."""
_WAVE_BARS = 128
"""Number of bars in `_WAVE_SECONDS`; `_WAVE_FILLED` is the drawn share of each."""
_WAVE_FILLED = 0.62
_WAVE_PAST = Color.of((122, 184, 236)), Color.of((186, 132, 255))
_WAVE_FUTURE = Color.of((44, 66, 92))


class WaveStyle:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._width, self._fps = canvas.width, fps
        self._columns = ColumnPainter(canvas, middle=True)
        step = max(1, round(_WAVE_SECONDS / _WAVE_BARS * sample_rate))
        self._bar_seconds = step / sample_rate
        self._peaks = _peaks(samples, step)
        top = self._peaks.max()
        self._scale = canvas.height * 0.42 / top if top else 0.0
        past = gradient(*_WAVE_PAST, canvas.width)
        future = np.repeat(np.asarray(_WAVE_FUTURE, np.uint8)[:, None], canvas.width, axis=1)
        now = np.arange(canvas.width) < canvas.width // 2
        self._colors = np.where(now, past, future)
        self._offsets = (
            (np.arange(canvas.width) + 0.5 - canvas.width / 2) / canvas.width * _WAVE_SECONDS
        )

    def draw(self, number: int) -> None:
        position = (float(number / self._fps) + self._offsets) / self._bar_seconds
        bar = np.floor(position)
        known = (bar >= 0) & (bar < self._peaks.size) & (position - bar < _WAVE_FILLED)
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


# Bars of the spectrum on a logarithmic scale, which rise at once and fall slowly

_BAR_BARS = 56
_BAR_FILLED = 0.7
_BAR_LOW, _BAR_HIGH = 40.0, 16_000.0
_BAR_WINDOW = 0.085
"""Seconds of sound in a spectrum."""
_BAR_FALL = 1.6
"""A falling bar's speed, in heights of the canvas a second."""
_BAR_COLORS = Color.of((88, 156, 255)), Color.of((255, 110, 168))


class BarStyle:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._fps, self._rate, self._height = fps, sample_rate, canvas.height
        self._spectra = Spectra(samples, sample_rate, max(256, round(_BAR_WINDOW * sample_rate)))
        edges = np.geomspace(_BAR_LOW, min(_BAR_HIGH, sample_rate / 2), _BAR_BARS + 1)
        bins = np.floor(self._spectra.bins(edges)).astype(np.int64)
        self._first, self._last = bins[:-1], np.maximum(bins[1:], bins[:-1] + 1)
        self._now = np.zeros(_BAR_BARS)
        self._columns = ColumnPainter(canvas, middle=False)
        position = np.arange(canvas.width) * _BAR_BARS / canvas.width
        self._bar = position.astype(np.int64)
        self._drawn = position - self._bar < _BAR_FILLED
        self._colors = gradient(*_BAR_COLORS, canvas.width)

    def draw(self, number: int) -> None:
        center = np.asarray([round(number / self._fps * self._rate)], np.int64)
        levels = self._spectra.levels(center)[0]
        # Take the loudest bin of each bar; bars narrower than a bin share it.
        padded = np.append(levels, 0)
        heights = np.maximum.reduceat(padded, np.stack([self._first, self._last], 1).ravel())[::2]
        self._now = np.maximum(heights, self._now - _BAR_FALL / float(self._fps))
        pixels = np.where(self._drawn, 2 + self._now[self._bar] * self._height * 0.86, 0)
        self._columns.draw(pixels, self._colors)


# The spectrogram of the last seconds, on a logarithmic scale, running to the left

_SCROLL_SECONDS = 6.0
"""Seconds of sound in the width of the canvas."""
_SCROLL_LOW, _SCROLL_HIGH = 40.0, 16_000.0
_SCROLL_WINDOW = 0.064
"""Seconds of sound in a spectrum."""
_SCROLL_ROWS = (1, 2, 2)
"""Steps of y, u and v: brightness has every row and column, each color every second one."""


class SpectrumStyle:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._canvas, self._fps, self._rate = canvas, fps, sample_rate
        self._spectra = Spectra(samples, sample_rate, max(256, round(_SCROLL_WINDOW * sample_rate)))
        pitches = np.geomspace(min(_SCROLL_HIGH, sample_rate / 2), _SCROLL_LOW, canvas.height)
        bins = self._spectra.bins(pitches)
        self._bin = np.minimum(bins.astype(np.int64), self._spectra.size // 2 - 1)
        self._part = (bins - self._bin).astype(np.float32)
        self._palette = palette()
        # Each column is written twice, a width apart, so that any window is one slice. Columns are
        # stored with their colors: only a few columns are new in each frame.
        self._planes = [
            np.full((canvas.height // step, 2 * canvas.width), colors[0], np.uint8)
            for colors, step in zip(self._palette, _SCROLL_ROWS, strict=True)
        ]
        self._columns = 0

    def draw(self, number: int) -> None:
        width = self._canvas.width
        wanted = round(number / self._fps * width / Fraction(_SCROLL_SECONDS)) + 1
        new = np.arange(max(self._columns, wanted - width), wanted)
        self._columns = wanted
        if new.size:
            centers = np.rint(new * (_SCROLL_SECONDS / width) * self._rate).astype(np.int64)
            levels = self._spectra.levels(centers)
            low, high = levels[:, self._bin], levels[:, self._bin + 1]
            column = np.rint((low + (high - low) * self._part) * 255).astype(np.uint8).T
            for plane, colors, step in zip(self._planes, self._palette, _SCROLL_ROWS, strict=True):
                plane[:, new % width] = plane[:, new % width + width] = colors[column[::step]]
        first = wanted % width
        canvas = self._canvas
        for part, plane, step in zip(
            (canvas.y, canvas.u, canvas.v), self._planes, _SCROLL_ROWS, strict=True
        ):
            part[...] = plane[:, first : first + width : step]


# The constant-Q transform by FFmpeg's showcqt: bars of the notes above their past

_CQT_FEED = 1 << 14
_CQT_COLORS = "0.25|0.6|1|1|0.5|0.35"
"""Red, green and blue of the left and of the right channel."""


class ConstantQStyle:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._canvas = canvas
        self._frames = _frames(canvas, samples, sample_rate, fps)
        self._next: VideoFrame | None = next(self._frames, None)

    def draw(self, number: int) -> None:
        """FFmpeg's filter skips frames; repeat its last one until the next arrives."""
        loaded = None
        while self._next is not None and (self._next.pts or 0) <= number:
            loaded, self._next = self._next, next(self._frames, None)
        if loaded is not None:
            self._canvas.load(loaded)


def _frames(
    canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction
) -> Iterator[VideoFrame]:
    graph = av.filter.Graph()
    entry = buffer_source(graph, samples.shape[0], sample_rate)
    draw = graph.add(
        "showcqt",
        f"s={canvas.width}x{canvas.height}:fps={fps}:axis=0:cscheme={_CQT_COLORS}",
    )
    form = graph.add("format", "yuv420p")
    leave = graph.add("buffersink")
    entry.link_to(draw)
    draw.link_to(form)
    form.link_to(leave)
    graph.configure()

    def ready() -> Iterator[VideoFrame]:
        while True:
            try:
                frame = cast(VideoFrame, leave.pull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield frame

    for start, block in blocks(samples, _CQT_FEED):
        entry.push(audio_frame(block, sample_rate, start))
        yield from ready()
    entry.push(cast(Any, None))  # the end; PyAV's types know it since version 15
    yield from ready()


Draw: TypeAlias = Callable[[int], None]
"""Draws the frame of a number; the caller asks for 0, 1, 2 and so on."""


def style_drawer(
    style: VideoStyle, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction
) -> Draw:
    """The function that draws `samples` on `canvas` in `style`."""
    if style is VideoStyle.WAVES:
        return WaveStyle(canvas, samples, sample_rate, fps).draw
    if style is VideoStyle.BARS:
        return BarStyle(canvas, samples, sample_rate, fps).draw
    if style is VideoStyle.SPECTRUM:
        return SpectrumStyle(canvas, samples, sample_rate, fps).draw
    return ConstantQStyle(canvas, samples, sample_rate, fps).draw
