"""From an address to a tensor, at several speeds of the network."""

from __future__ import annotations

import asyncio
import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from ..api.base.timing import Timing
from ..api.wire.arriving_file import MEGABYTE, ArrivingFile
from ..api.wire.download import FileAddress, download
from ..api.wire.guard import AddressGuard
from ..audio.decode import decode
from .audio_files import Files
from .audio_peers import Peer
from .report import RUN, Row, compare

SPEEDS = {"2 MB/s": 2e6, "10 MB/s": 10e6, "100 MB/s": 100e6, "unthrottled": math.inf}
_CHUNK = 1 << 16


def url_rows(peer: Peer, folder: Path, long: Files, short: Files, rounds: int) -> list[Row]:
    rows: list[Row] = []
    # A small run has one round, and no time for a slow line.
    speeds = SPEEDS if rounds > 1 else {"100 MB/s": SPEEDS["100 MB/s"]}
    with server(folder) as address:
        for speed, rate in speeds.items():
            for files in (short, long):
                for name in ("mp3", "wav"):
                    bytes_a_second = 0 if math.isinf(rate) else int(rate)
                    url = f"{address}/{bytes_a_second}/{files.paths[name].name}"
                    transfer = files.paths[name].stat().st_size / rate
                    repeats = 1 if transfer > 5 else max(2, min(rounds, int(4 / (transfer + 0.3))))
                    ours, ours_after = fastest_url(repeats, lambda url=url: ours_url(url))
                    theirs, theirs_after = fastest_url(repeats, lambda url=url: peer_url(peer, url))
                    label = f"{name}, {files.seconds} s, at {speed}"
                    rows.append(compare(f"url to tensor, {label}", ours, theirs))
                    goal = 0.10 if files is long and (name, speed) == ("mp3", "10 MB/s") else None
                    rows.append(
                        compare(f"last byte to tensor, {label}", ours_after, theirs_after, goal)
                    )
    return rows


def fastest_url(rounds: int, step: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """The fastest whole, and the shortest wait behind the last byte."""
    pairs = [step() for _ in range(rounds)]
    return min(whole for whole, _ in pairs), min(after for _, after in pairs)


def ours_url(url: str) -> tuple[float, float]:
    """Seconds from the request to the tensor, and from the last byte to it."""

    async def run() -> tuple[float, float]:
        guard = AddressGuard(own=(url,))
        start = time.perf_counter()
        file = ArrivingFile(256 * MEGABYTE)
        fetching = asyncio.create_task(download(FileAddress(url), file, Timing(), guard=guard))
        ends: list[float] = []
        fetching.add_done_callback(lambda _: ends.append(time.perf_counter()))
        await asyncio.to_thread(decode, cast(Any, file))
        tensor = time.perf_counter()
        await fetching
        await asyncio.sleep(0)
        return tensor - start, max(0.0, tensor - ends[0])

    return asyncio.run(run())


def peer_url(peer: Peer, url: str) -> tuple[float, float]:
    async def run() -> tuple[float, float]:
        start = time.perf_counter()
        data = await peer.download(url)
        last = time.perf_counter()
        peer.from_bytes(data)
        return time.perf_counter() - start, time.perf_counter() - last

    return asyncio.run(run())


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """A process that serves `folder` on loopback as /BYTES_A_SECOND/NAME; its address."""
    process = subprocess.Popen(
        [sys.executable, str(RUN), "audio", "--serve", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        port = int(process.stdout.readline()) if process.stdout is not None else 0
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def serve(folder: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            _, speed, name = request.split(b" ")[1].decode().split("/")
            data = (folder / Path(name).name).read_bytes()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            start = time.monotonic()
            for position in range(0, len(data), _CHUNK):
                if int(speed):
                    await asyncio.sleep(start + position / int(speed) - time.monotonic())
                writer.write(data[position : position + _CHUNK])
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    async with listening:
        await listening.serve_forever()
