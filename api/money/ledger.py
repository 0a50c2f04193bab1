"""The ledger: requests, their prices and their jobs. Written before money moves.

Several ComfyUI processes share one ledger. A row is one request.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..errors import DamagedLedgerError, SpendLimitError
from ..request import MusicRequest
from ..timing import Timing
from ..wire.protocol import JobRecord
from .job import Job, State, is_free
from .ledger_file import FILE_NAME, DamagedFileError, made_beside, set_aside, unusable
from .ledger_reader import LedgerReader
from .owners import Owners
from .rows import Rows
from .spending import SpendingRules


class Ledger(LedgerReader):
    """The ledger in `directory`, which is made if need be. Safe to use from several threads.

    Every call may wait for the disk or for another process: an event loop calls it `off_loop`.

    Every method raises LedgerError where the file cannot be read or written.

    Raises:
        DamagedLedgerError: the file was damaged, and was set aside; the next try makes a new one.
        LedgerError: the folder or the file cannot be used, or is of a newer version of the pack.
    """

    def __init__(self, directory: Path, timing: Timing | None = None) -> None:
        timing = timing or Timing()
        self.directory = directory
        self.path = directory / FILE_NAME
        # SQLite itself uses the name of the file and `.lock` on some drives.
        lock = FileLock(directory / "opening.lock", timeout=timing.busy_timeout)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # SQLite does not wait for its lock while it changes the journal mode of a new file.
            # The lock files of the owners need this lock too, so that no new one looks like a
            # dead one.
            with lock:
                self._owners = Owners(directory / "owners")
                try:
                    self._rows = self._open(timing.busy_timeout)
                except BaseException:
                    self._owners.close()
                    raise
        except (OSError, NotImplementedError) as error:
            # filelock raises the second one where a drive has no locks.
            raise unusable(self.path, error) from error
        self._in_hand: set[str] = set()

    def _open(self, busy_timeout: float) -> Rows:
        try:
            if not self.path.exists():
                # Made under another name: a crash leaves no half-made file that looks damaged.
                with made_beside(self.path) as new:
                    Rows(new, busy_timeout).close()
            return Rows(self.path, busy_timeout)
        except DamagedFileError as error:
            aside = set_aside(self.path)
            raise DamagedLedgerError(
                f"The ledger {self.path} is damaged ({error}), so it was set aside as {aside.name} "
                "in the same folder, and a new one is begun. It does not know the tracks that "
                "were bought: the same request would be bought again. To go on, queue again. To "
                "get the old one back, stop ComfyUI, repair that file (sqlite3 has the command "
                f".recover), and rename it to {FILE_NAME}. Nothing was sent."
            ) from error

    @property
    def owner(self) -> str:
        """The name of this process in the rows that it submits."""
        return self._owners.ours

    def close(self) -> None:
        self._rows.close()
        self._owners.close()

    def create(
        self,
        service: str,
        request: MusicRequest,
        *,
        run: str,
        price: float | None,
        rules: SpendingRules | None = None,
    ) -> tuple[Job, bool]:
        """As `create_all`, of one request.

        Raises:
            SpendLimitError: the rules do not allow it; nothing was written.
        """
        (made,) = self.create_all(service, [(request, price)], run=run, rules=rules)
        if isinstance(made, SpendLimitError):
            raise made
        return made

    def create_all(
        self,
        service: str,
        priced: Sequence[tuple[MusicRequest, float | None]],
        *,
        run: str,
        rules: SpendingRules | None = None,
        balance: float | None = None,
    ) -> list[tuple[Job, bool] | SpendLimitError]:
        """For each request its living row, or a new one in `submitting`, in one transaction.

        The new rows are allowed or refused together; living ones are never refused.

        Args:
            service: the same request to another service is another track.
            priced: different requests, each with its expected price in US dollars; None where it
                is not known.
            run: the run of a graph, whose spending counts together.
            rules: checked in the same transaction; None checks nothing.
            balance: what the account has left; None where it is not known.

        Returns:
            Each row, and whether it is new; or why the new ones are refused. The caller submits a
            new one and `release`s it then.
        """
        with self._rows.transaction():
            living = [self.living(service, request) for request, _ in priced]
            new = [pair for pair, row in zip(priced, living, strict=True) if row is None]
            if new:
                self._rows.check_in_place()
            if new and rules is not None:
                try:
                    prices = [price for _, price in new]
                    self.quote(service, prices, rules, run=run, balance=balance).check(
                        new[0][0].model
                    )
                except SpendLimitError as error:
                    return [error if row is None else (row, False) for row in living]
            return [
                (self._insert(service, request, price, run), True) if row is None else (row, False)
                for (request, price), row in zip(priced, living, strict=True)
            ]

    def _insert(self, service: str, request: MusicRequest, price: float | None, run: str) -> Job:
        fingerprint = request.fingerprint(service)
        job = Job(
            local_id=uuid.uuid4().hex,
            service=service,
            fingerprint=fingerprint,
            **request._asdict(),
            state=State.SUBMITTING,
            run=run,
            owner=self.owner,
            created=time.time(),
            price=price,
            attempt=self.dead_attempts(fingerprint),
        )
        self._rows.insert(job)
        self._in_hand.add(job.local_id)
        return job

    def adopt(self, service: str, job_id: str) -> Job:
        """The row of the job with this id; a new row if the ledger has none."""
        with self._rows.transaction():
            job = self.by_job_id(service, job_id)
            if job is None:
                unknown = MusicRequest(prompt="", duration=0.0, model="")
                job = Job(
                    local_id=uuid.uuid4().hex,
                    service=service,
                    fingerprint=f"job:{service}:{job_id}",
                    **unknown._asdict(),
                    state=State.QUEUED,
                    run="",
                    owner=self.owner,
                    created=time.time(),
                    price=0.0 if is_free(service) else None,
                    job_id=job_id,
                )
                self._rows.insert(job)
            return job

    def apply(
        self,
        local_id: str,
        record: JobRecord,
        *,
        submitted: float | None = None,
        took: float | None = None,
    ) -> Job:
        """Write what a job record says. A job that has ended keeps its state.

        Args:
            submitted: when the gateway answered the submit; only with that answer.
            took: seconds from submit to end of a completed job.

        Raises:
            KeyError: no such row.
        """
        with self._rows.transaction():
            job = self.get(local_id)
            values = job.changes(record, took)
            if submitted is not None:
                values |= {"submitted": submitted, "request_id": record.request_id}
            changed = {name: value for name, value in values.items() if getattr(job, name) != value}
            return self.update(local_id, **changed) if changed else job

    def update(self, local_id: str, **values: Any) -> Job:
        """Write columns of a row.

        Raises:
            KeyError: no such row.
        """
        with self._rows.transaction():
            self._rows.update(local_id, values)
            url = values.get("result_url")
            if url is not None:
                self._rows.execute("INSERT OR REPLACE INTO urls VALUES (?, ?)", url, local_id)
            return self.get(local_id)

    def fail(self, local_id: str, error: str) -> Job:
        """The request failed; nothing is charged."""
        return self.update(local_id, state=State.FAILED, error=error, finished=time.time())

    def compare_and_set(self, job: Job, **values: Any) -> bool:
        """Write columns if the row has not changed since it was read, and take it over.

        False: another caller was faster, or a living process submits it. Whoever writes
        `submitting` must `release` the row in the end.
        """
        with self._rows.transaction():
            current = self.get(job.local_id)
            if (current.state, current.owner) != (job.state, job.owner):
                return False
            if current.state is State.SUBMITTING and self.is_owned(current):
                return False
            if values.get("state") is State.SUBMITTING:
                self._in_hand.add(job.local_id)
            self.update(job.local_id, owner=self.owner, **values)
            return True

    def resubmit(
        self, job: Job, *, run: str, rules: SpendingRules | None, balance: float | None = None
    ) -> bool:
        """Take an uncertain row for one more submit, as `compare_and_set`; None checks no limit.

        Raises:
            SpendLimitError: the rules do not allow another track of this price.
        """
        with self._rows.transaction():
            self._rows.check_in_place()
            if rules is not None:
                quote = self.quote(job.service, [job.price], rules, run=run, balance=balance)
                quote.check(job.model)
            return self.compare_and_set(job, state=State.SUBMITTING, repeats=job.repeats + 1)

    def release(self, job: Job) -> None:
        """Note that this process no longer submits the row."""
        self._in_hand.discard(job.local_id)

    def delete(self, job: Job) -> None:
        """Remove a row that was adopted by mistake: its id belongs to no job."""
        with self._rows.transaction():
            self._rows.execute("DELETE FROM jobs WHERE local_id = ?", job.local_id)

    def is_owned(self, job: Job) -> bool:
        """Whether this process, or another living one, submits the row."""
        if job.owner == self.owner:
            return job.local_id in self._in_hand
        return self._owners.is_living(job.owner)
