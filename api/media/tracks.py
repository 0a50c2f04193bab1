"""From an address to bytes: the track store if it has them, else a download."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..errors import GatewayError
from ..money.job import Job
from ..money.ledger import Ledger
from ..money.off_loop import off_loop
from ..timing import Timing
from ..wire.address_guard import AddressGuard
from ..wire.arriving_file import MEGABYTE, ArrivingFile
from ..wire.client import Client
from ..wire.download import Source, checked_url, download
from .track_store import TrackStore, name_of

Refresh = Callable[[Job], Awaitable[Job]]


class OpenAudio(NamedTuple):
    """A file that can be read, perhaps while it arrives.

    Attributes:
        reader: a seekable binary file, for one thread that decodes it.
        job: the job that made it, None for the address of another origin.
        path: the stored file, None where it is downloaded.
        download: fills `reader`, in the account's loop; None where the file is stored.
    """

    reader: BinaryIO | ArrivingFile
    job: Job | None
    path: Path | None = None
    download: Callable[[], Coroutine[Any, Any, None]] | None = None

    @property
    def received(self) -> int:
        """Bytes downloaded so far; 0 for a stored file."""
        return self.reader.received if isinstance(self.reader, ArrivingFile) else 0

    @property
    def size(self) -> int | None:
        """Bytes of the whole download; None where it is not known, or the file is stored."""
        return self.reader.size if isinstance(self.reader, ArrivingFile) else None

    @property
    def paused(self) -> str:
        """See `ArrivingFile`."""
        return self.reader.paused if isinstance(self.reader, ArrivingFile) else ""

    def content(self) -> memoryview:
        """The downloaded bytes; empty for a stored file."""
        return self.reader.content() if isinstance(self.reader, ArrivingFile) else memoryview(b"")


class Tracks:
    """Opens tracks and keeps them. One account's; lives in its event loop.

    Args:
        refresh: gives the job with a fresh address of its track.
    """

    def __init__(
        self, ledger: Ledger, store: TrackStore, client: Client, refresh: Refresh, timing: Timing
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._client = client
        self._refresh = refresh
        self._timing = timing

    async def open(self, url: str, *, max_download_mb: float, guard: AddressGuard) -> OpenAudio:
        """Open the file at `url`.

        Raises:
            InputError: `url` is not a web address.
            AddressError: its host is spelled in an odd way. The download checks the host.
        """
        url = checked_url(url)
        job = await off_loop(self._ledger.by_url, url)
        path = None
        if job is not None and job.file:
            path = await off_loop(self._store.path, job.file)
        if path is not None:
            # A file that another program holds is downloaded again.
            with contextlib.suppress(OSError):
                return OpenAudio(path.open("rb"), job, path)
        # The latest address of a job is the best one to begin with.
        latest = job.result_url if job is not None and job.result_url else url
        source = self._client.source(latest)
        renewal = _Renewal(self._client, self._refresh, job)
        job_id = None if job is None else job.job_id
        arriving = ArrivingFile(int(max_download_mb * MEGABYTE))
        return OpenAudio(
            arriving,
            job,
            download=lambda: download(
                source,
                arriving,
                self._timing,
                guard=guard,
                renew=renewal,
                job_id=job_id,
            ),
        )

    def keep(self, audio: OpenAudio, limit_bytes: float) -> Path | None:
        """Store the file of a job, once it is whole and was decoded; None for other files.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        content = audio.content()
        if audio.job is None or not content:
            return audio.path
        name = name_of(content)
        path = self._store.put(name, content, limit_bytes)
        self._ledger.update(audio.job.local_id, file=name)
        return path


class _Renewal:
    """Finds other sources of a file whose address does not give it (any more).

    An address that wants a key is exchanged for one that may be read. An expired one is renewed
    through its job, once.
    """

    def __init__(self, client: Client, refresh: Refresh, job: Job | None) -> None:
        self._client = client
        self._fresh = refresh
        self._job = job
        self._exchanged: set[str] = set()

    async def __call__(self, source: Source, status: int) -> Source | None:
        try:
            return await self._exchange(source, status) or await self._refresh()
        except GatewayError:
            return None

    async def _exchange(self, source: Source, status: int) -> Source | None:
        if status not in (401, 403) or source.url in self._exchanged:
            return None
        self._exchanged.add(source.url)
        return await self._client.permitted_source(source.url)

    async def _refresh(self) -> Source | None:
        job, self._job = self._job, None
        if job is None:
            return None
        fresh = await self._fresh(job)
        self._exchanged.clear()
        return self._client.source(fresh.result_url) if fresh.result_url else None
