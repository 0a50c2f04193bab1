"""Add tags to a new file while an encoder writes it, so that its audio is written only once.

In FLAC and MP3 the tags stand before the audio, so the encoder begins after bytes left free for
them. In WAV the tags and the loop points stand after the samples. The pages of an Ogg file have
numbers; each page gets its final number when it is written.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from ..formats import Format
from . import flac, riff
from .fragments import write_in_place
from .id3 import build_id3
from .loop_points import LoopPoints
from .ogg_tags import OggTagger

_BUFFER_BYTES = 1 << 20


class FilePart(io.RawIOBase):
    """`file` from the byte `start` on, as a file of its own for an encoder.

    Native encoders ignore an exception of a callback, so the callback stores it in `error`.
    `tagged_file` raises it.
    """

    dropped: tuple[str, ...] = ()

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._start = start
        self.error: OSError | None = None
        self.seek(0)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self._start
        try:
            return max(0, self._file.seek(offset, whence) - self._start)
        except OSError as error:
            # A seek first writes the buffered bytes, and that may fail.
            self.error = error
            return 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            return 0


@contextlib.contextmanager
def tagged_file(
    path: Path, format: Format, tags: Mapping[str, str], loop: LoopPoints | None = None
) -> Iterator[FilePart | OggTagger]:
    """A file for an encoder. When the block ends, `path`, an empty file before, has all tags.

    `loop` is written too. MediaError if the tags do not fit the format; OSError if writing fails.
    """
    tags = {**tags, **(loop.tags(format) if loop else {})}
    with open(path, "r+b", buffering=_BUFFER_BYTES) as file:
        is_ogg = format in (Format.OPUS, Format.OGG) and tags
        start = 0 if is_ogg else _write_front(file, format, tags)
        part = OggTagger(file, tags) if is_ogg else FilePart(file, start)
        try:
            yield part
        finally:
            if part.error is not None:
                raise part.error
        if format is Format.FLAC and tags:
            write_in_place(file, flac.fill_tag_room(file, start, tags))
        elif format is Format.WAV and (tags or loop):
            write_in_place(file, riff.wav_fragments(file, tags, loop))


def _write_front(file: BinaryIO, format: Format, tags: Mapping[str, str]) -> int:
    """Write the bytes before the encoder's part; return the position of that part."""
    if format is Format.MP3 and tags:
        return file.write(build_id3(tags))
    return flac.tag_room(tags) if format is Format.FLAC and tags else 0
