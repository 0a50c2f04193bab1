"""Write the ledger: rows are made, changed and taken over, each change in one transaction."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..errors import LedgerError, SpendLimitError
from ..request import MusicRequest
from ..wire.protocol import JobRecord
from .job import Job, State, is_free
from .ledger_loss import LedgerLoss
from .ledger_reader import LedgerReader
from .spending import SpendingRules

P = ParamSpec("P")
T = TypeVar("T")
W = TypeVar("W", bound=LedgerReader)


def written(
    method: Callable[Concatenate[W, P], T],
) -> Callable[Concatenate[W, P], T]:
    """The method in one write transaction."""

    @functools.wraps(method)
    def in_transaction(ledger: W, *values: P.args, **options: P.kwargs) -> T:
        return ledger.engine.write(lambda: method(ledger, *values, **options))

    return in_transaction


class LedgerWriter(LedgerLoss):
    """The writing half of `Ledger`."""

    _in_hand: set[str]

    @property
    def owner(self) -> str:
        """The name of this process in the rows that it submits."""
        return self.engine.owner

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
        new: list[str] = []
        try:
            return self._create_all(new, service, priced, run, rules, balance)
        except BaseException:
            self._in_hand.difference_update(new)
            raise

    @written
    def _create_all(
        self,
        made: list[str],
        service: str,
        priced: Sequence[tuple[MusicRequest, float | None]],
        run: str,
        rules: SpendingRules | None,
        balance: float | None,
    ) -> list[tuple[Job, bool] | SpendLimitError]:
        living = [self.living(service, request) for request, _ in priced]
        new = [pair for pair, row in zip(priced, living, strict=True) if row is None]
        if new:
            self.check_may_spend(service, rules)
        if new and rules is not None:
            try:
                prices = [price for _, price in new]
                self.quote(service, prices, rules, run=run, balance=balance).check(new[0][0].model)
            except SpendLimitError as error:
                return [error if row is None else (row, False) for row in living]
        rows = [
            (self._insert(service, request, price, run), True) if row is None else (row, False)
            for (request, price), row in zip(priced, living, strict=True)
        ]
        made += [row.local_id for row, is_new in rows if is_new]
        return [*rows]

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
            created=self.engine.now(),
            price=price,
            attempt=self.dead_attempts(fingerprint),
        )
        self._rows.insert(job)
        self._in_hand.add(job.local_id)
        return job

    @written
    def adopt(self, service: str, job_id: str) -> Job:
        """The row of the job with this id; a new row if the ledger has none."""
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
                created=self.engine.now(),
                price=0.0 if is_free(service) else None,
                job_id=job_id,
            )
            self._rows.insert(job)
        return job

    @written
    def apply(
        self,
        local_id: str,
        record: JobRecord,
        *,
        is_answer: bool = False,
        took: float | None = None,
    ) -> Job:
        """Write what a job record says. A job that has ended keeps its state.

        Args:
            is_answer: the record is the answer to the submit.
            took: seconds from submit to end of a completed job.

        Raises:
            KeyError: no such row.
        """
        job = self.get(local_id)
        values = job.changes(record, took, self.engine.now())
        if is_answer:
            values |= {"submitted": self.engine.now(), "request_id": record.request_id}
        changed = {name: value for name, value in values.items() if getattr(job, name) != value}
        return self.update(local_id, **changed) if changed else job

    @written
    def update(self, local_id: str, **values: Any) -> Job:
        """Write columns of a row.

        Raises:
            KeyError: no such row.
        """
        self._rows.update(local_id, values)
        url = values.get("result_url")
        if url is not None:
            self._rows.execute(
                "INSERT INTO urls (url, local_id) VALUES (?, ?) "
                "ON CONFLICT (url) DO UPDATE SET local_id = excluded.local_id",
                url,
                local_id,
            )
        return self.get(local_id)

    @written
    def arrive(self, job: Job) -> Job:
        """Note that the track came while nobody waited for it."""
        return self.update(job.local_id, arrived=self.engine.now())

    @written
    def see_arrived(self) -> None:
        """Note that a person has seen the tracks that came by themselves."""
        self._rows.execute("UPDATE jobs SET arrived = NULL WHERE arrived IS NOT NULL")

    def star(self, local_id: str, *, is_on: bool) -> Job:
        """Note that the track is a favorite, or is none any more.

        Raises:
            KeyError: no such row.
        """
        return self.update(local_id, starred=self.engine.now() if is_on else None)

    def hide(self, local_id: str, *, is_on: bool) -> Job:
        """Leave the row out of the list of tracks, or show it again. Its money counts as before.

        Raises:
            KeyError: no such row.
        """
        return self.update(local_id, hidden=self.engine.now() if is_on else None)

    def fail(self, local_id: str, error: str) -> Job:
        """The request failed; nothing is charged."""
        return self.update(local_id, state=State.FAILED, error=error, finished=self.engine.now())

    @written
    def compare_and_set(self, job: Job, **values: Any) -> Job | None:
        """Write columns if the row has not changed since it was read, and take it over.

        None: another caller was faster, or a living process submits it. Whoever writes
        `submitting` must `release` the row in the end.
        """
        current = self.get(job.local_id)
        if (current.state, current.owner) != (job.state, job.owner):
            return None
        if current.state is State.SUBMITTING and self.is_owned(current):
            return None
        if values.get("state") is State.SUBMITTING:
            self._in_hand.add(job.local_id)
        return self.update(job.local_id, owner=self.owner, **values)

    def resubmit(
        self,
        job: Job,
        *,
        run: str | None,
        rules: SpendingRules | None,
        balance: float | None = None,
    ) -> Job | None:
        """Take an uncertain row for one more submit, as `compare_and_set`.

        Args:
            run: as `create_all`; None checks no limit.

        Raises:
            SpendLimitError: the rules do not allow another track of this price.
        """
        try:
            return self._resubmit(job, run, rules, balance)
        except LedgerError:
            self._in_hand.discard(job.local_id)
            raise

    @written
    def _resubmit(
        self, job: Job, run: str | None, rules: SpendingRules | None, balance: float | None
    ) -> Job | None:
        self.check_may_spend(job.service, rules)
        if rules is not None and run is not None:
            quote = self.quote(job.service, [job.price], rules, run=run, balance=balance)
            quote.check(job.model)
        return self.compare_and_set(job, state=State.SUBMITTING, repeats=job.repeats + 1)

    def release(self, job: Job) -> None:
        """Note that this process no longer submits the row."""
        self._in_hand.discard(job.local_id)

    @written
    def delete(self, job: Job) -> None:
        """Remove a row that was adopted by mistake: its id belongs to no job."""
        self._rows.delete(job.local_id)

    def is_owned(self, job: Job) -> bool:
        """Whether this process, or another living one, submits the row."""
        if job.owner == self.owner:
            return job.local_id in self._in_hand
        return self.engine.is_living(job.owner)
