"""XMP (ISO 16684-1): facts about a file as XML, and the places of MP3, WAV and MP4 that hold it.

The places are those of Adobe's "XMP Specification Region 3" (2020). It names none for FLAC and Ogg.
"""

from __future__ import annotations

import html
import io
import re
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

from ...files.sniff import id3v2_size

TAG = "xmp"
"""The key of a packet among the tags of a file."""
OWNER = b"XMP\0"
"""The owner of the ID3v2 frame PRIV that holds a packet."""
CHUNK = b"_PMX"
"""The chunk of WAV that holds a packet."""
_BOX = b"uuid" + bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MOST_BYTES = 1 << 20
_MOST_REGIONS = 10_000
_MOST_FACTS = 50

_NAMES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
}
_ALTERNATIVES = ("dc:title", "dc:description")
"""Texts that may stand in several languages."""
_PROPERTY = re.compile(
    r"(?:<|\s)(Iptc4xmpExt|dc|xmp):(\w{1,50})\s*(?:=\s*[\"']([^\"']*)|>(.*?)</\1:)"
)
_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_MARKUP = re.compile(r"<[^>]*>")


def build_xmp(facts: Mapping[str, str], parts: Mapping[str, str] | None = None) -> str:
    """A packet with `facts`, by their names such as `Iptc4xmpExt:DigitalSourceType`.

    Args:
        parts: facts about the one part of the file that was made elsewhere.

    >>> packet = build_xmp({"dc:title": "A & B", "xmp:CreateDate": "2026-12-01"})
    >>> facts_of(packet)
    {'dc:title': 'A & B', 'xmp:CreateDate': '2026-12-01'}
    """
    spaces = " ".join(f'xmlns:{name}="{address}"' for name, address in _NAMES.items())
    content = _properties(facts)
    if parts:
        item = f'<rdf:li rdf:parseType="Resource">{_properties(parts)}</rdf:li>'
        content += f"<xmpMM:Ingredients><rdf:Bag>{item}</rdf:Bag></xmpMM:Ingredients>"
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces}>{content}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def _properties(facts: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{_value(name, text)}</{name}>" for name, text in facts.items() if text)


def _value(name: str, text: str) -> str:
    escaped = html.escape(_NOT_XML.sub("", text))
    if name not in _ALTERNATIVES:
        return escaped
    return f'<rdf:Alt><rdf:li xml:lang="x-default">{escaped}</rdf:li></rdf:Alt>'


def facts_of(packet: str) -> dict[str, str]:
    """The facts of a packet by name. If a name occurs twice, the first fact counts.

    No XML library reads the packet: any program can write one, and entities may be bombs.
    """
    found: dict[str, str] = {}
    for space, name, attribute, content in _PROPERTY.findall(packet[:_MOST_BYTES]):
        text = html.unescape(_MARKUP.sub("", attribute or content)).strip()
        if text and len(found) < _MOST_FACTS:
            found.setdefault(f"{space}:{name}", text)
    return found


def read_xmp(file: BinaryIO) -> str:
    """The packet of an MP3, WAV, MP4 or MOV; "" if there is none. Moves the file's position."""
    head = file.read(12)
    data = b""
    if head[:3] == b"ID3":
        file.seek(0)
        data = _in_id3(file.read(min(id3v2_size(head), _MOST_BYTES)))
    elif head[:4] in (b"RIFF", b"RF64", b"BW64"):
        data = next((_content(file, part) for part in _chunks(file) if part.name == CHUNK), b"")
    elif head[4:8] == b"ftyp":
        contents = (_content(file, box) for box in top_boxes(file) if box.name == b"uuid")
        data = next((each[16:] for each in contents if each[:16] == _BOX[4:]), b"")
    return data.decode("utf-8", "replace")


def _in_id3(tag: bytes) -> bytes:
    from .id3 import parse_frames

    privates = (frame.content for frame in parse_frames(tag) if frame.name == b"PRIV")
    return next((each[len(OWNER) :] for each in privates if each.startswith(OWNER)), b"")


class Region(NamedTuple):
    """A chunk or a box: its name, and the positions of its content's beginning and end.

    Attributes:
        is_whole: it says where it ends, and the file has all of it.
    """

    name: bytes
    start: int
    end: int
    is_whole: bool = True


def _content(file: BinaryIO, part: Region) -> bytes:
    file.seek(part.start)
    return file.read(min(part.end - part.start, _MOST_BYTES))


def _chunks(file: BinaryIO) -> Iterator[Region]:
    position, size = 12, file.seek(0, io.SEEK_END)
    for _ in range(_MOST_REGIONS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return
        name, length = struct.unpack("<4sI", header)
        yield Region(name, position + 8, min(position + 8 + length, size))
        position += 8 + length + length % 2


def top_boxes(file: BinaryIO | io.RawIOBase) -> Iterator[Region]:
    """The boxes at the top level of an MP4 or MOV (ISO/IEC 14496-12, 4.2)."""
    position, end = 0, file.seek(0, io.SEEK_END)
    for _ in range(_MOST_REGIONS):
        file.seek(min(position, end))
        header = file.read(16) or b""
        if len(header) < 8:
            return
        size, name, large = struct.unpack(">I4sQ", header.ljust(16, b"\0"))
        begin = position + (16 if size == 1 else 8)
        is_open = size == 0
        size = {0: end - position, 1: large}.get(size, size)
        if size < begin - position:
            return
        position += size
        yield Region(name, begin, min(position, end), not is_open and position <= end)


def append_xmp(file: BinaryIO, packet: str) -> bool:
    """Write `packet` into a box at the end of an MP4 or MOV, so that the other boxes do not move.

    False, and nothing is written, if `file` is of another kind or its last box has no end.
    """
    file.seek(0)
    if file.read(8)[4:8] != b"ftyp":
        return False
    boxes = list(top_boxes(file))
    size = file.seek(0, io.SEEK_END)
    if not boxes or not boxes[-1].is_whole or boxes[-1].end != size:
        return False
    data = _BOX + packet.encode()
    file.seek(size)
    file.write(struct.pack(">I", len(data) + 4) + data)
    return True
