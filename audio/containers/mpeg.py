"""The headers of an MP3: its declared length, and the samples that its encoder added."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .source import Source

_SEARCH_BYTES = 1 << 16
_WINDOW_BYTES = 1 << 12
_ENOUGH_FRAMES = 8
"""Random bytes do not look like this many headers in a row."""

# ISO/IEC 11172-3 and 13818-3, kbit/s by [version is MPEG-1][layer - 1].
_BIT_RATES = {
    True: (
        (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
        (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
        (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    ),
    False: (
        (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
        (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
        (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    ),
}
_SAMPLE_RATES = (44100, 48000, 32000)


class FrameHeader(NamedTuple):
    """One frame: its position in the file, its length, and its kind of audio."""

    start: int
    size: int
    samples: int
    sample_rate: int
    channels: int
    mpeg1: bool
    layer: int


class Xing(NamedTuple):
    """The values that the tag in the first frame declares; 0 for a missing value."""

    frames: int
    size: int
    delay: int
    padding: int


def parse_header(data: bytes, start: int) -> FrameHeader | None:
    """The frame whose header is the first four bytes of `data`; None if they are not a header."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
    rate_index, frequency = data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or layer == 4 or rate_index in (0, 15) or frequency == 3:
        return None
    mpeg1 = version == 3
    bit_rate = _BIT_RATES[mpeg1][layer - 1][rate_index - 1] * 1000
    sample_rate = _SAMPLE_RATES[frequency] >> (0 if mpeg1 else 1 if version == 2 else 2)
    samples = 384 if layer == 1 else 1152 if layer == 2 or mpeg1 else 576
    padding = data[2] >> 1 & 1
    if layer == 1:
        size = (12 * bit_rate // sample_rate + padding) * 4
    else:
        size = samples // 8 * bit_rate // sample_rate + padding
    channels = 1 if data[3] >> 6 == 3 else 2
    return FrameHeader(start, size, samples, sample_rate, channels, mpeg1, layer)


def find_first_frame(source: Source, start: int) -> FrameHeader | None:
    """The first frame from `start` on that ends the file or is followed by another frame."""
    for window in range(start, min(start + _SEARCH_BYTES, source.size), _WINDOW_BYTES):
        # Read three bytes more: a header may begin in this window and end in the next.
        data = source.bytes_at(window, _WINDOW_BYTES + 3)
        offset = data.find(b"\xff")
        while 0 <= offset < _WINDOW_BYTES:
            header = parse_header(data[offset : offset + 4], window + offset)
            if header and _is_followed(source, header):
                return header
            offset = data.find(b"\xff", offset + 1)
    return None


def is_layer_3(source: Source, start: int) -> bool:
    """Whether MP3 frames of one sample rate begin at `start`: eight, or as many as the file has."""
    position, sample_rate = start, 0
    for _ in range(_ENOUGH_FRAMES):
        header = parse_header(source.bytes_at(position, 4), position)
        if header is None:
            return False
        if header.layer != 3 or header.sample_rate != (sample_rate or header.sample_rate):
            return False
        position, sample_rate = position + header.size, header.sample_rate
        if position >= source.size:
            break
    return True


def _is_followed(source: Source, header: FrameHeader) -> bool:
    end = header.start + header.size
    if end >= source.size:
        return end == source.size
    following = parse_header(source.bytes_at(end, 4), end)
    return following is not None and following.sample_rate == header.sample_rate


def read_xing(source: Source, header: FrameHeader) -> Xing | None:
    """The Xing, Info or LAME tag in the frame of `header`; None for a frame without a tag.

    Layout as in Gabriel Bouvigne's "MP3 info tag": flags, then frames, bytes, seek table and
    quality where flagged, then LAME's 21st byte on: 12 bits each of encoder delay and padding.
    """
    side_info = (
        (32 if header.channels == 2 else 17)
        if header.mpeg1
        else (17 if header.channels == 2 else 9)
    )
    data = source.bytes_at(header.start, min(header.size, 256))[4 + side_info :]
    if data[:4] not in (b"Xing", b"Info") or len(data) < 8:
        return None
    flags = struct.unpack(">I", data[4:8])[0]
    position, values = 8, [0, 0]
    for index in range(2):
        if flags & 1 << index and len(data) >= position + 4:
            values[index] = struct.unpack(">I", data[position : position + 4])[0]
            position += 4
    position += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    gap = data[position + 21 : position + 24]
    delay = padding = 0
    if len(gap) == 3 and data[position : position + 4].strip(b"\0"):
        delay, padding = gap[0] << 4 | gap[1] >> 4, (gap[1] & 15) << 8 | gap[2]
    return Xing(values[0], values[1], delay, padding)
