"""The ledger: requests, their prices and their jobs. Written before money moves.

Several ComfyUI processes share one ledger, on one machine or on many. A row is one request.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from ..errors import LedgerError
from ..ledger_url import LedgerUrl
from ..timing import Timing
from ..wire.protocol import JobRecord, JobStatus
from .engines import opened
from .farm import Farm
from .job import Job, State
from .ledger_writer import LedgerWriter, written
from .outbox import Outbox
from .rows import Rows


class Ledger(LedgerWriter):
    """The ledger in `directory`, or at `url`. Safe to use from several threads.

    Every call may wait for the disk or for another process: an event loop calls it `off_loop`.

    Every method raises LedgerError where the ledger cannot be read or written.
    """

    def __init__(
        self, directory: Path, timing: Timing | None = None, url: LedgerUrl | None = None
    ) -> None:
        timing = timing or Timing()
        self.engine = opened(directory, timing, url)
        self.farm = Farm(self.engine, timing)
        self._rows = Rows(self.engine)
        self._in_hand: set[str] = set()
        self._outbox = Outbox(directory)
        self._late: dict[str, tuple[Job, dict[str, Any]]] = {}
        if self.engine.is_shared:
            try:
                self.tidy()
            except LedgerError as error:
                self.engine.close()
                raise error.noting("Nothing was sent.") from None
            self.engine.each_beat = self.tidy

    def close(self) -> None:
        self.engine.close()

    @written
    def answered(self, job: Job, record: JobRecord) -> Job | None:
        """Write the gateway's answer to the submit of `job`.

        None: another process took this one for dead, and the row over. The job of the answer gets
        a row of its own, so that it is counted and can be found.
        """
        if self._is_ours(job):
            return self.apply(job.local_id, record, is_answer=True)
        if self.by_job_id(job.service, record.id) is None:
            now = self.engine.now()
            self._rows.insert(
                job._replace(
                    local_id=uuid.uuid4().hex,
                    fingerprint=f"job:{job.service}:{record.id}",
                    state=State.QUEUED,
                    created=now,
                    submitted=now,
                    job_id=record.id,
                    repeats=0,
                    attempt=0,
                )
            )
        return None

    @written
    def end_submit(self, job: Job, **values: Any) -> Job | None:
        """Write columns of a row whose submit has ended without a job id.

        None: another process took this one for dead, and the row over.
        """
        if not self._is_ours(job):
            return None
        if values.get("state") is State.FAILED:
            values["finished"] = self.engine.now()
        return self.update(job.local_id, **values)

    @written
    def confirm(self, job: Job) -> bool:
        """Whether `job` may be submitted now: no other process has taken the row over, or will."""
        self.engine.beat()
        return self._is_ours(job)

    def _is_ours(self, job: Job) -> bool:
        """Whether the row is still in the submit that `job` was read or written for."""
        row = self._rows.one("local_id = ?", job.local_id)
        marks = (State.SUBMITTING, job.owner, job.repeats)
        return row is not None and (row.state, row.owner, row.repeats) == marks

    def keep(self, job: Job, record: JobRecord) -> bool:
        """Keep an answer that this machine's ledger does not take; False where nothing takes it."""
        witness = self.engine.witness
        values = {"state": State.QUEUED, "job_id": record.id, "submitted": self.engine.now()}
        return witness is not None and witness.keep(job.local_id, values)

    @written
    def recall(self, job: Job) -> Job:
        """The row, with the answer that `keep` kept if there is one."""
        current = self.get(job.local_id)
        witness = self.engine.witness
        if witness is None or current.job_id or self.is_owned(current):
            return current
        kept = witness.kept(job.local_id)
        if not kept.get("job_id"):
            return current
        names = ("state", "job_id", "submitted")
        return self.update(job.local_id, **{name: kept[name] for name in names if name in kept})

    def answered_later(self, job: Job, record: JobRecord) -> None:
        """Keep the answer outside the ledger, until `tidy` writes it."""
        self._outbox.put(job._replace(job_id=record.id))

    def end_submit_later(self, job: Job, **values: Any) -> None:
        """As `end_submit`, once the ledger can be written."""
        self._late[job.local_id] = (job, values)

    def is_late(self, job: Job) -> bool:
        """Whether something about the row waits to be written."""
        return job.local_id in self._late or self._outbox.holds(job.local_id)

    def tidy(self) -> None:
        """Write what could not be written, and give up rows that this process does not submit.

        Raises:
            LedgerError: the rest is written another time.
        """
        for kept in list(self._outbox.jobs()):
            if kept.job_id:
                self.answered(kept, JobRecord(kept.job_id, JobStatus.QUEUED))
            self._outbox.remove(kept)
            self.release(kept)
        for job, values in list(self._late.values()):
            self.end_submit(job, **values)
            del self._late[job.local_id]
            self.release(job)
        self._disown()

    @written
    def _disown(self) -> None:
        """Without this the others would wait for this process as long as it lives."""
        left = self._rows.execute(
            f"SELECT local_id FROM jobs WHERE state = '{State.SUBMITTING.value}' AND owner = ?",
            self.owner,
        )
        for (local_id,) in left:
            if local_id not in self._in_hand:
                self._rows.update(local_id, {"owner": ""})

    def release(self, job: Job) -> None:
        if not self.is_late(job):
            super().release(job)
