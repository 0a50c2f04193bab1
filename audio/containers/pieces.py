"""A new file as a list of pieces: bytes, and spans of an old file that are copied as they are."""

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


Piece = bytes | Span


def write_pieces(file: BinaryIO, pieces: Iterable[Piece], out: BinaryIO) -> None:
    """Write `pieces` to `out`. Their spans are copied from `file`."""
    for piece in pieces:
        if isinstance(piece, bytes):
            out.write(piece)
            continue
        file.seek(piece.start)
        left = piece.end - piece.start
        while left > 0 and (data := file.read(min(_COPY_BYTES, left))):
            look()
            out.write(data)
            left -= len(data)


def write_in_place(file: BinaryIO, pieces: Iterable[Piece]) -> None:
    """Write the bytes of `pieces` into `file`. Each span must already have its final position.

    Raises:
        ValueError: the final position of a span is another.
    """
    position = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            file.seek(position)
            position += file.write(piece)
        elif piece.start == position:
            position = piece.end
        else:
            raise ValueError(f"bytes {piece.start} to {piece.end} belong at {position}")


def size_of(file: BinaryIO) -> int:
    """Bytes in `file`. Moves its position to the end."""
    return file.seek(0, io.SEEK_END)
