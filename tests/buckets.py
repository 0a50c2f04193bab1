"""S3 servers on loopback, and a proxy before them that can do everything wrong.

rclone checks signatures, and knows neither ranges nor conditions. localbucket knows those, and
checks no signature. A test on both covers all three.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..api.base.threads import LoopThread
from ..api.farm.shared_addresses import StoreUrl
from .postgres_server import free_port

SERVERS = ("rclone", "localbucket")
KEY, SECRET = "a-key-of-the-tests", "canary+of/the=tests"
NAME = "tracks-of-the-tests"
_READY_WITHIN = 30.0


class BucketServer(NamedTuple):
    """An S3 server with one bucket.

    Attributes:
        folder: where the bucket's objects are files.
    """

    port: int
    folder: Path

    def address(self, port: int | None = None, secret: str = SECRET) -> str:
        """The setting `store_url` for the bucket, or for a proxy before it at another port."""
        return (
            f"s3://{NAME}/farm?endpoint=http://127.0.0.1:{port or self.port}&region=us-east-1"
            f"&access_key_id={KEY}&secret_access_key={secret}"
        )

    def url(self, port: int | None = None, secret: str = SECRET) -> StoreUrl:
        return StoreUrl(self.address(port, secret), "a test")

    def objects(self) -> list[Path]:
        return [path for path in (self.folder / "farm").rglob("*") if path.is_file()]


@contextlib.contextmanager
def serving(server: str, directory: Path) -> Iterator[BucketServer]:
    """Run one of SERVERS with its data in `directory`."""
    folder = directory / NAME
    folder.mkdir(parents=True)
    port = free_port()
    arguments = {
        "rclone": ["serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"],
        "localbucket": ["--port", str(port)],
    }[server]
    command = [_program(server), *arguments, str(directory)]
    with running(command, {"RCLONE_CONFIG": os.devnull}, port, directory / "server.log"):
        yield BucketServer(port, folder)


@contextlib.contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], port: int, log: Path
) -> Iterator[None]:
    """Run a server, once it answers at `port`; what it says is in `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, port, log)
        yield
    finally:
        process.kill()
        process.wait()


def _program(name: str) -> str:
    """A program that pip installed beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is not installed beside {sys.executable}: run scripts/test.py"
    return found


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    raise RuntimeError(f"The bucket's server did not start: {log.read_text('utf-8', 'replace')}")


class FaultyProxy:
    """An HTTP proxy before a server: one request for each connection.

    Attributes:
        fault: what goes wrong, see FAULTS; "" lets everything through.
        seen: the methods of the requests that came.
    """

    FAULTS = ("refused", "500", "403", "404", "html", "hang", "swallow", "drip")
    """Every request fails: the connection is closed; an answer of that status; a web page; no
    answer; the request is carried out and not answered; a byte of the answer a second."""
    BODY_FAULTS = ("cut", "truncated", "empty", "wrong", "longer", "huge")
    """The body of an answer fails: it ends in the middle; it is half of the object; it is empty;
    one bit is another one; it has a byte more; its length is said to be ten gigabytes."""

    def __init__(self, port: int) -> None:
        self.fault = ""
        self.seen: list[str] = []
        self._upstream = port
        self._thread = LoopThread("faulty proxy")
        self._server = self._thread.call(self._start())
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._thread.call(self._stop())
        self._thread.close()

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1]) if length else 0)
        self.seen.append(head.split()[0].decode())
        fault = self.fault
        if fault == "refused":
            return
        if fault == "hang":
            await asyncio.Event().wait()
        if fault in ("500", "403", "404", "html"):
            status = "200 OK" if fault == "html" else f"{fault} Status"
            writer.write(_answer(status, b"<html>canary</html>"))
            await writer.drain()
            return
        answer = await self._asked(head, body)
        if fault == "swallow":
            return
        answer = _broken(answer, fault) if head.startswith(b"GET") else answer
        if fault == "drip":
            for place in range(len(answer)):
                writer.write(answer[place : place + 1])
                await writer.drain()
                await asyncio.sleep(1.0)
        writer.write(answer)
        await writer.drain()

    async def _asked(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        lines = head.rstrip().split(b"\r\n")
        lines = [line for line in lines if not line.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
        await writer.drain()
        answer = await reader.read(-1)
        writer.close()
        return answer


def _answer(status: str, body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


def _broken(answer: bytes, fault: str) -> bytes:
    """An answer to GET, with one of BODY_FAULTS."""
    head, _, body = answer.partition(b"\r\n\r\n")
    sent = {
        "cut": body[: len(body) // 2],
        "truncated": body[: len(body) // 2],
        "empty": b"",
        "wrong": body[:-1] + bytes([body[-1] ^ 1]) if body else body,
        "longer": body + b"x",
    }.get(fault, body)
    said = {"cut": len(body), "huge": 10**10}.get(fault, len(sent))
    head = re.sub(rb"(?i)(content-length: *)\d+", rb"\g<1>%d" % said, head)
    return head + b"\r\n\r\n" + sent


@contextlib.contextmanager
def faulty(server: BucketServer) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(server.port)
    try:
        yield proxy
    finally:
        proxy.close()
