"""Vorbis comments: the tags of FLAC, Opus and Ogg Vorbis."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..arrays import MediaError
from .heads import MOST_TAGS, check_count
from .loop_points import LOOP_KEYS
from .xmp import TAG

GRAPH_KEYS = ("workflow", "prompt")
"""Tags from which ComfyUI's frontend restores a graph (JSON), the most useful first."""

FOREIGN_KEYS = (*GRAPH_KEYS, "receipt")
"""Tags that are never copied from another file."""
_VENDOR = "AIgateway Music"
_BRACE = 0x7D
_DIGITS = range(ord("0"), ord("9") + 1)
_FOREIGN = re.compile(rf"({'|'.join(FOREIGN_KEYS)})\s*[=\0]", re.IGNORECASE)


class Comments(NamedTuple):
    """A comment list: the program that wrote it, and its `key=value` entries in order."""

    vendor: str = _VENDOR
    entries: tuple[str, ...] = ()


def parse_comments(data: bytes) -> Comments:
    """The comment list at the start of `data`; MediaError if it is incomplete or far too long."""
    try:
        position = 0
        texts: list[str] = []
        (size,) = struct.unpack_from("<I", data, position)
        vendor = data[4 : 4 + size].decode("utf-8", "replace")
        position = 4 + size
        (count,) = struct.unpack_from("<I", data, position)
        position += 4
        check_count(count, MOST_TAGS, "tags")
        for _ in range(count):
            (size,) = struct.unpack_from("<I", data, position)
            texts.append(data[position + 4 : position + 4 + size].decode("utf-8", "replace"))
            position += 4 + size
    except struct.error:
        raise MediaError(
            "The file's tags are cut short: expected a whole comment list; download the file again."
        ) from None
    return Comments(vendor, tuple(texts))


def merge(old: Comments, tags: Mapping[str, str]) -> Comments:
    """`old` with `tags`, which replace entries of the same name; loop points and the graph first.

    The result omits entries of `old` that a program could read as a graph or a receipt
    (`is_foreign`). If `tags` has loop points, it omits those of `old` too.

    The length of each comment stands before it. Spaces pad a comment if a reader would take its
    length for part of the comment before. Behind the graph's JSON that is the byte 0x7D, '}': the
    frontend takes it for the end of the JSON in Ogg. Behind a loop point it is a digit: engines
    read on.

    XMP is left out: no standard names a comment for it, and no program reads one.
    """
    tags = {key: value for key, value in tags.items() if key != TAG}
    names = {key.lower() for key in tags}
    if names & set(LOOP_KEYS):
        names.update(LOOP_KEYS)
    ordered = sorted(tags, key=lambda key: _rank(key.lower()))
    entries = [f"{key}={tags[key]}" for key in ordered]
    entries += [
        entry for entry in old.entries if _key(entry) not in names and not is_foreign(entry)
    ]
    for index in range(1, len(entries)):
        size = len(entries[index].encode())
        if _is_graph(entries[index - 1]):
            entries[index] += " " * (_without_brace(size) - size)
        elif _key(entries[index - 1]) in LOOP_KEYS and size & 0xFF in _DIGITS:
            entries[index] += " " * (_DIGITS.stop - (size & 0xFF))
    vendor = _VENDOR if is_foreign(old.vendor) else old.vendor
    return Comments(vendor, tuple(entries))


def is_foreign(text: str) -> bool:
    """Whether a program could read this tag of an old file as a graph or a receipt.

    A new file on the canvas must not open the graph of another file. Only the ledger gives
    receipts. The frontend searches all of the tags' text for a key, not only the start of each
    tag.
    """
    return _FOREIGN.search(text) is not None


def _without_brace(size: int) -> int:
    """The lowest number, `size` or above, whose four bytes do not include 0x7D, '}'."""
    for shift in (24, 16, 8, 0):
        if size >> shift & 0xFF == _BRACE:
            size = (size >> shift) + 1 << shift
    return size


def build_comments(comments: Comments) -> bytes:
    """The comment list as bytes, without a framing bit."""
    parts = [_sized(comments.vendor), struct.pack("<I", len(comments.entries))]
    return b"".join([*parts, *_all_sized(comments.entries)])


def graph_end(comments: Comments) -> int:
    """Bytes of `build_comments` up to the end of the last graph entry; 0 without a graph."""
    last = max(
        (index for index, entry in enumerate(comments.entries, 1) if _is_graph(entry)), default=0
    )
    return len(build_comments(comments._replace(entries=comments.entries[:last]))) if last else 0


def _is_graph(entry: str) -> bool:
    return _key(entry) in GRAPH_KEYS


def _key(entry: str) -> str:
    return entry.partition("=")[0].lower()


_FIRST = ("loopstart", "looplength", "loopend", *GRAPH_KEYS)


def _rank(key: str) -> int:
    return _FIRST.index(key) if key in _FIRST else len(_FIRST)


def _sized(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _all_sized(texts: Iterable[str]) -> Iterable[bytes]:
    return (_sized(text) for text in texts)
