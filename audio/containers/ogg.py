"""Ogg pages: RFC 3533."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ..arrays import MediaError
from ..stopping import look
from .source import Source

_TAIL_BYTES = 1 << 16
_OPUS_RATE = 48_000

_HEADER = struct.Struct("<4sBBqIIIB")
_CONTINUED = 1
_SEGMENT = 255
_PAGE_SEGMENTS = 255
PAGE_BYTES = _SEGMENT * _PAGE_SEGMENTS
"""Most bytes of content in one page."""

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class OggPage(NamedTuple):
    """One page: its flags, its position in its stream, and its segments."""

    flags: int
    granule: int
    serial: int
    sequence: int
    lacing: bytes
    content: bytes

    def pack(self) -> bytes:
        """The page as bytes, with its checksum."""
        header = _HEADER.pack(
            b"OggS",
            0,
            self.flags,
            self.granule,
            self.serial,
            self.sequence & 0xFFFFFFFF,
            0,
            len(self.lacing),
        )
        page = header + self.lacing + self.content
        return page[:22] + struct.pack("<I", checksum(page)) + page[26:]


def checksum(page: bytes) -> int:
    """Ogg's CRC-32 of a page whose checksum field is 0.

    RFC 3533, section 6: zlib's polynomial, the highest bit first, without inversion. zlib computes
    it from bytes with mirrored bits; the bits of its result are mirrored again.
    """
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRRORED), "big")


def read_pages(file: BinaryIO) -> Iterator[OggPage]:
    """The pages from the position of `file` to its end; MediaError for other bytes."""
    while header := file.read(_HEADER.size):
        look()
        if len(header) < _HEADER.size or header[:4] != b"OggS":
            raise MediaError(
                "The Ogg file is broken: expected a page where there is none; download it again."
            )
        _, _, flags, granule, serial, sequence, _, segments = _HEADER.unpack(header)
        lacing = file.read(segments)
        content = file.read(sum(lacing))
        if len(lacing) < segments or len(content) < sum(lacing):
            raise MediaError(
                "The Ogg file is truncated in the middle of a page: download it again."
            )
        yield OggPage(flags, granule, serial, sequence, lacing, content)


def page_size(data: bytes | bytearray) -> int | None:
    """Bytes of the page at the start of `data`; None if `data` ends before the page does."""
    lacing = data[_HEADER.size :][: data[_HEADER.size - 1]] if len(data) >= _HEADER.size else b""
    size = _HEADER.size + len(lacing) + sum(lacing)
    whole = len(data) >= _HEADER.size and len(lacing) == data[_HEADER.size - 1]
    return size if whole and len(data) >= size else None


def packets_ended(page: OggPage) -> int:
    """How many packets end on `page`."""
    return sum(size < _SEGMENT for size in page.lacing)


def read_packets(pages: Iterator[OggPage], count: int) -> tuple[list[bytes], int, int]:
    """The first `count` packets of one stream, the number of their pages, and its serial number.

    MediaError unless the last packet ends its page, as header packets must.
    """
    packets: list[bytes] = []
    parts: list[bytes] = []
    serial: int | None = None
    for number, page in enumerate(pages, 1):
        if serial is not None and page.serial != serial:
            break
        serial = page.serial
        position = 0
        for size in page.lacing:
            parts.append(page.content[position : position + size])
            position += size
            if size < _SEGMENT:
                packets.append(b"".join(parts))
                parts = []
        if len(packets) == count and not parts:
            return packets, number, serial
        if len(packets) >= count:
            break
    raise MediaError(
        "The Ogg file does not begin with one stream's headers: expected plain Opus or Vorbis; "
        "convert it with another program first."
    )


def make_pages(packets: list[bytes], serial: int, sequence: int) -> list[OggPage]:
    """Pages that hold exactly `packets`, numbered from `sequence`."""
    lacing = b"".join(
        bytes([_SEGMENT]) * (len(packet) // _SEGMENT) + bytes([len(packet) % _SEGMENT])
        for packet in packets
    )
    content = b"".join(packets)
    pages: list[OggPage] = []
    position = 0
    for start in range(0, len(lacing), _PAGE_SEGMENTS):
        part = lacing[start : start + _PAGE_SEGMENTS]
        continued = start > 0 and lacing[start - 1] == _SEGMENT
        ends_none = all(size == _SEGMENT for size in part)
        pages.append(
            OggPage(
                _CONTINUED if continued else 0,
                -1 if ends_none else 0,
                serial,
                sequence + len(pages),
                part,
                content[position : position + sum(part)],
            )
        )
        position += sum(part)
    return pages


class OggLength(NamedTuple):
    """Samples of each channel that the last page declares, and their rate in Hz."""

    frames: int
    sample_rate: int


def ogg_length(source: Source) -> OggLength | None:
    """The length that the last page of an Opus or Vorbis file declares. Waits for that page.

    Returns None if the codec is another, the last page is invalid, or the file has several
    streams. Opus counts samples at 48 kHz, including the pre-skip (RFC 7845, section 4).
    """
    head = source.bytes_at(0, 64)
    if len(head) < 64:
        return None
    packet = head[27 + head[26] :]
    if packet.startswith(b"OpusHead") and len(packet) >= 12:
        sample_rate, skip = _OPUS_RATE, struct.unpack("<H", packet[10:12])[0]
    elif packet.startswith(b"\x01vorbis") and len(packet) >= 16:
        sample_rate, skip = struct.unpack("<I", packet[12:16])[0], 0
    else:
        return None
    tail = source.bytes_at(max(0, source.size - _TAIL_BYTES), _TAIL_BYTES)
    start = tail.rfind(b"OggS")
    while start >= 0:
        page = tail[start : start + 18]
        if page[14:18] != head[14:18]:
            return None
        (granule,) = struct.unpack("<q", page[6:14])
        if granule > skip:
            return OggLength(granule - skip, sample_rate)
        start = tail.rfind(b"OggS", 0, start)
    return None
