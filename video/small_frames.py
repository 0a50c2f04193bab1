"""A clip's frames, scaled down while they are decoded, to find cuts and to measure light."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple, cast

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.filter import Graph
from av.filter.context import FilterContext
from PIL import Image

from ..audio.arrays import MediaError
from ..audio.ffmpeg import packets
from ..audio.stopping import looked
from .clip import picture_stream

COLUMNS, ROWS = 32, 18
"""Cells of a small frame, which cover the whole picture, whatever its shape."""
_SAMPLES = 4
"""Each cell is the mean of this many pixels in each direction."""
_MOST_THREADS = 4
"""Each thread of a decoder holds frames: of 8K, some hundred MiB."""


Pixels = npt.NDArray[np.uint8]
Cells = npt.NDArray[np.float32]


class SmallFrame(NamedTuple):
    """One frame.

    Attributes:
        time: seconds from the first frame.
        cells: means of luma and chroma, float32 [3, 18, 32] from 0 to 255; chroma without colour
            is 128.
        thumbnail: the upright picture as RGB [height, width, 3] with a longer side of at most as
            many pixels as given. Call it before the next frame is taken.
    """

    time: Fraction
    cells: Cells
    thumbnail: Callable[[int], Pixels]


def small_frames(container: InputContainer) -> Iterator[SmallFrame]:
    """The frames of the picture, in the order of time. One pass, and memory for a few frames.

    FFmpeg's filter `scale` takes 16 pixels of each cell: a mean of all pixels would cost a third of
    the time of decoding. Damaged packets are left out, as players do. MediaError when there is no
    picture; av.error.FFmpegError when the file cannot be read.
    """
    stream = picture_stream(container)
    # A decoder that is open already keeps its threads.
    if not stream.codec_context.is_open:
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(_MOST_THREADS, os.cpu_count() or 1)
    base = Fraction(stream.time_base or 0)
    step = 1 / Fraction(stream.average_rate or stream.guessed_rate or 25)
    small, before, start, last = None, None, None, None
    for frame in _decoded(container, stream):
        form = frame.width, frame.height, frame.format.name
        if small is None or form != before:
            # A broadcast may change its size midway.
            small, before = _Chain(*form).small, form
        time = (last or 0) + step if frame.pts is None or not base else frame.pts * base
        if last is None or time > last:
            start = time if start is None else start
            last = time
            yield SmallFrame(time - start, small(frame), partial(_thumbnail, frame))


def frames_of_images(images: Any, rate: Fraction) -> Iterator[SmallFrame]:
    """`images` [frames, height, width, 3 or more], floats from 0 to 1, at `rate` frames a second.

    Each image may be a torch tensor. A value out of range is clipped, and NaN counts as 0.
    """
    for number, image in looked(enumerate(images)):
        height, width = image.shape[:2]
        rows, columns = _places(height, ROWS).ravel(), _places(width, COLUMNS).ravel()
        pixels = _bytes(np.asarray(image[rows][:, columns, :3], np.float32))
        means = pixels.reshape(_SAMPLES, ROWS, _SAMPLES, COLUMNS, -1).mean(axis=(0, 2))
        red, green, blue = (means[..., channel] for channel in range(3))
        # ITU-R BT.601, full range.
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        cells = np.stack((luma, 128 + 0.564 * (blue - luma), 128 + 0.713 * (red - luma)))
        cells = cells.astype(np.float32)
        yield SmallFrame(number / rate, cells, partial(_small_image, image))


def _small_image(image: Any, most: int) -> Pixels:
    step = max(1, max(image.shape[:2]) // (2 * most))
    pixels = _bytes(np.asarray(image[::step, ::step, :3], np.float32))
    return fitted(Image.fromarray(pixels), most)


def _bytes(pixels: npt.NDArray[np.float32]) -> Pixels:
    return np.rint(np.clip(np.nan_to_num(pixels), 0, 1) * 255).astype(np.uint8)


def fitted(image: Image.Image, most: int) -> Pixels:
    """`image` as RGB, its longer side at most `most` pixels."""
    scale = min(1.0, most / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    return np.asarray(image.convert("RGB").resize((width, height)))


def _thumbnail(frame: av.VideoFrame, most: int) -> Pixels:
    scale = min(1.0, most / max(frame.width, frame.height))
    # Chroma has half the size: FFmpeg scales no side to one pixel.
    width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
    pixels = cast(Pixels, frame.reformat(width=width, height=height, format="rgb24").to_ndarray())
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _decoded(container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    for packet in packets(container, stream):
        try:
            yield from packet.decode()  # type: ignore[misc]
        except av.error.InvalidDataError:
            continue


def _places(side: int, count: int) -> npt.NDArray[np.int64]:
    """The pixels of each cell along a side, spread evenly: [_SAMPLES, count]."""
    positions = (np.arange(count * _SAMPLES) * 2 + 1) * side // (2 * count * _SAMPLES)
    return positions.reshape(count, _SAMPLES).T


class _Chain:
    """FFmpeg's filters for frames of one size and any format."""

    def __init__(self, width: int, height: int, format: str) -> None:
        self._graph = Graph()
        size = f"{width}x{height}"
        self._in = self._graph.add("buffer", video_size=size, pix_fmt=format, time_base="1/1000")
        steps: list[FilterContext] = [
            self._graph.add("scale", f"{COLUMNS * _SAMPLES}:{ROWS * _SAMPLES}:flags=neighbor"),
            self._graph.add("scale", f"{COLUMNS}:{ROWS}:flags=area:out_range=full"),
            self._graph.add("format", "pix_fmts=yuv444p"),
            self._graph.add("buffersink"),
        ]
        self._out = steps[-1]
        self._graph.link_nodes(self._in, *steps).configure()

    def small(self, frame: av.VideoFrame) -> Cells:
        self._in.push(frame)
        made = self._out.pull()
        if not isinstance(made, av.VideoFrame):
            raise MediaError("FFmpeg made no small picture of a frame: convert the clip to MP4.")
        return np.stack([_rows(plane) for plane in made.planes]).astype(np.float32)


def _rows(plane: Any) -> Pixels:
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:ROWS, :COLUMNS]
