"""The comment header of Opus (RFC 7845) and Vorbis (Vorbis I specification) in Ogg."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, NamedTuple

from ..arrays import MediaError
from .comments import GRAPH_KEYS, Comments, build_comments, graph_end, merge, parse_comments
from .fragments import Fragment, Span, size_of
from .ogg import (
    PAGE_BYTES,
    OggPage,
    make_pages,
    packets_ended,
    page_size,
    read_packets,
    read_pages,
)


class _Codec(NamedTuple):
    """A codec: its name, the start of both headers, their number, and the end of the comments."""

    name: str
    head: bytes
    comments: bytes
    headers: int
    end: bytes


_CODECS = (
    _Codec("opus", b"OpusHead", b"OpusTags", 2, b""),
    _Codec("vorbis", b"\x01vorbis", b"\x03vorbis", 3, b"\x01"),
)


class _NewHeader(NamedTuple):
    """Pages with new comments, and the number that is added to the numbers of later pages."""

    content: bytes
    serial: int
    shift: int
    dropped: tuple[str, ...]

    def renumbered(self, page: OggPage) -> bytes:
        if page.serial == self.serial:
            page = page._replace(sequence=page.sequence + self.shift)
        return page.pack()


def codec_of(file: BinaryIO) -> str:
    """ "opus" or "vorbis"; MediaError for another codec, several streams, and a broken file."""
    codec, *_ = _read_header(file)
    return codec.name


def ogg_fragments(
    file: BinaryIO, tags: Mapping[str, str]
) -> tuple[Iterable[Fragment], tuple[str, ...]]:
    """The file with `tags`, and the keys of the tags that do not fit one page.

    MediaError for a codec other than Opus and Vorbis, and for a broken file.
    """
    header = _new_header(file, tags)
    audio = file.tell()
    if header.shift == 0:
        return [header.content, Span(audio, size_of(file))], header.dropped
    return _renumbered(file, header), header.dropped


def _renumbered(file: BinaryIO, header: _NewHeader) -> Iterator[bytes]:
    yield header.content
    for page in read_pages(file):
        yield header.renumbered(page)


class OggTagger(io.RawIOBase):
    """A file that an Ogg muxer writes to. It adds `tags`, and writes the pages to `out`.

    Native encoders ignore an exception of a callback, so the callback stores it in `error`.
    `tagged_file` raises it.
    """

    def __init__(self, out: BinaryIO, tags: Mapping[str, str]) -> None:
        self._out = out
        self._tags = tags
        self._rest = bytearray()
        self._header = bytearray()
        self._packets = 0
        self._new: _NewHeader | None = None
        self._written = 0
        self.error: Exception | None = None

    @property
    def dropped(self) -> tuple[str, ...]:
        """The keys of the tags that do not fit one page. Read it after the header is written."""
        return () if self._new is None else self._new.dropped

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The position, unchanged: a muxer seeks only to learn the length, and then back."""
        return self._written

    def write(self, data: bytes) -> int:  # type: ignore[override]
        try:
            # libsndfile reuses its buffer after the call.
            self._rest += bytes(data)
            while size := page_size(self._rest):
                self._take(bytes(self._rest[:size]))
                del self._rest[:size]
        except (OSError, MediaError) as error:
            self.error = error
            return 0
        self._written += len(data)
        return len(data)

    def _take(self, data: bytes) -> None:
        page = next(read_pages(io.BytesIO(data)))
        if self._new is not None:
            self._out.write(self._new.renumbered(page))
            return
        self._header += data
        self._packets += packets_ended(page)
        if self._packets == _codec(next(read_pages(io.BytesIO(self._header)))).headers:
            self._new = _new_header(io.BytesIO(self._header), self._tags)
            self._out.write(self._new.content)


def _new_header(file: BinaryIO, tags: Mapping[str, str]) -> _NewHeader:
    """The header pages with `tags`. Moves the position of `file` after its header."""
    codec, packets, count, serial = _read_header(file)
    audio = file.tell()
    old = parse_comments(packets[1][len(codec.comments) :])
    comments, dropped = _fitting(old, tags, len(codec.comments))
    packets[1] = codec.comments + build_comments(comments) + codec.end
    pages = make_pages(packets[1:], serial, 1)
    file.seek(0)
    first = next(read_pages(file))
    content = b"".join(page.pack() for page in [first, *pages])
    file.seek(audio)
    return _NewHeader(content, serial, 1 + len(pages) - count, dropped)


def _fitting(
    old: Comments, tags: Mapping[str, str], before: int
) -> tuple[Comments, tuple[str, ...]]:
    """`old` with `tags`, and the graph's keys that were dropped to end the graph on one page."""
    kept = dict(tags)
    dropped: list[str] = []
    comments = merge(old, kept)
    for key in reversed(GRAPH_KEYS):
        # Add one byte for the end of the list: it must not begin another page.
        if before + graph_end(comments) + 1 > PAGE_BYTES and kept.pop(key, None) is not None:
            dropped.append(key)
            comments = merge(old, kept)
    return comments, tuple(dropped)


def _read_header(file: BinaryIO) -> tuple[_Codec, list[bytes], int, int]:
    """The codec, its header packets, the number of their pages, and the serial number.

    Moves the position of `file` after these pages.
    """
    file.seek(0)
    codec = _codec(next(read_pages(file)))
    file.seek(0)
    packets, count, serial = read_packets(read_pages(file), codec.headers)
    if not packets[1].startswith(codec.comments):
        raise MediaError("The Ogg file has no comment header: it is broken; download it again.")
    return codec, packets, count, serial


def _codec(first: OggPage) -> _Codec:
    """The codec of a file with this first page; MediaError for an unknown codec."""
    codec = next((codec for codec in _CODECS if first.content.startswith(codec.head)), None)
    if codec is None:
        raise MediaError(
            "This Ogg file cannot be tagged: expected Opus or Vorbis in it; save it in another "
            "format instead."
        )
    return codec
