"""Ogg pages."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .source import Source

_TAIL_BYTES = 1 << 16
_OPUS_RATE = 48_000


class OggLength(NamedTuple):
    """Samples of each channel by the last page, and the rate that they are counted at."""

    frames: int
    sample_rate: int


def ogg_length(source: Source) -> OggLength | None:
    """The length that the last page of an Opus or Vorbis file declares; waits for that page.

    None for another codec or a file without a valid last page. RFC 7845, section 4: Opus counts
    at 48 kHz, the pre-skip included.
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
    serial = head[14:18]
    start = tail.rfind(b"OggS")
    while start >= 0:
        page = tail[start : start + 18]
        granule = struct.unpack("<q", page[6:14])[0] if page[14:18] == serial else -1
        if granule > skip:
            return OggLength(granule - skip, sample_rate)
        start = tail.rfind(b"OggS", 0, start)
    return None
