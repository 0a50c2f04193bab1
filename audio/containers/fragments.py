"""A new file as a list of fragments: new bytes, and spans of bytes copied from an old file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from ..stopping import look

_COPY_BYTES = 1 << 20


class Span(NamedTuple):
    """Bytes of the old file."""

    start: int
    end: int


Fragment = bytes | Span


def write_fragments(file: BinaryIO, fragments: Iterable[Fragment], out: BinaryIO) -> None:
    """Write `fragments` to `out`. Their spans are copied from `file`."""
    for fragment in fragments:
        if isinstance(fragment, bytes):
            out.write(fragment)
            continue
        file.seek(fragment.start)
        left = fragment.end - fragment.start
        while left > 0 and (data := file.read(min(_COPY_BYTES, left))):
            look()
            out.write(data)
            left -= len(data)


def write_in_place(file: BinaryIO, fragments: Iterable[Fragment]) -> None:
    """Write the bytes of `fragments` into `file`. Each span must already have its final position.

    Raises:
        ValueError: the final position of a span is another.
    """
    position = 0
    for fragment in fragments:
        if isinstance(fragment, bytes):
            file.seek(position)
            position += file.write(fragment)
        elif fragment.start == position:
            position = fragment.end
        else:
            raise ValueError(f"bytes {fragment.start} to {fragment.end} belong at {position}")


def size_of(file: BinaryIO) -> int:
    """Bytes in `file`. Moves its position to the end."""
    return file.seek(0, io.SEEK_END)
