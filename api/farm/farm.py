"""The machines of a farm: the messages between them, other than the rows."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ...files.atomic import write_file
from ..base.errors import LedgerError
from ..base.timing import Timing
from ..money.job import Job, State, is_free
from ..money.ledger import Ledger
from ..money.peers import Peers
from ..wire.key import ApiKey
from ..wire.protocol import JobRecord, JobStatus, Model
from .postgres import PostgresEngine
from .shared_addresses import LedgerUrl
from .shared_rate import SharedRateLimiter, SharedSlots

OUTBOX = "outbox"
"""The name of the folder, beside the other files of a worker."""
_log = logging.getLogger("aigateway")

# The key of a service, once it has bought.
_KEY = "SELECT digest FROM keys WHERE service = ?"
_ADD_KEY = "INSERT INTO keys (service, digest) VALUES (?, ?)"
# A row, if another process polls the job at this moment.
_WATCHED = "SELECT 1 FROM watches WHERE local_id = ? AND owner <> ? AND until > ?"
# This process polls the job until a time.
_WATCH = """
    INSERT INTO watches (local_id, owner, until) VALUES (?, ?, ?)
    ON CONFLICT (local_id) DO UPDATE SET owner = excluded.owner, until = excluded.until
"""
# This process polls the job no more.
_UNWATCH = "DELETE FROM watches WHERE local_id = ? AND owner = ?"
# The newest model list of a service, and when it was fetched.
_CATALOGUE = "SELECT fetched, models FROM catalogue WHERE service = ?"
_SET_CATALOGUE = """
    INSERT INTO catalogue (service, fetched, models) VALUES (?, ?, ?)
    ON CONFLICT (service) DO UPDATE SET fetched = excluded.fetched, models = excluded.models
"""


class Farm(Peers):
    """The machines that share the ledger at `url`. Safe to use from several threads.

    One ledger joins it. Every method raises LedgerError if the ledger cannot be read or written.
    """

    def __init__(self, url: LedgerUrl) -> None:
        self._url = url
        # Until when this process polls each job, in seconds of the monotonic clock.
        self._watched: dict[str, float] = {}
        # Ends of submits that wait until they can be written.
        self._late: dict[str, tuple[Job, dict[str, Any]]] = {}

    def opened(self, directory: Path, timing: Timing) -> PostgresEngine:
        # The model list, and job ids that the ledger cannot take, go to this folder. A read-only
        # disk does not stop the work.
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
        self._watch_lease = timing.watch_lease
        self._outbox = Outbox(directory / OUTBOX)
        self._engine = PostgresEngine(self._url, timing)
        return self._engine

    def join(self, ledger: Ledger) -> None:
        self._ledger = ledger
        try:
            self.tidy()
        except LedgerError as error:
            self._engine.close()
            raise error.noting("Nothing was sent.") from None
        self._engine.each_beat = self.tidy

    # One key and its rate

    def bind(self, service: str, key: ApiKey | None) -> None:
        if key is None or is_free(service):
            return

        def bound() -> str:
            found = self._engine.execute(_KEY, service)
            if not found:
                self._engine.execute(_ADD_KEY, service, key.digest)
            return found[0][0] if found else key.digest

        if self._engine.write(bound) != key.digest:
            raise LedgerError(
                "The ledger at ledger_url belongs to another API key, and the gateway shows a job "
                "to the key that bought it: set that key, or another database. If it is a new key "
                "of the same account, run  DELETE FROM keys  in that database. Nothing was sent."
            )

    def slots(self, service: str, timing: Timing) -> SharedSlots:
        """The slots in the rate of the key that buys from the service with this ledger."""
        return SharedSlots(self._engine, service, timing)

    def rate_limiter(
        self, service: str, timing: Timing, clock: Callable[[], float]
    ) -> SharedRateLimiter:
        return SharedRateLimiter(timing, clock, self.slots(service, timing))

    # Polls

    def watch(self, job: Job) -> bool:
        """See `Peers.watch`. The watch lasts for `Timing.watch_lease`, and the next call renews
        it."""
        clock = time.monotonic()
        if self._watched.get(job.local_id, 0.0) > clock:
            return True
        is_ours = self._engine.write(lambda: self._watch(job.local_id))
        if is_ours:
            self._watched[job.local_id] = clock + self._watch_lease / 2
        return is_ours

    def _watch(self, local_id: str) -> bool:
        now, owner = self._engine.now(), self._engine.owner
        if self._engine.execute(_WATCHED, local_id, owner, now):
            return False
        self._engine.execute(_WATCH, local_id, owner, now + self._watch_lease)
        return True

    def unwatch(self, job: Job) -> None:
        if self._watched.pop(job.local_id, None) is not None:
            owner = self._engine.owner
            self._engine.write(lambda: self._engine.execute(_UNWATCH, job.local_id, owner))

    # The model list

    def catalogue(self, service: str) -> tuple[float, list[Model]] | None:
        found = self._engine.execute(_CATALOGUE, service)
        if not found:
            return None
        fetched, models = found[0]
        age = max(0.0, self._engine.now() - fetched)
        return age, [Model(*values) for values in json.loads(models)]

    def share_catalogue(self, service: str, models: Iterable[Model]) -> None:
        text = json.dumps(list(models))
        self._engine.write(
            lambda: self._engine.execute(_SET_CATALOGUE, service, self._engine.now(), text)
        )

    # Changes that wait until the ledger can be written

    def answer_later(self, job: Job, record: JobRecord) -> None:
        """Write the answer to the disk and its id into the log, until `tidy` can write it."""
        self._outbox.put(job._replace(job_id=record.id))

    def end_submit_later(self, job: Job, **values: Any) -> None:
        self._late[job.local_id] = (job, values)

    def is_late(self, local_id: str) -> bool:
        return local_id in self._late or self._outbox.holds(local_id)

    def tidy(self) -> None:
        """Write the changes that wait, and give up rows that this process does not submit.

        Raises:
            LedgerError: a change could not be written; it stays for a later call.
        """
        for job in list(self._outbox.jobs()):
            if job.job_id:
                self._ledger.answered(job, JobRecord(job.job_id, JobStatus.QUEUED))
            self._outbox.remove(job)
            self._ledger.release(job)
        for job, values in list(self._late.values()):
            self._ledger.end_submit(job, **values)
            del self._late[job.local_id]
            self._ledger.release(job)
        self._ledger.disown()


class Outbox:
    """Job ids that the ledger could not take: one file for each row, in `directory`.

    The folder is made when it is first needed. The id goes into the log too: a farm's log outlives
    the disk of a worker.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, job: Job) -> None:
        """Write a row with its job id, and name the id in the log."""
        _log.error(
            "The job %s was bought, and the ledger cannot be written: put its id into Poll Job if "
            "it is not in the Music tab later. (%s, %s)",
            job.job_id,
            job.service,
            job.request.label,
        )
        # A full disk must not lose the line of the log.
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True)
            write_file(self._path(job.local_id), json.dumps(job._asdict()).encode())

    def remove(self, job: Job) -> None:
        with contextlib.suppress(OSError):
            self._path(job.local_id).unlink()

    def holds(self, local_id: str) -> bool:
        return self._path(local_id).exists()

    def jobs(self) -> Iterator[Job]:
        """The rows as they were written; a damaged file is skipped."""
        for path in sorted(self._directory.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                values = json.loads(path.read_text(encoding="utf-8"))
                yield Job(**{**values, "state": State(values["state"])})

    def _path(self, local_id: str) -> Path:
        return self._directory / f"{local_id}.json"
