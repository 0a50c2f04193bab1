"""Downloads a large file to the disk: in parts that a later run continues, checked at its end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from filelock import FileLock, Timeout

from ...files.atomic import rename_over
from ...files.hashed import digest_of
from ..base.errors import DownloadError
from ..base.threads import off_loop
from ..base.timing import Timing, pause
from ..wire.guard import MAX_REDIRECTS, AddressGuard, GuardedTransport
from ..wire.http import HEADERS, QuietClient, cause

if TYPE_CHECKING:
    from ..settings import Settings

_ATTEMPTS = 6
"""Attempts without a new byte that end a download."""
_SPARE = 1 << 26
"""Bytes that stay free on the disk."""


async def download_model(
    url: str,
    path: Path,
    size: int,
    sha256: str,
    settings: Settings,
    progress: Callable[[int], None],
    timing: Timing | None = None,
) -> None:
    """Download the file at `url` to `path`, whose folder is made. `progress` gets bytes.

    The settings allow hosts and forbid them, as for tracks.

    The bytes that came stay in a hidden file beside `path` after an error or an interrupt. If
    another call or another process downloads the same file, this one waits for it.

    Raises:
        DownloadError: the file did not arrive whole, or it is another one; there is no `path`.
        AddressError: the settings forbid the host, or its address is not public.
        OSError: the folder cannot be written.
    """
    await off_loop(path.parent.mkdir, parents=True, exist_ok=True)
    guard = AddressGuard((), settings.allow_hosts, only=settings.only_hosts)
    lock = FileLock(path.with_name(f".{path.name}.lock"), thread_local=False)
    timing = timing or Timing()
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout:
            await asyncio.sleep(timing.row_poll)
    try:
        if not await off_loop(path.is_file):
            await _Download(url, path, size, guard, progress, timing).run(sha256)
    finally:
        lock.release()


class _Download:
    def __init__(
        self,
        url: str,
        path: Path,
        size: int,
        guard: AddressGuard,
        progress: Callable[[int], None],
        timing: Timing,
    ) -> None:
        self._url = url
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._size = size
        self._guard = guard
        self._progress = progress
        self._timing = timing

    async def run(self, sha256: str) -> None:
        if self._received > self._size:
            self._part.unlink()
        free = shutil.disk_usage(self._path.parent).free
        if free < self._size - self._received + _SPARE:
            raise DownloadError(
                f"The disk of {self._path.parent} has {free / 1e6:.0f} MB free, and the model file "
                f"needs {(self._size - self._received) / 1e6:.0f} MB: make room, and queue again."
            )
        attempts, seen = 0, self._received
        async with QuietClient(
            timeout=self._timing.silence_timeout,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            headers=HEADERS,
            transport=GuardedTransport(self._guard, self._timing),
        ) as http:
            while self._received < self._size:
                try:
                    await self._attempt(http)
                    reason = "the connection ended early"
                except httpx.HTTPError as error:
                    reason = cause(error)
                attempts = 0 if self._received > seen else attempts + 1
                seen = self._received
                if seen < self._size and attempts >= _ATTEMPTS:
                    raise DownloadError(
                        f"The model file {self._path.name} did not arrive whole ({reason}; {seen} "
                        f"of {self._size} bytes came): queue again, and the download goes on there."
                    )
                if seen < self._size:
                    timing = self._timing
                    wait = pause(attempts + 1, timing.file_backoff, timing.file_backoff_max)
                    await asyncio.sleep(wait)
        if await off_loop(digest_of, self._part) != sha256:
            self._part.unlink()
            raise DownloadError(
                f"The file at {self._url} is not the model that this pack knows (SHA-256): queue "
                "again, or put the right file into the folder by hand."
            )
        await off_loop(rename_over, self._part, self._path)

    @property
    def _received(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0

    async def _attempt(self, http: httpx.AsyncClient) -> None:
        """Ask once for the bytes that are missing. Raises httpx.HTTPError, DownloadError."""
        first = self._received
        headers = {"Range": f"bytes={first}-"} if first else {}
        async with http.stream("GET", self._url, headers=headers) as answer:
            if answer.status_code == 429 or answer.status_code >= 500:
                raise httpx.RemoteProtocolError(f"the server answered {answer.status_code}")
            if answer.status_code not in (200, 206):
                raise DownloadError(
                    f"The server of the model file answered {answer.status_code}: load {self._url} "
                    f"in a browser, and put it into {self._path.parent} as {self._path.name}."
                )
            length = answer.headers.get("content-length", "")
            begins_again = answer.status_code == 200
            total = int(length) + (0 if begins_again else first) if length.isdigit() else None
            if total is not None and total != self._size:
                raise DownloadError(
                    f"The file at {self._url} has {total} bytes, and {self._size} are expected: "
                    "it is not the model that this pack knows, so update the pack."
                )
            await self._write(answer.aiter_raw(), begins_again=begins_again)

    async def _write(self, chunks: AsyncIterator[bytes], *, begins_again: bool) -> None:
        with self._part.open("wb" if begins_again else "ab") as file:
            async for chunk in chunks:
                await off_loop(file.write, chunk)
                self._progress(file.tell())
                if file.tell() > self._size:
                    raise DownloadError(
                        f"The file at {self._url} is longer than the model that this pack knows: "
                        "update the pack."
                    )
