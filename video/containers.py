"""The container of the result, and its limits: the clip's own container wherever possible."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from av import VideoStream
from av.container import InputContainer

from ..audio.ffmpeg import tags_of
from .clip import ClipFile, head, picture_stream


class _Rules(NamedTuple):
    format: str
    suffix: str
    sound: tuple[str, ...]
    subtitles: str

    def options(self, rate: Fraction | None, scale: int = 0) -> dict[str, str]:
        """Options of the muxer for pictures at `rate`, or in ticks of 1 / `scale` s.

        The index of an MP4 comes first, so that it plays while it loads. Tags such as ComfyUI's
        workflow stay. Marks that FFmpeg calls unofficial stay too: Dolby Vision, 360 degrees,
        stereo.
        """
        if not self.is_mp4:
            return {}
        if rate is not None:
            # A whole number of ticks for each frame, and 10,000 ticks a second or more.
            scale = rate.numerator * -(-10_000 // rate.numerator)
        # Without the time scale, PyAV 16 rounds time stamps to 1/90000 s.
        return {
            "movflags": "use_metadata_tags+faststart",
            "strict": "unofficial",
            "video_track_timescale": str(scale),
        }

    @property
    def is_mp4(self) -> bool:
        return self.format in ("mp4", "mov")


class ClipContainer(Enum):
    """A container for the result. `sound` lists its encoders, the best first; `subtitles` names its
    codec of subtitles."""

    MP4 = _Rules("mp4", ".mp4", ("aac",), "mov_text")
    MOV = _Rules("mov", ".mov", ("aac",), "mov_text")
    # Matroska stores how much to skip at both ends of Opus, but not of AAC.
    MKV = _Rules("matroska", ".mkv", ("libopus", "aac"), "subrip")
    WEBM = _Rules("webm", ".webm", ("libopus",), "webvtt")


_IN_MP4 = {"h264", "hevc", "av1", "mpeg4", "vp9"}
_DOC_TYPE = 64
"""The first bytes of an EBML file, which name its type (RFC 8794)."""


def container_for(container: InputContainer, source: ClipFile) -> ClipContainer:
    """The container of `source`; MP4 or MKV instead if it holds AAC and Opus badly.

    A Matroska file becomes MP4 if MP4 can hold all its streams, because the next node saves an MP4,
    and programs of Apple and Adobe refuse Opus in MP4.
    """
    names = container.format.name.split(",")
    if "mov" in names:
        # QuickTime's brand ends with two spaces; the oldest files name no brand.
        brand = tags_of(container.metadata).get("major_brand", "qt").strip()
        return ClipContainer.MOV if brand == "qt" else ClipContainer.MP4
    if "matroska" in names and b"webm" in head(source, _DOC_TYPE):
        return ClipContainer.WEBM
    fits = fits_mp4(picture_stream(container)) and not container.streams.subtitles
    return ClipContainer.MP4 if fits else ClipContainer.MKV


def fits_mp4(picture: VideoStream) -> bool:
    return picture.codec_context.codec.canonical_name in _IN_MP4
