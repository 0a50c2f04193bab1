"""Decode bodies that a server encodes although it should not (RFC 9110, section 8.4)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

_PIECE_BYTES = 1 << 18
"""Decode so many bytes in one step: a small body cannot fill the memory before the size check."""
_EMPTY_MEMBERS = 100
"""A gzip file with more members that hold nothing only takes time."""
_GZIP = 16 + zlib.MAX_WBITS
_IDENTITY = ("", "identity", "none")


class EncodingError(ValueError):
    """A body cannot be decoded. The message is a whole sentence about a file."""


class Decoder(Protocol):
    """Decodes a body in pieces of bounded size."""

    @property
    def complete(self) -> bool:
        """Whether the end of the encoded body was reached."""
        ...

    def decode(self, data: bytes) -> Iterator[bytes]: ...

    def flush(self) -> Iterator[bytes]: ...


def decoder_for(header: str) -> Decoder | None:
    """The decoder of a Content-Encoding header; None for a body that is the file itself.

    Raises:
        EncodingError: the standard library cannot decode it.
    """
    names = [name.strip().lower() for name in header.split(",")]
    names = [name for name in names if name not in _IDENTITY]
    if not names:
        return None
    if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
        raise EncodingError(
            f"The server sent the file encoded as “{', '.join(names)[:40]}”: expected the file as "
            "it is, gzip or deflate; download it with a browser and load it from there."
        )
    return _Deflate() if names[0] == "deflate" else _Zlib(_GZIP)


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._inflater = zlib.decompressobj(window_bits)
        self._is_empty = True
        self._empty_members = 0

    @property
    def complete(self) -> bool:
        return self._inflater.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflater.eof:
                # A gzip file may have several members (RFC 1952, section 2.2). Zeros are padding.
                data = data.lstrip(b"\0")
                if self._window_bits != _GZIP or not data:
                    return
                self._empty_members += self._is_empty
                if self._empty_members > _EMPTY_MEMBERS:
                    raise _broken()
                self._inflater = zlib.decompressobj(self._window_bits)
                self._is_empty = True
            try:
                piece = self._inflater.decompress(data, _PIECE_BYTES)
            except zlib.error as error:
                raise _broken() from error
            data = self._inflater.unused_data or self._inflater.unconsumed_tail
            if piece:
                self._is_empty = False
                yield piece

    def flush(self) -> Iterator[bytes]:
        """What is left when no byte follows: decompression may stop at a full piece."""
        try:
            while not self._inflater.eof and (
                piece := self._inflater.decompress(b"", _PIECE_BYTES)
            ):
                yield piece
        except zlib.error as error:
            raise _broken() from error


class _Deflate:
    """The zlib format, or, as some servers send it, deflate without zlib's header."""

    def __init__(self) -> None:
        self._head = b""
        self._inner: _Zlib | None = None

    @property
    def complete(self) -> bool:
        return self._inner is not None and self._inner.complete

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._head += data
            if len(self._head) < 2:
                return
            data = self._head
            # RFC 1950, section 2.2: method 8, and a check that 31 divides both bytes.
            zlib_header = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._inner = _Zlib(zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
        yield from self._inner.decode(data)

    def flush(self) -> Iterator[bytes]:
        if self._inner is not None:
            yield from self._inner.flush()


def _broken() -> EncodingError:
    return EncodingError(
        "The server sent an encoded file that cannot be decoded: expected gzip or deflate as it "
        "says; queue again, or download it with a browser."
    )
