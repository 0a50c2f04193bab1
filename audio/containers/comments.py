"""Vorbis comments: the tags of FLAC, Opus and Ogg Vorbis."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..validate import AudioError

GRAPH_KEYS = ("workflow", "prompt")
"""Tags from which ComfyUI's frontend restores a graph (JSON), the most useful first."""

_VENDOR = "AIgateway Music"


class Comments(NamedTuple):
    """A comment list: the program that wrote it, and its `key=value` entries in order."""

    vendor: str = _VENDOR
    entries: tuple[str, ...] = ()


def parse_comments(data: bytes) -> Comments:
    """The comment list at the start of `data`; AudioError when it is cut short."""
    try:
        position = 0
        texts: list[str] = []
        (size,) = struct.unpack_from("<I", data, position)
        vendor = data[4 : 4 + size].decode("utf-8", "replace")
        position = 4 + size
        (count,) = struct.unpack_from("<I", data, position)
        position += 4
        for _ in range(count):
            (size,) = struct.unpack_from("<I", data, position)
            texts.append(data[position + 4 : position + 4 + size].decode("utf-8", "replace"))
            position += 4 + size
    except struct.error:
        raise AudioError(
            "The file's tags are cut short: expected a whole comment list; download the file again."
        ) from None
    return Comments(vendor, tuple(texts))


def merge(old: Comments, tags: Mapping[str, str]) -> Comments:
    """`old` with `tags`, which replace entries of the same name; the graph comes first.

    A comment that follows the graph's JSON is padded with spaces where its length would hold the
    byte 0x7D, '}': the frontend takes it for the end of the JSON when it reads Ogg.
    """
    names = {key.lower() for key in tags}
    ordered = sorted(tags, key=lambda key: _rank(key.lower()))
    entries = [f"{key}={tags[key]}" for key in ordered]
    entries += [entry for entry in old.entries if entry.partition("=")[0].lower() not in names]
    for index in range(1, len(entries)):
        if entries[index - 1].partition("=")[0].lower() in GRAPH_KEYS:
            while b"}" in struct.pack("<I", len(entries[index].encode())):
                entries[index] += " "
    return Comments(old.vendor, tuple(entries))


def build_comments(comments: Comments) -> bytes:
    """The comment list as bytes, without a framing bit."""
    parts = [_sized(comments.vendor), struct.pack("<I", len(comments.entries))]
    return b"".join([*parts, *_all_sized(comments.entries)])


def graph_end(comments: Comments) -> int:
    """Bytes of `build_comments` up to the end of the last graph entry; 0 without any."""
    last = max(
        (index for index, entry in enumerate(comments.entries, 1) if _is_graph(entry)), default=0
    )
    return len(build_comments(comments._replace(entries=comments.entries[:last]))) if last else 0


def _is_graph(entry: str) -> bool:
    return entry.partition("=")[0].lower() in GRAPH_KEYS


def _rank(key: str) -> int:
    return GRAPH_KEYS.index(key) if key in GRAPH_KEYS else len(GRAPH_KEYS)


def _sized(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _all_sized(texts: Iterable[str]) -> Iterable[bytes]:
    return (_sized(text) for text in texts)
