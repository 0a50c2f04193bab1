"""Tags in and out of encoded files, with the audio in them untouched.

Each format is tagged the way ComfyUI's frontend reads it, so that a file dropped on the canvas
restores its graph from `workflow` or `prompt`: plain-ASCII JSON, in FLAC's and Ogg's Vorbis
comments or MP3's ID3v2.4 user text. WAV, which the frontend cannot read, carries the same tags in
an `id3 ` chunk for other programs.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import BinaryIO, NamedTuple

from . import mpeg
from .atomic import new_file
from .buffer import AudioError
from .comments import (
    GRAPH_KEYS,
    Comments,
    build_comments,
    graph_end,
    merge,
    parse_comments,
)
from .id3 import build_id3, read_id3
from .ogg import PAGE_BYTES, make_pages, read_packets, read_pages
from .riff import read_chunk, read_wav
from .sniff import SNIFF_BYTES, Container, sniff
from .source import Source

_COPY_BYTES = 1 << 20
_FLAC_STREAMINFO, _FLAC_PADDING, _FLAC_COMMENTS = 0, 1, 4
_FLAC_BLOCK_MAX = (1 << 24) - 1


class _OggCodec(Enum):
    """How the comment header begins, how many headers there are, and what ends the comments."""

    OPUS = (b"OpusHead", b"OpusTags", 2, b"")
    VORBIS = (b"\x01vorbis", b"\x03vorbis", 3, b"\x01")


class _Range(NamedTuple):
    """Bytes of the source that are copied as they are."""

    start: int
    end: int


_Piece = bytes | _Range


def retag(source: Path | bytes, path: Path, tags: Mapping[str, str]) -> tuple[str, ...]:
    """Write `source` (MP3, WAV, FLAC, Opus or Ogg Vorbis) to the new file `path` with `tags`.

    The encoded audio stays byte for byte as it is; tags of other names stay, those of the same
    name are replaced. Returns the keys left out: in Ogg the graph must fit one page (64.9 KB in
    all), else `prompt` is dropped, then `workflow`.

    `path` appears whole or not at all. FileExistsError if it exists; AudioError for a format that
    cannot be tagged or a broken file.
    """
    with _opened(source) as file, new_file(path) as temporary:
        pieces, dropped = _plan(file, tags)
        with open(temporary, "wb") as out:
            for piece in pieces:
                if isinstance(piece, bytes):
                    out.write(piece)
                else:
                    _copy(file, piece, out)
    return dropped


def read_tags(source: Path | bytes) -> dict[str, str]:
    """The text tags of an MP3, WAV, FLAC, Opus or Ogg Vorbis file, keys in lower case.

    Empty when there are none or the format has none; AudioError for a broken file.
    """
    with _opened(source) as file:
        start, container = _identify(file)
        if container is Container.FLAC:
            return _read_flac(file, start)[1].values()
        if container is Container.OGG:
            codec, packets, _, _ = _read_ogg(file)
            return parse_comments(packets[1][len(codec.value[1]) :]).values()
        if container is Container.WAV:
            return read_id3(_find_wav_id3(Source(file)))
        file.seek(0)
        return read_id3(file.read(start))


def _plan(file: BinaryIO, tags: Mapping[str, str]) -> tuple[Iterable[_Piece], tuple[str, ...]]:
    start, container = _identify(file)
    if container is Container.FLAC:
        return _plan_flac(file, start, tags), ()
    if container is Container.OGG:
        return _plan_ogg(file, tags)
    if container is Container.WAV and start == 0:
        return _plan_wav(file, tags), ()
    if container is Container.MP3:
        file.seek(0)
        old = file.read(start)
        return [build_id3(tags, old), _Range(start, _size(file))], ()
    raise AudioError(
        "This format cannot be tagged: expected MP3, WAV, FLAC, Opus or Ogg Vorbis; save it in "
        "one of these formats instead."
    )


def _identify(file: BinaryIO) -> tuple[int, Container]:
    """Where the audio starts after any ID3v2 tags, and what container it is in."""
    start = 0
    while True:
        file.seek(start)
        size = mpeg.id3v2_size(file.read(10))
        if not size:
            break
        start += size
    file.seek(start)
    container = sniff(file.read(SNIFF_BYTES))
    if container is Container.OTHER and start and mpeg.find_first_frame(Source(file), start):
        container = Container.MP3
    return start, container


# FLAC: RFC 9639, section 8


def _plan_flac(file: BinaryIO, start: int, tags: Mapping[str, str]) -> list[_Piece]:
    blocks, comments, audio = _read_flac(file, start)
    content = build_comments(merge(comments, tags))
    if len(content) > _FLAC_BLOCK_MAX:
        raise AudioError(
            f"The tags take {len(content)} bytes: FLAC holds at most {_FLAC_BLOCK_MAX}; save "
            "without the workflow, or in another format."
        )
    blocks.insert(1, (_FLAC_COMMENTS, content))
    pieces = [b"fLaC"]
    for number, (kind, data) in enumerate(blocks, 1):
        last = 0x80 if number == len(blocks) else 0
        pieces.append(bytes([kind | last]) + len(data).to_bytes(3, "big") + data)
    return [b"".join(pieces), _Range(audio, _size(file))]


def _read_flac(file: BinaryIO, start: int) -> tuple[list[tuple[int, bytes]], Comments, int]:
    """The metadata blocks to keep, the comments, and where the audio begins."""
    position = start + 4
    blocks: list[tuple[int, bytes]] = []
    comments = Comments()
    last = False
    while not last:
        file.seek(position)
        header = file.read(4)
        size = int.from_bytes(header[1:], "big")
        data = file.read(size)
        if len(header) < 4 or len(data) < size:
            raise AudioError("The FLAC file is truncated in its header: download it again.")
        last, kind = bool(header[0] & 0x80), header[0] & 0x7F
        if kind == _FLAC_COMMENTS:
            comments = parse_comments(data)
        elif kind != _FLAC_PADDING:
            blocks.append((kind, data))
        position += 4 + size
    if not blocks or blocks[0][0] != _FLAC_STREAMINFO:
        raise AudioError("The FLAC file does not begin with STREAMINFO: download it again.")
    return blocks, comments, position


# Ogg: RFC 7845 for Opus, the Vorbis I specification for Vorbis


def _plan_ogg(file: BinaryIO, tags: Mapping[str, str]) -> tuple[Iterable[_Piece], tuple[str, ...]]:
    codec, packets, count, serial = _read_ogg(file)
    _, magic, _, end = codec.value
    old = parse_comments(packets[1][len(magic) :])
    kept = dict(tags)
    dropped: list[str] = []
    comments = merge(old, kept)
    for key in reversed(GRAPH_KEYS):
        # The byte more is for the end of the list: it may not begin a page of its own.
        if len(magic) + graph_end(comments) + 1 > PAGE_BYTES and kept.pop(key, None) is not None:
            dropped.append(key)
            comments = merge(old, kept)
    packets[1] = magic + build_comments(comments) + end
    pages = make_pages(packets[1:], serial, 1)
    audio = file.tell()
    shift = 1 + len(pages) - count
    file.seek(0)
    first = next(read_pages(file))
    header = b"".join(page.pack() for page in [first, *pages])
    if shift == 0:
        return [header, _Range(audio, _size(file))], tuple(dropped)
    return _renumbered(file, header, audio, serial, shift), tuple(dropped)


def _renumbered(
    file: BinaryIO, header: bytes, audio: int, serial: int, shift: int
) -> Iterator[bytes]:
    yield header
    file.seek(audio)
    for page in read_pages(file):
        if page.serial == serial:
            page = page._replace(sequence=page.sequence + shift)
        yield page.pack()


def _read_ogg(file: BinaryIO) -> tuple[_OggCodec, list[bytes], int, int]:
    """The codec, its header packets, the pages these take, and the serial; leaves `file` there."""
    file.seek(0)
    head = next(read_pages(file)).content
    codec = next((codec for codec in _OggCodec if head.startswith(codec.value[0])), None)
    if codec is None:
        raise AudioError(
            "This Ogg file cannot be tagged: expected Opus or Vorbis in it; save it in another "
            "format instead."
        )
    file.seek(0)
    packets, count, serial = read_packets(read_pages(file), codec.value[2])
    if not packets[1].startswith(codec.value[1]):
        raise AudioError("The Ogg file has no comment header: it is broken; download it again.")
    return codec, packets, count, serial


# WAV: tags in an `id3 ` chunk behind the samples, lengths set right where a stream left them open


def _plan_wav(file: BinaryIO, tags: Mapping[str, str]) -> list[_Piece]:
    source = Source(file)
    wav = read_wav(source)
    if wav.truncated:
        raise AudioError("The WAV file is truncated: download it again.")
    end = wav.data_start + wav.data_bytes
    padding = b"\0" * (wav.data_bytes % 2)
    tag = build_id3(tags, _find_wav_id3(source))
    chunk = b"id3 " + struct.pack("<I", len(tag)) + tag + b"\0" * (len(tag) % 2)
    others = [
        _Range(start, stop)
        for name, start, stop in _chunks_behind(source, end + len(padding))
        if name not in (b"id3 ", b"ID3 ")
    ]
    size = end + len(padding) + sum(stop - start for start, stop in others) + len(chunk) - 8
    head = bytearray(source.bytes_at(0, wav.data_start))
    if head[:4] == b"RIFF":
        head[4:8] = struct.pack("<I", min(size, 0xFFFFFFFF))
        head[-4:] = struct.pack("<I", min(wav.data_bytes, 0xFFFFFFFF))
    elif (position := head.find(b"ds64", 12)) >= 0:
        head[position + 8 : position + 16] = struct.pack("<Q", size)
    return [bytes(head), _Range(wav.data_start, end), padding, *others, chunk]


def _find_wav_id3(source: Source) -> bytes:
    wav = read_wav(source)
    end = wav.data_start + wav.data_bytes
    for name, start, stop in _chunks_behind(source, end + wav.data_bytes % 2):
        if name in (b"id3 ", b"ID3 "):
            return source.bytes_at(start + 8, stop - start - 8)
    return b""


def _chunks_behind(source: Source, position: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end (header and padding included) of the chunks from `position` on."""
    while chunk := read_chunk(source, position):
        end = chunk.start + chunk.size + chunk.size % 2
        if chunk.start + chunk.size > source.size:
            return
        yield chunk.name, position, min(end, source.size)
        position = end


def _copy(file: BinaryIO, piece: _Range, out: BinaryIO) -> None:
    file.seek(piece.start)
    left = piece.end - piece.start
    while left > 0 and (data := file.read(min(_COPY_BYTES, left))):
        out.write(data)
        left -= len(data)


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


@contextlib.contextmanager
def _opened(source: Path | bytes) -> Iterator[BinaryIO]:
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        yield file
