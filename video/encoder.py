"""The encoder for pictures that are drawn here: H.264 where this PyAV has it."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import cast

import av
import av.error
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext

from ..audio.arrays import MediaError

_ENCODERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"preset": "fast", "crf": "20"}),
    ("libopenh264", {"b": "8M"}),
    ("h264_videotoolbox", {"b": "8M"}),
    ("libvpx-vp9", {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "6"}),
    ("mpeg4", {"b": "8M"}),
)
_BT709 = {
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "color_range": "tv",
}


def add_picture(output: OutputContainer, width: int, height: int, fps: Fraction) -> av.VideoStream:
    """A stream of `output` for yuv420p frames in BT.709, numbered in units of 1 / fps."""
    name, options = _encoder()
    stream = cast(av.VideoStream, output.add_stream(name, rate=fps, options=options | _BT709))
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = 1 / fps
    return stream


@lru_cache(maxsize=1)
def _encoder() -> tuple[str, dict[str, str]]:
    """The first encoder that opens. Builds of FFmpeg name some that they cannot open."""
    for name, options in _ENCODERS:
        try:
            context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
            context.width, context.height, context.pix_fmt = 128, 96, "yuv420p"
            context.time_base = Fraction(1, 25)
            context.options = options | _BT709
            context.open()
        except (ValueError, av.error.FFmpegError):
            continue
        return name, options
    raise MediaError(
        "PyAV has no encoder for pictures: expected H.264, VP9 or MPEG-4; install PyAV's own "
        "wheel, pip install av."
    )
