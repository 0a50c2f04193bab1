"""The chunks of a WAV file (RIFF, RF64, BW64), even if its header is wrong."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import BinaryIO, NamedTuple

from ..arrays import MediaError
from .fragments import Fragment, Span
from .id3 import build_id3
from .loop_points import LoopPoints
from .source import Source
from .xmp import CHUNK, TAG

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""KSDATAFORMAT_SUBTYPE_* without its first two bytes. Those bytes are the format tag."""
_STREAMED = 0x7FFF0000
"""If the file is shorter, a declared length from here up is a streaming encoder's placeholder."""
_MOST_CHUNKS = 1000
"""Limit on the chunks before or after the samples."""
_ID3_CHUNKS = (b"id3 ", b"ID3 ")
_OTHER_CHUNKS = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"cue ", b"fact", b"smpl", b"JUNK", b"PEAK")


class Coding(Enum):
    """The kind of samples."""

    INTEGER = "integer"
    FLOAT = "float"
    OTHER = "other"


class Wav(NamedTuple):
    """A WAV file's format and the position of its samples, in bytes from the start of the file."""

    coding: Coding
    channels: int
    sample_rate: int
    sample_bytes: int
    data_start: int
    data_bytes: int
    truncated: bool
    """The header declares more bytes than the file has, and the number is not a placeholder."""
    consistent: bool
    """The block align in the header fits the size of the samples."""

    @property
    def frames(self) -> int:
        return self.data_bytes // (self.channels * self.sample_bytes)


class Chunk(NamedTuple):
    """A chunk's id, and the position of its content as its header declares it."""

    name: bytes
    start: int
    size: int


def read_wav(source: Source) -> Wav:
    """The layout of the WAV file `source`; MediaError without a format or data."""
    format_chunk: bytes | None = None
    data_size_64: int | None = None
    position = 12
    for _ in range(_MOST_CHUNKS):
        chunk = read_chunk(source, position)
        if chunk is None:
            break
        if chunk.name == b"ds64":
            content = source.bytes_at(chunk.start, 16)
            data_size_64 = struct.unpack("<Q", content[8:16])[0] if len(content) == 16 else None
        elif chunk.name == b"fmt ":
            format_chunk = source.bytes_at(chunk.start, min(chunk.size, 40))
        elif chunk.name == b"data":
            return _wav(source, format_chunk, chunk, data_size_64)
        position = chunk.start + chunk.size + chunk.size % 2
    raise MediaError(
        "The WAV file has no 'data' chunk: expected samples after its header; the file is "
        "truncated or broken, so download it again."
    )


def read_chunk(source: Source, position: int) -> Chunk | None:
    """The chunk whose header is at `position`; None if the file ends within the header."""
    header = source.bytes_at(position, 8)
    if len(header) < 8:
        return None
    name, size = struct.unpack("<4sI", header)
    return Chunk(name, position + 8, size)


def _wav(source: Source, content: bytes | None, data: Chunk, data_size_64: int | None) -> Wav:
    if content is None or len(content) < 16:
        raise MediaError(
            "The WAV file has no valid 'fmt ' chunk before its samples: the file is broken, so "
            "download or export it again."
        )
    tag, channels, sample_rate, byte_rate, align, bits = struct.unpack("<HHIIHH", content[:16])
    if tag == _EXTENSIBLE and len(content) >= 40 and content[26:40] == _GUID_TAIL:
        tag = struct.unpack("<H", content[24:26])[0]
    if channels == 0:
        raise MediaError(
            "The WAV file declares 0 channels: expected at least one; the file is broken, so "
            "download or export it again."
        )
    sample_bytes = _sample_bytes(bits, align / channels, byte_rate == sample_rate * align)
    coding = Coding.OTHER
    if tag == _PCM and sample_bytes in (1, 2, 3, 4):
        coding = Coding.INTEGER
    elif tag == _FLOAT and sample_bytes in (4, 8):
        coding = Coding.FLOAT
    size = data.size if data.size != 0xFFFFFFFF or data_size_64 is None else data_size_64
    there = source.size - data.start
    streamed = (size >= _STREAMED and data_size_64 is None) or (
        size == 0 and source.bytes_at(data.start, 4) not in _OTHER_CHUNKS
    )
    truncated = size > there and not streamed
    data_bytes = there if streamed and (size == 0 or size > there) else min(size, there)
    return Wav(
        coding,
        channels,
        sample_rate,
        sample_bytes,
        data.start,
        data_bytes,
        truncated,
        consistent=align == channels * sample_bytes,
    )


def _sample_bytes(bits: int, aligned: float, confirmed: bool) -> int:
    """Bytes of a sample: as many as `bits` need, even if the block align differs.

    Samples of 12, 20 or 24 bits may have more bytes (`aligned`), if the byte rate confirms it. If
    the header declares 0 bits, only the block align counts.
    """
    needed = -(-bits // 8)
    wider = bits not in (8, 16, 32, 64) and confirmed and needed < aligned <= 4
    return int(aligned) if wider or not bits else needed


def wav_fragments(
    file: BinaryIO, tags: Mapping[str, str], loop: LoopPoints | None = None
) -> list[Fragment]:
    """The file with `tags` in an `id3 ` chunk and `loop` in a `smpl` chunk after the samples.

    Without `loop`, the file's own loop points stay. XMP among the tags gets a chunk of its own.

    Corrects the placeholder lengths of a streaming encoder. MediaError for a truncated file.
    """
    source = Source(file)
    wav = read_wav(source)
    if wav.truncated:
        raise MediaError("The WAV file is truncated: download it again.")
    end = wav.data_start + wav.data_bytes
    padding = b"\0" * (wav.data_bytes % 2)
    chunks = list(_chunks_behind(source, end + len(padding)))
    old = next((source.bytes_at(*chunk[1:]) for chunk in chunks if chunk.name in _ID3_CHUNKS), b"")
    packet = tags.get(TAG, "")
    tag = build_id3({key: value for key, value in tags.items() if key != TAG}, old)
    new = loop.smpl(wav.sample_rate) if loop else b""
    new += _packed(b"id3 ", tag) + (_packed(CHUNK, packet.encode()) if packet else b"")
    replaced = {*_ID3_CHUNKS, *([b"smpl"] if loop else []), *([CHUNK] if packet else [])}
    others = [
        Span(chunk.start - 8, min(chunk.start + chunk.size + chunk.size % 2, source.size))
        for chunk in chunks
        if chunk.name not in replaced
    ]
    size = end + len(padding) + sum(stop - start for start, stop in others) + len(new) - 8
    head = bytearray(source.bytes_at(0, wav.data_start))
    if head[:4] == b"RIFF":
        head[4:8] = struct.pack("<I", min(size, 0xFFFFFFFF))
        head[-4:] = struct.pack("<I", min(wav.data_bytes, 0xFFFFFFFF))
    elif (position := head.find(b"ds64", 12)) >= 0:
        head[position + 8 : position + 16] = struct.pack("<Q", size)
    return [bytes(head), Span(wav.data_start, end), padding, *others, new]


def _packed(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunks_behind(source: Source, position: int) -> Iterator[Chunk]:
    """The chunks from `position` on, without an incomplete chunk at the end."""
    for _ in range(_MOST_CHUNKS):
        chunk = read_chunk(source, position)
        if chunk is None or chunk.start + chunk.size > source.size:
            return
        yield chunk
        position = chunk.start + chunk.size + chunk.size % 2
