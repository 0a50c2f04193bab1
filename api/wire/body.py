"""The whole answer to a request, within a size and a time."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import httpx

from ..hidden import without_keys
from .content_encoding import EncodingError, decoder_for

MOST_BYTES = 4_000_000
"""No JSON of the gateway is longer, decoded; a list of a thousand models has less than a tenth."""
ENCODINGS = "gzip, deflate"


class Answer(NamedTuple):
    """An answer with its body.

    Attributes:
        headers: without API keys.
        content: the decoded body; empty where it has a `fault`.
        fault: why the body cannot be used, as the end of a sentence; "" where it can.
    """

    status_code: int
    headers: httpx.Headers
    content: bytes = b""
    fault: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300


async def fetch(http: httpx.AsyncClient, request: httpx.Request, longest: float) -> Answer:
    """Send `request` and read its answer.

    Raises:
        httpx.HTTPError: as httpx, and for an answer that takes longer than `longest` seconds.
    """
    try:
        return await asyncio.wait_for(_fetch(http, request), longest)
    except asyncio.TimeoutError:
        raise httpx.ReadTimeout(
            f"the answer was not whole within {longest:g} s", request=request
        ) from None


async def _fetch(http: httpx.AsyncClient, request: httpx.Request) -> Answer:
    answer = await http.send(request, stream=True)
    shown = [(name, without_keys(value)) for name, value in answer.headers.items()]
    headers = httpx.Headers(shown, encoding="utf-8")
    made = Answer(answer.status_code, headers)
    try:
        return made._replace(content=await _content(answer))
    except (EncodingError, _TooLongError) as error:
        return made._replace(fault=str(error))
    except httpx.HTTPError as error:
        # An error's status says enough.
        if made.is_success:
            raise
        return made._replace(fault=str(error))
    finally:
        await answer.aclose()


class _TooLongError(ValueError):
    pass


async def _content(answer: httpx.Response) -> bytes:
    """The decoded body. The pieces are small, so no body fills the memory before it is refused."""
    decoder = decoder_for(answer.headers.get("content-encoding", ""))
    content = bytearray()
    received = 0
    async for chunk in answer.aiter_raw():
        received += len(chunk)
        for piece in (chunk,) if decoder is None else decoder.decode(chunk):
            content += piece
            _check(len(content))
        _check(received)
    for piece in () if decoder is None else decoder.flush():
        content += piece
        _check(len(content))
    if decoder is not None and content and not decoder.complete:
        raise EncodingError("its encoded body ends early")
    return bytes(content)


def _check(size: int) -> None:
    if size > MOST_BYTES:
        raise _TooLongError(f"it is longer than {MOST_BYTES / 1e6:g} MB")
