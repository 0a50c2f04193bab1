"""How ComfyUI's frontend finds a graph in a dropped file, as observed in versions 1.49.

It reads bytes as Latin-1. Each function returns the JSON text found for `prompt` and `workflow`.
"""

from __future__ import annotations

import re
import struct

KEYS = ("prompt", "workflow")
_PAGE = 4096


def from_flac(data: bytes) -> dict[str, str]:
    """Every metadata block is walked; the keys must be written exactly so."""
    assert data[:4] == b"fLaC"
    position, last, found = 4, False, {}
    while not last:
        last, kind = bool(data[position] & 0x80), data[position] & 0x7F
        size = int.from_bytes(data[position + 1 : position + 4], "big")
        if kind == 4:
            found = _comments(data[position + 4 : position + 4 + size])
        position += 4 + size
    return {key: value for key, value in found.items() if key in KEYS}


def _comments(block: bytes) -> dict[str, str]:
    (size,) = struct.unpack_from("<I", block)
    position = 4 + size
    (count,) = struct.unpack_from("<I", block, position)
    position += 4
    found = {}
    for _ in range(count):
        (size,) = struct.unpack_from("<I", block, position)
        text = block[position + 4 : position + 4 + size].decode("latin-1")
        key, _, found_value = text.partition("=")
        found[key] = found_value
        position += 4 + size
    return found


def from_mp3(data: bytes) -> dict[str, str]:
    """Pages of 4 KB up to one that holds the bytes FF FB; the value stands between two NULs."""
    text = ""
    for start in range(0, len(data), _PAGE):
        page = data[start : start + _PAGE].decode("latin-1")
        text += page
        if "\xff\xfb" in page:
            break
    matches = {key: re.search(rf"{key}\0(\{{.*?\}})\0", text, re.S) for key in KEYS}
    return {key: match[1] for key, match in matches.items() if match}


def from_ogg(data: bytes) -> dict[str, str]:
    """Pages of 4 KB until two of them began an Ogg page; the value goes to the last brace before
    the first NUL behind its first closing brace."""
    text, seen = "", 0
    for start in range(0, len(data), _PAGE):
        page = data[start : start + _PAGE].decode("latin-1")
        seen += "OggS\0" in page
        text += page
        if seen > 1:
            break
    found = {}
    for key in KEYS:
        match = re.search(rf"{key}=(\{{.*?(\}}.*?\0))", text, re.S)
        inner = match and re.search(r"\{.*\}", match[1])
        if inner:
            found[key] = inner[0]
    return found
