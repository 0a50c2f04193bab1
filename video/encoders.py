"""The encoders of a file that is being written: for its pictures, its sound and its subtitles."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import av
import av.error
from av.container import OutputContainer
from av.subtitles.stream import SubtitleStream
from av.video.codeccontext import VideoCodecContext

from ..audio.arrays import UNCHANGED, LevelChange, LongSamples, MediaError, Samples
from ..audio.codecs.libav_reader import av_blocks
from ..audio.containers.source import Source
from ..audio.ffmpeg import LAYOUTS, audio_frame, open_output
from ..audio.stopping import look, looked

if TYPE_CHECKING:
    from ..music.timed_words import Subtitle

# Pictures that this pack draws: H.264 where this PyAV has it

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


def write_rest(output: OutputContainer, stream: av.VideoStream) -> None:
    """Encode and write the pictures that the encoder of `stream` still holds."""
    for packet in looked(stream.codec_context.encode_lazy(None)):
        packet.stream = stream
        output.mux_one(packet)


@lru_cache(maxsize=1)
def _encoder() -> tuple[str, dict[str, str]]:
    """The first encoder that opens. Builds of FFmpeg list encoders that they cannot open."""
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


# Sound beside the pictures

_AAC_RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
"""ISO/IEC 14496-3, table 1.18."""
_BITS_A_CHANNEL = 96_000
_BLOCK = 1 << 13


class SoundTrack:
    """Samples that are encoded while their picture is written.

    Packets of both then lie side by side in the file, and no packet waits in memory.
    """

    def __init__(
        self,
        output: OutputContainer,
        encoders: Sequence[str],
        samples: LongSamples,
        sample_rate: int,
        change: LevelChange = UNCHANGED,
    ) -> None:
        """Add the track to `output`, by the first of `encoders` that this PyAV has."""
        name = next((name for name in encoders if _has(name)), None)
        if name is None:
            raise MediaError(
                f"PyAV has no encoder for the sound ({' or '.join(encoders)}): expected one of "
                "them; install PyAV's own wheel, pip install av."
            )
        rate = sample_rate if name == "aac" and sample_rate in _AAC_RATES else 48000
        channels = samples.shape[0]
        self._stream = cast(av.AudioStream, output.add_stream(name, rate=rate))
        self._stream.codec_context.layout = LAYOUTS[channels]
        self._stream.codec_context.bit_rate = _BITS_A_CHANNEL * channels
        self._output, self._samples, self._rate = output, samples, sample_rate
        self._change, self._done = change, 0

    def write_until(self, seconds: float) -> None:
        """Encode and write the sound up to `seconds`, or a little further."""
        end = min(seconds * self._rate, self._samples.shape[1])
        while self._done < end:
            look()
            block = self._samples[:, self._done : self._done + _BLOCK]
            block = self._change.of(self._done, block, self._rate)
            frame = audio_frame(block, self._rate, self._done)
            self._output.mux(self._stream.encode(frame))
            self._done += block.shape[1]

    def finish(self) -> None:
        """Encode and write the rest of the sound."""
        self.write_until(float("inf"))
        self._output.mux(self._stream.encode(None))


# Subtitles that a player shows when a person wants them

_STYLES = """[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""The style of FFmpeg's own text subtitles: it makes the header of a track from one of SSA."""


def add_subtitles(output: OutputContainer, codec: str) -> SubtitleStream:
    """A stream of `output` for `write_subtitles`, as `mov_text`, `subrip` or `webvtt`.

    MediaError: this PyAV cannot write subtitles.
    """
    stream = cast(SubtitleStream, output.add_stream(codec))
    if not hasattr(stream.codec_context, "subtitle_header"):
        raise MediaError(
            f"PyAV {av.__version__} cannot write subtitles: expected a newer one; install it, "
            "pip install --upgrade av, or leave the subtitles empty."
        )
    cast(Any, stream.codec_context).subtitle_header = _STYLES.encode()
    stream.metadata["title"] = "Lyrics"
    return stream


def write_subtitles(
    output: OutputContainer, stream: SubtitleStream, subtitles: Iterable[Subtitle]
) -> None:
    """Write all subtitles before the pictures: FFmpeg puts them into their places."""
    for each in subtitles:
        text = html.escape(each.text, quote=False) if stream.name == "webvtt" else each.text
        data = text.encode()
        if stream.name == "mov_text":
            # 3GPP TS 26.245: each sample begins with its length.
            data = len(data).to_bytes(2, "big") + data
        packet = av.Packet(data)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = round(1000 * each.start)
        packet.duration = round(1000 * each.end) - packet.pts
        packet.is_keyframe = True
        output.mux_one(packet)


def decoded_sound(
    samples: LongSamples, sample_rate: int, rules: tuple[str, Sequence[str]], change: LevelChange
) -> Iterator[tuple[Samples, int]]:
    """The changed `samples` as a player hears them: [channels, n] blocks, and their rate in Hz.

    `rules` are FFmpeg's name of the container, and the encoders as in `SoundTrack`.
    """
    format, encoders = rules
    with tempfile.TemporaryFile() as file:
        with open_output(file, format) as output:
            SoundTrack(output, encoders, samples, sample_rate, change).finish()
        yield from av_blocks(Source(cast("BinaryIO", file)))


def _has(encoder: str) -> bool:
    try:
        av.Codec(encoder, "w")
    except ValueError:
        return False
    return True
