"""The constant-Q transform by FFmpeg's showcqt: bars of the notes above their past."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import av.error
import av.filter
from av.video.frame import VideoFrame

from ...audio.arrays import Samples, blocks
from ...audio.ffmpeg import audio_frame, buffer_source
from ..canvas import Canvas

_FEED = 1 << 14
_COLORS = "0.25|0.6|1|1|0.5|0.35"
"""How much red, green and blue the left and the right channel give."""


class ConstantQ:
    def __init__(self, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction) -> None:
        self._canvas = canvas
        self._frames = _frames(canvas, samples, sample_rate, fps)
        self._next: VideoFrame | None = next(self._frames, None)

    def draw(self, number: int) -> None:
        """The filter leaves frames out and ends early or late: its last one stays meanwhile."""
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
        f"s={canvas.width}x{canvas.height}:fps={fps}:axis=0:cscheme={_COLORS}",
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

    for start, block in blocks(samples, _FEED):
        entry.push(audio_frame(block, sample_rate, start))
        yield from ready()
    entry.push(None)
    yield from ready()
