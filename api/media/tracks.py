"""From an address to bytes: from the track store if it has them, else by a download."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from ..base.errors import BucketError, GatewayError
from ..base.threads import off_loop
from ..money.job import Job
from ..wire.arriving_file import MEGABYTE, ArrivingFile
from ..wire.download import FileAddress, checked_url, download
from .stored_tracks import Stored, StoredTracks

if TYPE_CHECKING:
    from ..base.timing import Timing
    from ..money.ledger import Ledger
    from ..wire.client import Client
    from ..wire.guard import AddressGuard

Refresh = Callable[[Job], Awaitable[Job]]


class OpenAudio(NamedTuple):
    """A file that can be read, perhaps while it arrives.

    Attributes:
        reader: a seekable binary file, for one thread that decodes it.
        job: the job that made the file; None for an address of another origin.
        path: the stored file; None if the file is downloaded.
        download: fills `reader`, in the account's loop; None if the file is stored.
        trouble: why the bucket could not be asked for the file, for people; else "".
    """

    reader: BinaryIO | ArrivingFile
    job: Job | None
    path: Path | None = None
    download: Callable[[], Coroutine[Any, Any, None]] | None = None
    trouble: str = ""

    @property
    def received(self) -> int:
        """Bytes downloaded so far; 0 for a stored file."""
        return self.reader.received if isinstance(self.reader, ArrivingFile) else 0

    @property
    def size(self) -> int | None:
        """Bytes of the whole download; None if the length is not known, or the file is stored."""
        return self.reader.size if isinstance(self.reader, ArrivingFile) else None

    @property
    def paused(self) -> str:
        """See `ArrivingFile`."""
        return self.reader.paused if isinstance(self.reader, ArrivingFile) else ""

    def content(self) -> memoryview:
        """The downloaded bytes; empty for a stored file."""
        return self.reader.content() if isinstance(self.reader, ArrivingFile) else memoryview(b"")


def file_of_machine(path: Path, max_download_mb: float) -> OpenAudio:
    """A file of this machine, with the limit and the memory of a download.

    Its `download` raises OSError: the file cannot be read; DownloadError: it is too large.
    """
    arriving = ArrivingFile(int(max_download_mb * MEGABYTE))

    async def read() -> None:
        try:
            arriving.expect((await off_loop(path.stat)).st_size)
            arriving.feed(await off_loop(path.read_bytes))
        except BaseException as error:
            arriving.finish(error)
            raise
        arriving.finish()

    return OpenAudio(arriving, None, download=read)


class Tracks:
    """Opens tracks and stores them. Belongs to one account; lives in its event loop.

    Args:
        refresh: returns the job with a new address of its track.
    """

    def __init__(self, ledger: Ledger, client: Client, refresh: Refresh, timing: Timing) -> None:
        self._ledger = ledger
        self._client = client
        self._refresh = refresh
        self._timing = timing
        self._sender: asyncio.Task[None] | None = None
        self._is_more_unsent = False

    async def open(
        self, url: str, stored: StoredTracks, *, max_download_mb: float, guard: AddressGuard
    ) -> OpenAudio:
        """Open the file at `url`.

        Raises:
            InputError: `url` is not a web address.
            AddressError: its host is spelled in an odd way. The download checks the host.
        """
        url = checked_url(url)
        job = await off_loop(self._ledger.by_url, url)
        trouble = ""
        if job is not None:
            if self._sender is None:
                # An earlier process may have stored tracks that the bucket did not take.
                self._send_later(stored)
            try:
                found = await self._stored_audio(job, stored)
                if found is not None:
                    return found
            except BucketError as error:
                trouble = str(error)
        # Begin with the latest address of a job.
        latest = job.result_url if job is not None and job.result_url else url
        address = self._client.file_address(latest)
        renewal = _Renewal(self._client, self._refresh, job)
        job_id = None if job is None else job.job_id
        arriving = ArrivingFile(int(max_download_mb * MEGABYTE))
        return OpenAudio(
            arriving,
            job,
            download=lambda: download(
                address,
                arriving,
                self._timing,
                guard=guard,
                renew=renewal,
                job_id=job_id,
            ),
            trouble=trouble,
        )

    async def store(self, audio: OpenAudio, stored: StoredTracks) -> Stored:
        """Store the file of a job, once it is whole and decoded. Other files are not stored.

        If the bucket does not take a track, the track is sent again later.

        Raises:
            OSError, LedgerError: see `StoredTracks.store`.
        """
        content = audio.content()
        if audio.job is None or not content:
            return Stored(audio.path)
        result = await stored.store(audio.job, content)
        if result.unsent:
            self._send_later(stored)
        return result

    async def _stored_audio(self, job: Job, stored: StoredTracks) -> OpenAudio | None:
        found = await stored.find(job)
        if isinstance(found, bytes):
            return OpenAudio(io.BytesIO(found), job)
        if found is None:
            return None
        if await stored.is_unsent(job):
            self._send_later(stored)
        # If another program holds the file, it is downloaded again.
        with contextlib.suppress(OSError):
            return OpenAudio(found.open("rb"), job, found)
        return None

    def _send_later(self, stored: StoredTracks) -> None:
        self._is_more_unsent = True
        if self._sender is None or self._sender.done():
            self._sender = asyncio.ensure_future(self._send(stored))

    async def _send(self, stored: StoredTracks) -> None:
        pause = self._timing.bucket_pause
        while self._is_more_unsent:
            self._is_more_unsent = False
            if await stored.send():
                self._is_more_unsent = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._timing.bucket_pause_max)


class _Renewal:
    """Finds another address of a file whose present address does not serve it.

    An address that needs a key is exchanged for one that anybody may read. An expired one is
    renewed through its job, once.
    """

    def __init__(self, client: Client, refresh: Refresh, job: Job | None) -> None:
        self._client = client
        self._fresh = refresh
        self._job = job
        self._exchanged: set[str] = set()

    async def __call__(self, address: FileAddress, status: int) -> FileAddress | None:
        try:
            return await self._exchange(address, status) or await self._refresh()
        except GatewayError:
            return None

    async def _exchange(self, address: FileAddress, status: int) -> FileAddress | None:
        if status not in (401, 403) or address.url in self._exchanged:
            return None
        self._exchanged.add(address.url)
        return await self._client.permitted_address(address.url)

    async def _refresh(self) -> FileAddress | None:
        job, self._job = self._job, None
        if job is None:
            return None
        fresh = await self._fresh(job)
        self._exchanged.clear()
        return self._client.file_address(fresh.result_url) if fresh.result_url else None
