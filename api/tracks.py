"""From an address to the bytes of a track: the store if it has them, else the network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from .client import Client
from .download import MEGABYTE, Download, Source, checked_url, fetch
from .errors import GatewayError
from .jobs import Jobs
from .ledger import Job, Ledger
from .store import Store

# How a file begins, and the extension it gets.
_SIGNATURES = (
    (b"RIFF", "wav"),
    (b"RF64", "wav"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"FORM", "aiff"),
    (b"\x1aE\xdf\xa3", "webm"),
)


class Track(NamedTuple):
    """A track that can be read, perhaps while it still arrives.

    Attributes:
        reader: a seekable binary file; for whoever decodes, in a thread of its own.
        job: the job it came from, None for an address of some other origin.
        path: the stored file, None where it has to be downloaded.
        fill: downloads into `reader`, to be awaited in this loop while another thread reads;
            None where the file is here.
    """

    reader: BinaryIO | Download
    job: Job | None
    path: Path | None = None
    fill: Callable[[], Coroutine[Any, Any, None]] | None = None

    @property
    def received(self) -> int:
        """Bytes downloaded so far; 0 where the file was here already."""
        return self.reader.received if isinstance(self.reader, Download) else 0

    @property
    def size(self) -> int | None:
        """Bytes of the whole download, None where not known."""
        return self.reader.size if isinstance(self.reader, Download) else None

    def content(self) -> memoryview:
        """The downloaded bytes; empty where the file was here already."""
        return self.reader.content() if isinstance(self.reader, Download) else memoryview(b"")


class Tracks:
    """Opens tracks and keeps them."""

    def __init__(self, ledger: Ledger, store: Store, client: Client, jobs: Jobs) -> None:
        self._ledger = ledger
        self._store = store
        self._client = client
        self._jobs = jobs

    def open(self, url: str, *, max_download_mb: float) -> Track:
        """Open what is at `url`.

        Raises:
            InputError: no web address.
        """
        url = checked_url(url)
        job = self._ledger.by_url(url)
        path = self._stored(job)
        if path is not None:
            return Track(path.open("rb"), job, path)
        download = Download(int(max_download_mb * MEGABYTE))
        # The latest address of a job is the one to begin with.
        latest = job.result_url if job is not None and job.result_url else url
        source = self._source(latest)
        job_id = None if job is None else job.remote_id
        return Track(
            download,
            job,
            fill=lambda: fetch(source, download, renew=self._renewal(job), job_id=job_id),
        )

    def keep(self, track: Track) -> Path | None:
        """Store the file of a job once it is whole and was found good; None for others.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        content = track.content()
        if track.job is None or not content:
            return track.path
        name = self._store.put(content, extension_of(content))
        self._ledger.update(track.job.local_id, file=name)
        return self._store.path(name)

    def _stored(self, job: Job | None) -> Path | None:
        return self._store.path(job.file) if job is not None and job.file else None

    def _source(self, url: str) -> Source:
        return Source(url, self._client.authorization_for(url))

    def _renewal(self, job: Job | None) -> Callable[[], Awaitable[Source | None]] | None:
        if job is None:
            return None

        async def renew() -> Source | None:
            try:
                fresh = await self._jobs.refresh(job)
            except GatewayError:
                return None
            return self._source(fresh.result_url) if fresh.result_url else None

        return renew


def extension_of(content: bytes | memoryview) -> str:
    """The usual extension of an audio file, by how it begins; `mp3` where nothing else fits."""
    head = bytes(content[:12])
    for signature, extension in _SIGNATURES:
        if head.startswith(signature):
            return extension
    return "m4a" if head[4:8] == b"ftyp" else "mp3"
