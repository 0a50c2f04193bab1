"""Opens a clip's file, finds its streams, and reports its faults as sentences."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition

from ..audio.arrays import MediaError
from ..audio.containers.not_audio import text_kind
from ..audio.containers.source import Reader, Source
from ..audio.ffmpeg import AUDIO, VIDEO, open_input
from ..audio.stopping import is_stopped
from ..files.sniff import SNIFF_BYTES

ClipFile: TypeAlias = "str | os.PathLike[str] | BinaryIO"
"""A path, or a seekable stream of bytes, which is read from its beginning."""


@contextmanager
def open_picture(file: ClipFile) -> Iterator[InputContainer]:
    """Open `file` as a container. An error of FFmpeg, now or in a later read, is a MediaError."""
    with opened(file) as data:
        kind = text_kind(data.read(SNIFF_BYTES))
        data.seek(0)
        if kind is not None:
            raise MediaError(
                f"The file is {kind}, not a video: expected a clip such as MP4, MOV, MKV or WebM; "
                "playlists are not opened, so choose the clip itself."
            )
        try:
            with open_input(data, VIDEO) as container:
                yield container
        except av.error.FFmpegError as error:
            raise MediaError(
                f"The video cannot be read ({error.strerror}): expected a clip such as MP4, MOV, "
                "MKV or WebM; it is cut off, broken or no video, so download or export it again."
            ) from error


def picture_stream(container: InputContainer) -> av.VideoStream:
    """The first stream of moving pictures; a cover picture does not count. MediaError without
    one."""
    for stream in container.streams.video:
        if not is_cover(stream):
            return stream
    holds = "sound but no picture" if container.streams.audio else "no picture"
    raise MediaError(f"The file holds {holds}: expected a video; choose another file.")


def sound_stream(container: InputContainer) -> av.AudioStream | None:
    """The default sound stream that FFmpeg can decode, or the first such stream.

    In a transport stream, a sound stream that begins late has no rate yet: it is the last choice.
    """
    tracks = [
        stream
        for stream in container.streams.audio
        # A stream without a decoder in FFmpeg has no context.
        if getattr(stream.codec_context, "name", "") in AUDIO.decoders
    ]
    return min(
        tracks,
        key=lambda track: (
            not getattr(track.codec_context, "sample_rate", 0),
            not track.disposition & Disposition.default,
        ),
        default=None,
    )


def is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def head(file: ClipFile, count: int) -> bytes:
    """The first `count` bytes of `file`."""
    with opened(file) as data:
        return data.read(count)


class _Disk(io.FileIO):
    """An unbuffered file on the disk. A seek before its beginning, as FFmpeg may do, goes to 0."""

    def read(self, size: int | None = -1, /) -> bytes:
        # FFmpeg sees a stop as the end of the file; the reader of the packets then raises.
        return b"" if is_stopped() else super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except OSError:
            return super().seek(0)


@contextmanager
def opened(file: ClipFile) -> Iterator[io.RawIOBase]:
    """Open `file` at its beginning. FFmpeg itself opens no file."""
    if not isinstance(file, (str, os.PathLike)):
        yield Reader(Source(file))
        return
    try:
        disk = _Disk(os.fspath(file))
    except FileNotFoundError as error:
        raise MediaError(
            f"There is no file {os.fspath(file)!r}: expected a video; check the path."
        ) from error
    except OSError as error:
        raise MediaError(
            f"The video cannot be read ({error.strerror}): expected a file; check its path."
        ) from error
    with disk:
        yield disk
