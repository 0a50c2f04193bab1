"""The metadata of a FLAC file: RFC 9639, section 8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

from ..arrays import MediaError
from .comments import Comments, build_comments, merge, parse_comments
from .fragments import Fragment, Span, size_of

_MARKER = b"fLaC"
_STREAMINFO, _PADDING, _COMMENTS = 0, 1, 4
_BLOCK_HEADER = 4
_BLOCK_MAX = (1 << 24) - 1
_SPARE = 64
"""Bytes to reserve besides the tags: a padding block's header, and spaces that `merge` may add."""


class _Header(NamedTuple):
    """The metadata blocks to keep, the comments, and the position of the audio in the file."""

    blocks: list[tuple[int, bytes]]
    comments: Comments
    audio: int


def flac_fragments(file: BinaryIO, start: int, tags: Mapping[str, str]) -> list[Fragment]:
    """The FLAC that begins at `start` of `file`, with `tags` and without the bytes before it.

    MediaError if the header is broken, or if the tags do not fit into one block.
    """
    header = _read_header(file, start)
    return [_build(header, tags), Span(header.audio, size_of(file))]


def tag_room(tags: Mapping[str, str]) -> int:
    """Bytes that an encoder must leave free before its FLAC for `fill_tag_room`.

    MediaError if the tags do not fit into one block.
    """
    content = build_comments(merge(Comments(), tags))
    _check_size(content)
    return len(content) + _SPARE


def fill_tag_room(file: BinaryIO, start: int, tags: Mapping[str, str]) -> list[Fragment]:
    """As `flac_fragments`, but with padding, so that the audio does not move in the file."""
    header = _read_header(file, start)
    padding = header.audio - len(_build(header, tags)) - _BLOCK_HEADER
    header.blocks.append((_PADDING, bytes(padding)))
    return [_build(header, tags), Span(header.audio, size_of(file))]


def _build(header: _Header, tags: Mapping[str, str]) -> bytes:
    content = build_comments(merge(header.comments, tags))
    _check_size(content)
    blocks = [header.blocks[0], (_COMMENTS, content), *header.blocks[1:]]
    parts = [_MARKER]
    for number, (kind, data) in enumerate(blocks, 1):
        last = 0x80 if number == len(blocks) else 0
        parts.append(bytes([kind | last]) + len(data).to_bytes(3, "big") + data)
    return b"".join(parts)


def _check_size(content: bytes) -> None:
    if len(content) > _BLOCK_MAX:
        raise MediaError(
            f"The tags take {len(content)} bytes: FLAC holds at most {_BLOCK_MAX}; save "
            "without the workflow, or in another format."
        )


def _read_header(file: BinaryIO, start: int) -> _Header:
    position = start + len(_MARKER)
    blocks: list[tuple[int, bytes]] = []
    comments = Comments()
    last = False
    while not last:
        file.seek(position)
        header = file.read(_BLOCK_HEADER)
        size = int.from_bytes(header[1:], "big")
        data = file.read(size)
        if len(header) < _BLOCK_HEADER or len(data) < size:
            raise MediaError("The FLAC file is truncated in its header: download it again.")
        last, kind = bool(header[0] & 0x80), header[0] & 0x7F
        if kind == _COMMENTS:
            comments = parse_comments(data)
        elif kind != _PADDING:
            blocks.append((kind, data))
        position += _BLOCK_HEADER + size
    if not blocks or blocks[0][0] != _STREAMINFO:
        raise MediaError("The FLAC file does not begin with STREAMINFO: download it again.")
    return _Header(blocks, comments, position)
