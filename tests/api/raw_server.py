"""A server on loopback that writes the bytes that a test gives it: HTTP as no library sends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


class RawServer(NamedTuple):
    """`requests` are the heads of what came."""

    url: str
    requests: list[str]


@contextlib.asynccontextmanager
async def answering(*replies: Reply) -> AsyncIterator[RawServer]:
    """Each connection gets the next reply, the last one for ever."""
    seen: list[str] = []
    queue = list(replies)
    open_tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            seen.append(head)
            await (queue.pop(0) if len(queue) > 1 else queue[0])(writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield RawServer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen)
    finally:
        server.close()
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)


def reply(body: bytes = b"", *headers: str, status: str = "200 OK") -> Reply:
    """One whole answer."""

    async def write(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    return write


def exactly(answer: bytes, before: Callable[[], object] = lambda: None) -> Reply:
    """These bytes; `before` is called between the request and its answer."""

    async def write(writer: asyncio.StreamWriter) -> None:
        before()
        writer.write(answer)

    return write


def pouring(head: str, piece: bytes, pause: float = 0.0) -> Reply:
    """A head, then `piece` without end, with `pause` seconds between two of them."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode("latin-1"))
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return write


def silent(head: str) -> Reply:
    """A head, and then nothing."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode("latin-1"))
        await writer.drain()
        await asyncio.Event().wait()

    return write


# A gateway that gives one answer to every request

QUEUED = b'{"id": "job_1", "status": "queued"}'


def as_http(body: bytes) -> bytes:
    """A whole answer of a submit."""
    return b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n" % len(body) + body


@contextlib.asynccontextmanager
async def gateway(
    answer: bytes, *, before: Callable[[], object] = lambda: None
) -> AsyncIterator[tuple[str, list[str]]]:
    """The base URL, and the heads of the requests that came; see `exactly`."""
    async with answering(exactly(answer, before)) as server:
        yield f"{server.url}/v1", server.requests


def submits(heads: list[str]) -> int:
    """How many requests for a track came."""
    return sum(head.startswith("POST /v1/audio/music") for head in heads)
