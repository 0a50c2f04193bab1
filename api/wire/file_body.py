"""The body of a download: whole, a part of a file, or encoded; never slower than a modem."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx

from ..errors import DownloadError
from ..timing import Timing
from .arriving_file import ArrivingFile
from .content_encoding import Decoder, decoder_for

LEAST_BYTES = 16_384
"""A server that sends less in `Timing.silence_timeout` is as good as silent."""
_CHANGED = "The file changed on the server during the download: queue again."


async def read_body(answer: httpx.Response, into: ArrivingFile, timing: Timing) -> None:
    """Read a body, or the part of it that a 206 sends, to its end.

    Raises:
        httpx.HTTPError: it broke off.
        EncodingError: it is encoded in a way that is unknown or broken.
        DownloadError: it is longer than allowed, or another file than before.
    """
    position = 0
    decoder = decoder_for(answer.headers.get("content-encoding", ""))
    if decoder is not None:
        await _read_encoded(answer, decoder, into, timing)
        return
    whole = _count(answer.headers.get("content-length", ""))
    if answer.status_code == 206:
        position, whole = _content_range(answer)
        if position > into.received:
            raise DownloadError("The server sent the wrong part of the file: queue again.")
    if into.size is not None and whole is not None and whole != into.size:
        raise DownloadError(_CHANGED)
    into.expect(whole)
    async for chunk in _chunks(answer, timing):
        position = _feed(into, position, chunk)
    if into.size is not None and into.received < into.size:
        raise httpx.RemoteProtocolError(f"the body ended {into.size - into.received} bytes short")


async def _chunks(answer: httpx.Response, timing: Timing) -> AsyncIterator[bytes]:
    """The body. Raises httpx.ReadTimeout: the server sends nothing, or a byte now and then."""
    clock = asyncio.get_running_loop().time
    since, received = clock(), 0
    async for chunk in answer.aiter_raw():
        received += len(chunk)
        yield chunk
        if clock() - since >= timing.silence_timeout:
            if received < LEAST_BYTES:
                raise httpx.ReadTimeout(
                    f"{received} bytes in {timing.silence_timeout:g} s are too few"
                )
            since, received = clock(), 0


async def _read_encoded(
    answer: httpx.Response, decoder: Decoder, into: ArrivingFile, timing: Timing
) -> None:
    """Read a body that is encoded although it should not be. Each try starts at its beginning."""
    if answer.status_code == 206:
        raise DownloadError(
            "The server sent an encoded part of the file: expected the file as it is; queue again."
        )
    position = encoded = 0
    async for chunk in _chunks(answer, timing):
        # Padding, and empty members of a gzip file, decode to nothing for ever.
        encoded += len(chunk)
        into.check(encoded)
        for piece in decoder.decode(chunk):
            position = _feed(into, position, piece)
    for piece in decoder.flush():
        position = _feed(into, position, piece)
    if not decoder.complete or position < into.received:
        raise httpx.RemoteProtocolError("the encoded body ended early")


def _feed(into: ArrivingFile, position: int, chunk: bytes) -> int:
    """Add the file's bytes from `position` on; the position behind them."""
    end = position + len(chunk)
    known = into.received - position
    if known > 0:
        # The server began anew. What the reader has already used must be the same.
        head = bytes(into.content()[position : position + min(known, len(chunk))])
        if head != chunk[: len(head)]:
            raise DownloadError(_CHANGED)
        chunk = chunk[len(head) :]
    if chunk:
        into.feed(chunk)
    return end


def _content_range(answer: httpx.Response) -> tuple[int, int | None]:
    unit, _, rest = answer.headers.get("content-range", "").partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    position = _count(first)
    if unit != "bytes" or position is None:
        raise DownloadError("The server sent an unnamed part of the file: queue again.")
    return position, _count(total)


def _count(digits: str) -> int | None:
    """A number of bytes in a header; None where it is none. No file has more than 18 digits."""
    is_count = digits.isascii() and digits.isdigit() and len(digits) <= 18
    return int(digits) if is_count else None
