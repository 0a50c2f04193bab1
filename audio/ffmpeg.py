"""The only module that calls `av.open`, and the lists of formats that FFmpeg may read.

Playlists (concat, HLS, DASH, SDP and others) name further files and addresses. The lists leave out
their demuxers, and FFmpeg gets no protocol to open those files. They leave out RealMedia and MXF
too: `check_heads` does not count their tags, and ComfyUI offers no such file to choose.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.filter.context import FilterContext
from av.stream import Stream

from .arrays import Samples
from .containers.heads import MOST_FRAMES, check_count, check_heads
from .stopping import looked


class Allowed(NamedTuple):
    """Names of FFmpeg's demuxers and decoders that may read a file."""

    demuxers: str
    decoders: frozenset[str]

    @property
    def options(self) -> dict[str, str]:
        """Options with which FFmpeg reads the given file, but no other file that it names."""
        return {
            "format_whitelist": self.demuxers,
            "codec_whitelist": ",".join(sorted(self.decoders)),
            "protocol_whitelist": "none",
        }


_SOUND_DECODERS = (
    "aac aac_fixed aac_latm ac3 ac3_fixed eac3 alac amrnb amrwb ape atrac1 atrac3 atrac3p "
    "dca dsd_lsbf dsd_lsbf_planar dsd_msbf dsd_msbf_planar flac gsm gsm_ms libgsm libgsm_ms "
    "libopencore_amrnb libopencore_amrwb libopus libspeex libvorbis mlp mp1 mp1float mp2 mp2float "
    "mp3 mp3float mp3adu mp3adufloat mpc7 mpc8 nellymoser opus qoa shorten "
    "speex tak truehd tta vorbis wavpack wmalossless wmapro wmav1 wmav2 "
    "wmavoice adpcm_ima_qt adpcm_ima_wav adpcm_ms adpcm_swf adpcm_yamaha adpcm_g722 adpcm_g726 "
    "g722 g726 pcm_alaw pcm_mulaw pcm_bluray pcm_dvd pcm_f32be pcm_f32le pcm_f64be pcm_f64le "
    "pcm_s8 pcm_s8_planar pcm_s16be pcm_s16le pcm_s24be pcm_s24le pcm_s32be pcm_s32le pcm_s64le "
    "pcm_u8 pcm_u16be pcm_u16le pcm_u24be pcm_u24le pcm_u32be pcm_u32le"
)
# The pack copies pictures and does not decode them. FFmpeg decodes the first to learn its format.
_PICTURE_DECODERS = (
    "av1 libaom-av1 libdav1d cfhd cinepak dnxhd dvvideo dxv ffv1 ffvhuff flashsv flv gif h261 h263 "
    "h263p h264 hap hevc huffyuv indeo3 indeo4 indeo5 jpeg2000 magicyuv mjpeg mjpegb mpeg1video "
    "mpeg2video mpeg4 mpegvideo msmpeg4 msmpeg4v1 msmpeg4v2 msrle msvideo1 png prores qtrle "
    "rawvideo rpza svq1 svq3 theora utvideo v210 vc1 libvpx libvpx-vp9 vp3 vp6 vp6a vp6f vp8 vp9 "
    "vvc wmv1 wmv2 wmv3 zlib zmbv"
)
_SUBTITLE_DECODERS = "ass cc_dec dvbsub dvdsub mov_text pgssub srt ssa subrip text webvtt"

AUDIO = Allowed(
    "aac,ac3,eac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,flac,flv,iff,ircam,loas,matroska,webm,"
    "mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,nistsphere,ogg,oma,qoa,shn,sox,tak,"
    "truehd,tta,voc,w64,wav,wv,xwma",
    frozenset(_SOUND_DECODERS.split()),
)
"""For files of sound, and for the sound in a clip."""
VIDEO = Allowed(
    f"{AUDIO.demuxers},av1,dv,gif,h264,hevc,ivf,m4v,mpegvideo,obu",
    frozenset(f"{_SOUND_DECODERS} {_PICTURE_DECODERS} {_SUBTITLE_DECODERS}".split()),
)
"""For clips. FFmpeg also opens a sound file, so that the error can name it, but not an image."""

# Before version 19, PyAV decodes tags strictly without this option. Later it needs no option.
_TAG_ERRORS: dict[str, Any] = (
    {"metadata_errors": "surrogateescape"} if int(av.__version__.partition(".")[0]) < 19 else {}
)


def open_input(
    file: BinaryIO | io.RawIOBase, allowed: Allowed, *, format: str | None = None
) -> InputContainer:
    """`file`, a seekable binary file, as a container that is read from the current position.

    `format` is FFmpeg's name of the demuxer, if known. Tags in broken text raise no error: read
    them with `tags_of`. av.error.FFmpegError for a format that FFmpeg cannot or may not read.
    MediaError if the file's head declares too much (`check_heads`): FFmpeg does not read it then.

    >>> import io, wave
    >>> with wave.open(file := io.BytesIO(), "wb") as sound:
    ...     sound.setparams((1, 2, 8000, 0, "NONE", ""))
    ...     sound.writeframes(bytes(16000))
    >>> _ = file.seek(0)
    >>> with open_input(file, AUDIO) as container:
    ...     container.format.name, container.duration
    ('wav', 1000000)
    """
    check_heads(file)
    # Set options of the container, not of its streams: with those, PyAV 16 fails if a stream
    # appears after the header (FLV, MPEG).
    container = cast(Any, av).open(
        file, mode="r", format=format, container_options=allowed.options, **_TAG_ERRORS
    )
    return cast(InputContainer, container)


def packets(container: InputContainer, *streams: Stream) -> Iterator[av.Packet]:
    """The packets of `streams` in the order of the file; MediaError for too many packets."""
    for number, packet in looked(enumerate(container.demux(*streams))):
        check_count(number, MOST_FRAMES, "frames")
        yield packet


def open_output(
    target: Path | Any, format: str, container_options: Mapping[str, str] | None = None
) -> OutputContainer:
    """A container of FFmpeg's `format` to write to `target`, a path or a binary file."""
    container = cast(Any, av).open(
        str(target) if isinstance(target, Path) else target,
        mode="w",
        format=format,
        container_options=dict(container_options or {}),
        **_TAG_ERRORS,
    )
    return cast(OutputContainer, container)


def tags_of(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags` of a container or stream as text; bytes that are not UTF-8 become U+FFFD.

    To copy tags to another container, do not call this: then such bytes stay unchanged.
    """
    return {_text(key): _text(value) for key, value in tags.items()}


def _text(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# Rational numbers


class Ratio(Protocol):
    """A rate or a unit of time of PyAV: an int, a Fraction, or PyAV 19's own type."""

    @property
    def numerator(self) -> int: ...

    @property
    def denominator(self) -> int: ...


def fraction(ratio: Ratio) -> Fraction:
    """`ratio` as a Fraction: the products of PyAV 19's own type are rounded to 32 bits.

    >>> fraction(Fraction(30000, 1001)) * 10
    Fraction(300000, 1001)
    """
    return Fraction(ratio.numerator, ratio.denominator)


# Sound for FFmpeg's encoders and filters

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
"""FFmpeg's names for the channels that a clip's sound may have."""

ENCODED_RATES = 4000, 384_000
"""In Hz, the lowest and the highest sample rate of sound for a clip."""


def audio_frame(samples: Samples, sample_rate: int, position: int) -> av.AudioFrame:
    """`samples` as FFmpeg's frame, at `position` samples from the beginning."""
    data = np.ascontiguousarray(samples, dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(data, format="fltp", layout=LAYOUTS[len(samples)])
    frame.sample_rate = sample_rate
    frame.pts = position
    frame.time_base = Fraction(1, sample_rate)
    return frame


def buffer_source(graph: Graph, channels: int, sample_rate: int) -> FilterContext:
    """The input for `audio_frame`s in a graph of FFmpeg's filters."""
    return graph.add_abuffer(
        format="fltp",
        sample_rate=sample_rate,
        layout=LAYOUTS[channels],
        time_base=Fraction(1, sample_rate),
    )
