"""Restores what FFmpeg changes in an MP4 or MOV: the code of the picture, and its end.

Boxes are those of ISO/IEC 14496-12.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from ..audio.containers.xmp import top_boxes
from ..audio.ffmpeg import open_output
from .clip import ClipFile, opened

# The code of a track: players decide by this code whether they play the picture

_DOLBY_VISION = ("dvh1", "dvhe", "dva1", "dvav", "dav1")


def track_code(picture: av.VideoStream, container: InputContainer) -> str:
    """The four letters that `picture` has in an MP4 or MOV; "" for FFmpeg's own choice.

    HEVC gets `hvc1`, the only code that Apple plays, if the header has all parameter sets.
    """
    context = picture.codec_context
    code = str(context.codec_tag) if "mov" in container.format.name.split(",") else ""
    if context.name == "hevc" and code not in _DOLBY_VISION:
        return "hvc1" if _has_parameter_sets(context.extradata or b"") else code
    return code


def takes_code(format: str, picture: av.VideoStream, code: str) -> bool:
    """Whether FFmpeg's muxer accepts `code`. To test it, write only a header."""
    with closing(open_output(io.BytesIO(), format, {"strict": "unofficial"})) as trial:
        try:
            copy = trial.add_stream_from_template(picture, opaque=True)
            copy.codec_context.codec_tag = code
            trial.start_encoding()
        except (av.error.FFmpegError, ValueError):
            return False
    return True


def _has_parameter_sets(header: bytes) -> bool:
    """Whether an HEVC header (ISO/IEC 14496-15, 8.3.3, or Annex B) has VPS, SPS and PPS."""
    if header[:3] == b"\0\0\1" or header[:4] == b"\0\0\0\1":
        units = {unit[0] >> 1 & 0x3F for unit in header.split(b"\0\0\1")[1:] if unit}
        return {32, 33, 34} <= units
    if len(header) < 23:
        return False
    found, at = set(), 23
    for _ in range(header[22]):
        kind, count = struct.unpack_from(">BH", header.ljust(at + 3, b"\0"), at)
        found |= {kind & 0x3F} if count else set()
        at += 3
        for _ in range(count):
            at += 2 + struct.unpack_from(">H", header.ljust(at + 2, b"\0"), at)[0]
    return {32, 33, 34} <= found


# Boxes

_Box = tuple[bytes, int, int]
_UNOFFICIAL = {
    "Dolby Vision record": (b"dvcC", b"dvvC", b"dvwC"),
    "360-degree projection": (b"sv3d", bytes.fromhex("ffcc8263f8554a938814587a02521fdd")),
    "stereo layout": (b"st3d", b"vexu"),
}
"""Marks of an MP4's picture that FFmpeg may not write."""


def unofficial(source: ClipFile) -> set[str]:
    """The names of the unofficial marks that the picture in an MP4 or MOV has."""
    _, index = _index(source)
    return {name for name, marks in _UNOFFICIAL.items() if any(mark in index for mark in marks)}


def correct(target: Path, code: str, seconds: Fraction | None) -> None:
    """Set the code and the end of the picture in an MP4, because FFmpeg does not.

    `code` "" leaves the code; `seconds` None leaves the end. Frames after the end serve only to
    decode others, and are not shown.
    """
    offset, index = _index(target)
    found = bytearray(index)
    # Version 1 of the box has times of 8 bytes.
    scales = (
        _number(index, at + (20 if index[at] else 12)) for _, at, _ in _inside(index, b"mvhd")
    )
    scale = next(scales, 0)
    for _, at, end in _inside(index, b"trak"):
        track = index[at:end]
        if not any(
            track[first + 8 : first + 12] == b"vide" for _, first, _ in _deep(track, "hdlr")
        ):
            continue
        for _, first, _ in _deep(track, "stsd") if code else ():
            found[at + first + 12 : at + first + 16] = code.encode("latin-1")
        for _, first, _ in _deep(track, "elst") if seconds is not None else ():
            wide = 8 if track[first] else 4
            last = at + first + 8 + (2 * wide + 4) * (_number(track, first + 4) - 1)
            # Round down, because a hidden frame begins where the last visible one ends.
            found[last : last + wide] = int((seconds or 0) * scale).to_bytes(wide, "big")
        break
    if found != index:
        with target.open("r+b") as file:
            file.seek(offset)
            file.write(found)


def _index(source: ClipFile) -> tuple[int, bytes]:
    """The offset and the content of the box `moov`; no content if the file has no such box."""
    with opened(source) as file:
        for box in top_boxes(file):
            if box.name == b"moov":
                file.seek(box.start)
                return box.start, file.read(box.end - box.start)
    return 0, b""


def _inside(data: bytes, wanted: bytes) -> Iterator[_Box]:
    """The boxes in `data`: their kind, and the beginning and the end of their content."""
    return (box for box in _boxes(data, 0, len(data)) if box[0] == wanted)


def _deep(track: bytes, wanted: str) -> Iterator[_Box]:
    """The boxes of the kind `wanted`, in the nested boxes of a track."""
    path = {"hdlr": "mdia", "stsd": "mdia minf stbl", "elst": "edts"}[wanted]
    found: list[_Box] = [(b"trak", 0, len(track))]
    for kind in [*path.split(), wanted]:
        inner = [box for _, at, end in found for box in _boxes(track, at, end)]
        found = [box for box in inner if box[0] == kind.encode()]
    return iter(found)


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield kind, at + 8, min(at + size, end)
        at += size


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
