"""A gateway on loopback that gives one answer to every request, and may act before it answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

QUEUED = b'{"id": "job_1", "status": "queued"}'


def as_http(body: bytes) -> bytes:
    """A whole answer of a submit."""
    return b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n" % len(body) + body


@contextlib.asynccontextmanager
async def gateway(
    answer: bytes, *, before: Callable[[], object] = lambda: None
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The base URL, and the heads of the requests that came.

    Args:
        answer: the bytes of the answer; the connection ends after it.
        before: called between a request and its answer.
    """
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            before()
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", asked
    finally:
        server.close()


def submits(asked: list[bytes]) -> int:
    """How many requests for a track came."""
    return sum(head.startswith(b"POST /v1/audio/music") for head in asked)
