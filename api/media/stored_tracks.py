"""The stored tracks: the folder of this machine, and a bucket behind it if the user has set one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..base.errors import BucketError
from ..base.threads import off_loop
from .track_store import TrackStore, is_name, name_of

if TYPE_CHECKING:
    from ..money.job import Job
    from ..money.ledger import Ledger


class Stored(NamedTuple):
    """Where a track's bytes are now.

    Attributes:
        path: the file on this machine; None if it could not be written.
        unsent: why the bucket does not have it yet, for people; "" if it does, or need not.
    """

    path: Path | None
    unsent: str = ""


class SharedStore(Protocol):
    """The bucket of many machines, behind the folder of this one."""

    async def put(self, name: str, content: bytes | memoryview) -> None:
        """Write an object; the bucket has it when this returns.

        BucketError: the bucket does not have it, or has not said so.
            BucketError: it has not, or has not said so.
        """
        ...

    async def get(self, name: str, max_bytes: float) -> bytes | None:
        """The bytes of an object; None if there is no such object, or a larger one.

        Raises:
            BucketError: the bucket cannot be asked.
        """
        ...


class StoredTracks:
    """
    Args:
        bucket: gets the tracks of paid jobs first. None: only the folder stores tracks.
        limit_bytes: the largest size of the folder. Nothing is removed from the bucket.
        max_bytes: an object of the bucket that is larger is not a track.
    """

    def __init__(
        self,
        store: TrackStore,
        ledger: Ledger,
        bucket: SharedStore | None,
        *,
        limit_bytes: float,
        max_bytes: float,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._bucket = bucket
        self._limit_bytes = limit_bytes
        self._max_bytes = max_bytes

    async def find(self, job: Job) -> Path | bytes | None:
        """The track of a job, from this machine or from the bucket; None if neither has it.

        Returns bytes if this machine cannot store them. If the bytes do not fit the track's name,
        the track is not returned.

        Raises:
            BucketError: this machine does not have it, and the bucket cannot be asked.
        """
        if job.file is None:
            return None
        path = await off_loop(self._store.path, job.file)
        bucket = self._bucket_for(job)
        if path is not None or bucket is None or not is_name(job.file):
            return path
        content = await bucket.get(job.file, self._max_bytes)
        if content is None or await off_loop(name_of, content) != job.file:
            return None
        await self._note(job, in_bucket=True)
        try:
            return await off_loop(self._store.put, job.file, content, self._limit_bytes)
        except OSError:
            return content

    async def store(self, job: Job, content: memoryview) -> Stored:
        """Store the bytes of a job's track: in the bucket, then here, then note it in the ledger.

        Raises:
            OSError: this machine cannot store them, and the bucket does not have them.
            LedgerError: the ledger cannot be written.
        """
        name = await off_loop(name_of, content)
        bucket = self._bucket_for(job)
        unsent = "" if bucket is None else await _sent(bucket, name, content)
        try:
            path = await off_loop(self._store.put, name, content, self._limit_bytes)
        except OSError:
            if bucket is None or unsent:
                raise
            path = None
        await off_loop(self._ledger.update, job.local_id, file=name)
        if bucket is not None:
            await self._note(job, in_bucket=not unsent)
        return Stored(path, unsent)

    async def is_unsent(self, job: Job) -> bool:
        """Whether this machine has a track that the bucket should have; the ledger notes it."""
        if self._bucket_for(job) is None or job.file is None or job.in_bucket:
            return False
        await self._note(job, in_bucket=False)
        return True

    async def send(self) -> bool:
        """Send the tracks of this machine that the bucket does not have yet.

        Returns:
            Whether a track is left for a later time.
        """
        unsent = [] if self._bucket is None else await off_loop(self._ledger.unsent)
        for job in unsent:
            bucket = self._bucket_for(job)
            # Asking for the path marks the file as used, so it is not evicted meanwhile.
            path = await off_loop(self._store.path, job.file or "")
            if bucket is None or path is None or job.file is None:
                continue
            try:
                content = await off_loop(path.read_bytes)
            except OSError:
                continue
            if await _sent(bucket, job.file, content):
                return True
            await self._note(job, in_bucket=True)
        return False

    def _bucket_for(self, job: Job) -> SharedStore | None:
        """The bucket for a paid job; None for a sandbox sketch, which stays on this machine."""
        return None if job.is_free else self._bucket

    async def _note(self, job: Job, *, in_bucket: bool) -> None:
        if job.in_bucket != int(in_bucket):
            await off_loop(self._ledger.update, job.local_id, in_bucket=int(in_bucket))


async def _sent(bucket: SharedStore, name: str, content: bytes | memoryview) -> str:
    """Send one track. Returns "" if the bucket has it, else the reason."""
    try:
        await bucket.put(name, content)
    except BucketError as error:
        return error.reason
    return ""
