"""Which container the result has, and what it allows: the picture's own wherever it can be kept."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import av
from av.container import InputContainer

from ..audio.ffmpeg import tags_of
from .clip import ClipFile, head, picture_stream


class _Rules(NamedTuple):
    format: str
    suffix: str
    sound: tuple[str, ...]

    def options(self, picture: av.VideoStream) -> dict[str, str]:
        """What the muxer must be told so that nothing of `picture` changes."""
        if self.format not in ("mp4", "mov"):
            return {}
        # Without the flag, tags such as ComfyUI's workflow are dropped; without the time scale,
        # PyAV 14 rounds time stamps to 1/90000 s.
        scale = str(picture.time_base.denominator) if picture.time_base else "0"
        return {"movflags": "use_metadata_tags", "video_track_timescale": scale}


class ClipContainer(Enum):
    """A container that can be written; `sound` are its encoders, the best first."""

    MP4 = _Rules("mp4", ".mp4", ("aac",))
    MOV = _Rules("mov", ".mov", ("aac",))
    # Matroska stores how much of Opus to skip at both ends, of AAC it does not.
    MKV = _Rules("matroska", ".mkv", ("libopus", "aac"))
    WEBM = _Rules("webm", ".webm", ("libopus",))


_IN_MP4 = {"h264", "hevc", "av1", "mpeg4", "vp9"}
_DOC_TYPE = 64
"""Bytes at the beginning of an EBML file in which its type is named (RFC 8794)."""


def kept_container(container: InputContainer, source: ClipFile) -> ClipContainer:
    """The container of `source`; MP4 or MKV in place of those that hold AAC and Opus badly."""
    names = container.format.name.split(",")
    if "mov" in names:
        # QuickTime's brand has two spaces behind it; the oldest files name no brand.
        brand = tags_of(container.metadata).get("major_brand", "qt").strip()
        return ClipContainer.MOV if brand == "qt" else ClipContainer.MP4
    if "matroska" in names:
        return ClipContainer.WEBM if b"webm" in head(source, _DOC_TYPE) else ClipContainer.MKV
    codec = picture_stream(container).codec_context.codec.canonical_name
    return ClipContainer.MP4 if codec in _IN_MP4 else ClipContainer.MKV
