"""A picture's file, opened: the streams in it, and its faults as sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition

from .errors import PictureError

Source: TypeAlias = "str | os.PathLike[str] | BinaryIO"
"""A path, or a seekable stream of bytes, which is read from its beginning."""


@contextmanager
def open_picture(source: Source) -> Iterator[InputContainer]:
    """`source` as a container; what FFmpeg cannot read in it, then or later, is a PictureError."""
    try:
        with av.open(_readable(source), mode="r", metadata_errors="replace") as container:
            yield container
    except FileNotFoundError as error:
        raise PictureError(
            f"There is no file {os.fspath(source)!r}: expected a video; check the path."  # type: ignore[arg-type]
        ) from error
    except av.error.FFmpegError as error:
        raise PictureError(
            f"The video cannot be read ({error.strerror}): expected a file that FFmpeg knows; it "
            "is cut off, broken or no video, so download or export it again."
        ) from error


def picture_stream(container: InputContainer) -> av.VideoStream:
    """The first stream of moving pictures; a cover picture is none. PictureError without one."""
    for stream in container.streams.video:
        if not is_cover(stream):
            return stream
    holds = "sound but no picture" if container.streams.audio else "no picture"
    raise PictureError(f"The file holds {holds}: expected a video; choose another file.")


def sound_stream(container: InputContainer) -> av.AudioStream | None:
    """The first sound track that FFmpeg can decode."""
    for stream in container.streams.audio:
        # The attribute is None where FFmpeg has no decoder, whatever its type says.
        if getattr(stream.codec_context, "sample_rate", 0):
            return stream
    return None


def is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def head(source: Source, count: int) -> bytes:
    """The first `count` bytes of `source`."""
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return file.read(count)
    source.seek(0)
    return source.read(count)


def _readable(source: Source) -> str | BinaryIO:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    source.seek(0)
    return source
