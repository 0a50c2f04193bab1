"""The ledger: requests, their prices and their jobs. Written before money moves.

Several ComfyUI processes share one ledger. A row is one request.
"""

from __future__ import annotations

import functools
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..base.errors import DamagedLedgerError, LedgerError, SpendLimitError
from ..base.question import AnyQuestion, Reply
from ..base.request import MusicRequest
from ..base.timing import Timing
from ..wire.protocol import LEAST_RATE, MOST_DOLLARS, JobRecord
from .job import DEAD, MUSIC, Job, State, is_free
from .listing import Page, Show, Sort, page_of
from .peers import Peers
from .rows import Rows
from .spending import (
    CHARGES,
    COUNT_UNKNOWN,
    COUNTED,
    FREE,
    LAST_COST,
    PENDING,
    SPENT,
    Quote,
    SpendingRules,
    quote,
)

P = ParamSpec("P")
T = TypeVar("T")

DAY = 24 * 3600.0
GATEWAY_KEEPS = 7 * DAY
"""Seconds for which the gateway has a job and its file, by its documentation."""
# Seconds that the clocks of two processes may differ by, small corrections included. If a row is
# dated later, the clock was ahead when the row was written: the row would count for ever.
_CLOCK_SLACK = 60.0
# Seconds; a year.
_LONGEST = 366 * DAY
_STOPPED = (
    "The pack would buy the lost tracks again, so it buys nothing until you have read this: press "
    "Go on in the Music tab, or set the environment variable AIGATEWAY_ACCEPT_LEDGER_LOSS to true "
    "for a script. Nothing was sent."
)

# SQL for both databases. The states stand in the text if an index has them.

_OPEN = ", ".join(f"'{state.value}'" for state in State if state.is_open)
# The row that the ledger hands out when a person asks for the same request again.
_LIVING = f"fingerprint = ? AND state NOT IN ({DEAD})"
# How many rows of a request are dead.
_COUNT_DEAD = f"SELECT count(*) FROM jobs WHERE fingerprint = ? AND state IN ({DEAD})"
# How many jobs may still end.
_COUNT_OPEN = f"SELECT count(*) FROM jobs WHERE state IN ({_OPEN})"
# How many tracks a person has not seen.
_COUNT_ARRIVED = "SELECT count(*) FROM jobs WHERE arrived IS NOT NULL"
# The jobs that may still bring a track to this machine, oldest first.
_UNCOLLECTED = f"""
    service = ? AND job_id IS NOT NULL AND submitted IS NOT NULL
    AND (state IN ({_OPEN}) OR (state = ? AND file IS NULL AND finished > ?))
    ORDER BY created
"""
# The files of one request, and the take of each.
_FILES_OF_REQUEST = """
    SELECT file, take FROM jobs WHERE service = ? AND file IS NOT NULL AND
""" + " AND ".join(f"{name} = ?" for name in MusicRequest._fields if name != "take")
# The rows of a sum: from a time until now, or of one run.
_SINCE, _OF_RUN = "created BETWEEN ? AND ?", "run = ?"
# Seconds of audio and of work of the last completed jobs of a model, if both are plausible.
_RUN_TIMES = """
    SELECT duration, took FROM jobs
    WHERE service = ? AND model = ? AND state = ?
    AND duration > 0 AND duration < ? AND took > 0 AND took < ?
    ORDER BY finished DESC LIMIT ?
"""
# The rows that a process submits, or whose submit it did not finish.
_IN_SUBMIT = "SELECT local_id FROM jobs WHERE state = ? AND owner = ?"


def written(
    method: Callable[Concatenate[Ledger, P], T],
) -> Callable[Concatenate[Ledger, P], T]:
    """Run the method in one write transaction."""

    @functools.wraps(method)
    def in_transaction(ledger: Ledger, *values: P.args, **options: P.kwargs) -> T:
        return ledger.engine.write(lambda: method(ledger, *values, **options))

    return in_transaction


class Ledger:
    """The ledger in `directory`. Safe to use from several threads.

    Every call may wait for the disk or for another process: an event loop calls it `off_loop`.

    Every method raises LedgerError if the ledger cannot be read or written.

    Args:
        peers: the other machines that share the ledger; None if this machine has it alone.
    """

    def __init__(
        self, directory: Path, timing: Timing | None = None, peers: Peers | None = None
    ) -> None:
        self.peers = peers or Peers()
        self.engine = self.peers.opened(directory, timing or Timing())
        self._rows = Rows(self.engine)
        # The rows that this process submits.
        self._in_hand: set[str] = set()
        self.peers.join(self)

    def close(self) -> None:
        self.engine.close()

    @property
    def owner(self) -> str:
        """The name of this process in the rows that it submits."""
        return self.engine.owner

    # One row

    def get(self, local_id: str) -> Job:
        """
        Raises:
            KeyError: no such row.
        """
        job = self._rows.one("local_id = ?", local_id)
        if job is None:
            raise KeyError(local_id)
        return job

    def living(self, service: str, request: MusicRequest | AnyQuestion) -> Job | None:
        """The living row of `request`: the ledger hands it out instead of a second purchase."""
        return self._rows.one(_LIVING, request.fingerprint(service))

    def by_job_id(self, service: str, job_id: str) -> Job | None:
        return self._rows.one("service = ? AND job_id = ?", service, job_id)

    def by_url(self, url: str) -> Job | None:
        """The job whose track has, or once had, the address `url`."""
        found = self._rows.execute("SELECT local_id FROM urls WHERE url = ?", url)
        return self.get(found[0][0]) if found else None

    def by_file(self, path: Path) -> Job | None:
        """The job whose stored track is `path`."""
        return self._rows.one("file = ?", f"{path.parent.name}/{path.name}")

    def age(self, job: Job) -> float:
        """Seconds since the submit; 0 if the clock was ahead then, or is behind now."""
        return max(0.0, self.engine.now() - (job.submitted or job.created))

    # Many rows

    def page(
        self,
        search: str = "",
        *,
        show: str = Show.ALL.value,
        sort: str = Sort.NEWEST.value,
        limit: int,
        offset: int = 0,
        opened: Sequence[str] | None = None,
    ) -> Page:
        """Rows that hold all words of `search`, and their number.

        Prompt, lyrics, model and job id are searched, in any case of any alphabet.

        Args:
            show: which of the rows: a value of `Show`.
            sort: their order: a value of `Sort`.
            opened: local ids whose groups are listed whole; the takes of a run are one row
                otherwise. None: every row stands alone.

        Raises:
            InputError: `show` or `sort` is not such a value.
        """
        return page_of(self._rows, search, show, sort, limit, offset, opened)

    def uncollected(self, service: str) -> list[Job]:
        """The jobs that may still bring a track, the oldest first.

        Open jobs, and completed jobs whose file the gateway still has and this machine does not.
        """
        since = self.engine.now() - GATEWAY_KEEPS
        return self._rows.many(_UNCOLLECTED, service, State.COMPLETED.value, since)

    def unsent(self) -> list[Job]:
        """The rows whose track the bucket does not have yet."""
        return self._rows.many("in_bucket = 0 AND file IS NOT NULL ORDER BY created")

    def takes_with_one_file(self, service: str, request: MusicRequest) -> list[int]:
        """The takes of a request whose files are the same to the byte; empty if all files differ.

        A stored file is named by its SHA-256.
        """
        values = request._asdict()
        del values["take"]
        takes: dict[str, set[int]] = defaultdict(set)
        for file, take in self._rows.execute(_FILES_OF_REQUEST, service, *values.values()):
            takes[file].add(take)
        return sorted({take for of_file in takes.values() if len(of_file) > 1 for take in of_file})

    def dead_attempts(self, fingerprint: str) -> int:
        """How many rows of a request are dead."""
        return self._rows.value(_COUNT_DEAD, fingerprint)

    def count_active(self) -> int:
        """How many requests have not ended, as far as the ledger knows."""
        return self._rows.value(_COUNT_OPEN)

    def count_arrived(self) -> int:
        """How many tracks arrived while no caller waited for them, and nobody has seen since."""
        return self._rows.value(_COUNT_ARRIVED)

    # Money

    def spent(self, *, since: float = 0.0, run: str | None = None) -> float:
        """US dollars that the gateway charged or may have charged: since a time, or in one run."""
        when, values = self._when(since, run)
        return float(self._rows.value(SPENT.format(when), *values))

    def counted(self, unknown: float, *, since: float = 0.0, run: str | None = None) -> float:
        """US dollars that count for the limits: of the tracks since a time, or of one run.

        The module `spending` has the rule. A job that was picked up by its id has no model: this
        machine did not buy it. So only the charge that the gateway reports counts.

        Args:
            unknown: dollars that a track of unknown price counts as.
        """
        when, values = self._when(since, run)
        return float(self._rows.value(COUNTED.format(when), float(unknown), *values))

    def unknown_tracks(self, *, since: float) -> int:
        """How many tracks with an unknown price were bought since a time."""
        when, values = self._when(since, None)
        return self._rows.value(COUNT_UNKNOWN.format(when), *values)

    def pending(self, service: str, unknown: float) -> float:
        """US dollars of jobs that are under way: the account's balance may not show them yet.

        Args:
            unknown: dollars that a track of unknown price counts as.
        """
        since = self.engine.now() - DAY
        return float(self._rows.value(PENDING, float(unknown), service, since))

    def quote(
        self,
        service: str,
        prices: Sequence[float | None],
        rules: SpendingRules,
        *,
        run: str | None = None,
        runs: int = 1,
        balance: float | None = None,
    ) -> Quote:
        """See `spending.quote`. This method adds the sums spent, from the rows. `run` None: a
        future run.

        Args:
            balance: US dollars that the gateway reports; this method subtracts the jobs under way.
        """
        if is_free(service):
            return FREE._replace(tracks=len(prices))
        since = self.engine.now() - DAY
        unknown = rules.unknown_price
        return quote(
            prices,
            rules,
            spent_run=0.0 if run is None else self.counted(unknown, run=run),
            spent_day=self.counted(unknown, since=since),
            unknown_day=self.unknown_tracks(since=since),
            runs=runs,
            balance=None if balance is None else balance - self.pending(service, unknown),
        )

    def charges(self, service: str, model: str, limit: int = 5) -> list[tuple[float, float]]:
        """Requested seconds and dollars of the last jobs of a model, if their price is known."""
        values = (service, model, State.COMPLETED.value, LEAST_RATE, MOST_DOLLARS, _LONGEST, limit)
        return [(duration, charged) for duration, charged in self._rows.execute(CHARGES, *values)]

    def last_cost(self, service: str, model: str) -> tuple[float, float] | None:
        """Requested seconds and dollars of the last track of a model; None if there is no track."""
        found = self._rows.execute(LAST_COST, service, model, _LONGEST)
        return next(((seconds, cost) for seconds, cost in found), None)

    def run_times(self, service: str, model: str, limit: int = 50) -> list[tuple[float, float]]:
        """Seconds of audio, and seconds from submit to end, of a model's last completed jobs."""
        values = (service, model, State.COMPLETED.value, _LONGEST, _LONGEST, limit)
        return [(duration, took) for duration, took in self._rows.execute(_RUN_TIMES, *values)]

    def _when(self, since: float, run: str | None) -> tuple[str, list[object]]:
        """The condition for the rows since a time until now, or of one run, and its values."""
        if run is not None:
            return _OF_RUN, [run]
        return _SINCE, [since, self.engine.now() + _CLOCK_SLACK]

    # A new row

    def create(
        self,
        service: str,
        request: MusicRequest | AnyQuestion,
        *,
        run: str,
        price: float | None,
        rules: SpendingRules | None = None,
    ) -> tuple[Job, bool]:
        """As `create_all`, of one request.

        Raises:
            SpendLimitError: the rules refuse the purchase; no row was written.
        """
        (made,) = self.create_all(service, [(request, price)], run=run, rules=rules)
        if isinstance(made, SpendLimitError):
            raise made
        return made

    def create_all(
        self,
        service: str,
        priced: Sequence[tuple[MusicRequest | AnyQuestion, float | None]],
        *,
        run: str,
        rules: SpendingRules | None = None,
        balance: float | None = None,
    ) -> list[tuple[Job, bool] | SpendLimitError]:
        """The living row of each request, or a new row in `submitting`, in one transaction.

        The rules allow or refuse all new rows together; they never refuse a living row.

        Args:
            service: the same request to another service has a row of its own.
            priced: different requests, each with its expected price in US dollars, or None if the
                price is not known.
            run: the run of a graph, whose spending counts together.
            rules: checked in the same transaction; None: no check.
            balance: US dollars that the account has left; None if the amount is not known.

        Returns:
            For each request its row and whether the row is new, or the reason for the refusal. The
            caller submits a new row, and then calls `release` for it.
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
        priced: Sequence[tuple[MusicRequest | AnyQuestion, float | None]],
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
                quote = self.quote(service, prices, rules, run=run, balance=balance)
                quote.check(new[0][0].model, new[0][0].columns().get("kind", MUSIC))
            except SpendLimitError as error:
                return [error if row is None else (row, False) for row in living]
        rows = [
            (self._insert(service, request, price, run), True) if row is None else (row, False)
            for (request, price), row in zip(priced, living, strict=True)
        ]
        made += [row.local_id for row, is_new in rows if is_new]
        return [*rows]

    def _insert(
        self, service: str, request: MusicRequest | AnyQuestion, price: float | None, run: str
    ) -> Job:
        fingerprint = request.fingerprint(service)
        job = Job(
            local_id=uuid.uuid4().hex,
            service=service,
            fingerprint=fingerprint,
            **request.columns(),
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

    # A submit, and its answer

    @written
    def confirm(self, job: Job) -> bool:
        """Whether `job` may be submitted now: its row still belongs to this process, and stays with
        it."""
        self.engine.beat()
        return self._is_ours(job)

    @written
    def answered(self, job: Job, record: JobRecord) -> Job | None:
        """Write the gateway's answer to the submit of `job`.

        Returns:
            The row; None if another process took the row over because it thought this process dead.
            Then the job of the answer gets its own row, so that it counts and can be found.
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
    def complete(self, job: Job, reply: Reply) -> Job:
        """Write the reply to the question of `job`, and return the row.

        Another process may have taken the row over, because it thought this process dead. The
        reply still belongs to the question.
        """
        current = self.get(job.local_id)
        if current.answer is not None:
            return current
        return self.update(job.local_id, **self._answer_columns(job, reply))

    def _answer_columns(self, job: Job, reply: Reply) -> dict[str, Any]:
        now = self.engine.now()
        return {
            "state": State.COMPLETED,
            "answer": reply.text,
            "charged": 0.0 if job.is_free else reply.cost,
            "submitted": now,
            "finished": now,
            "request_id": reply.request_id,
            "error": None,
        }

    @written
    def end_submit(self, job: Job, **values: Any) -> Job | None:
        """Write columns of a row whose submit has ended without a job id.

        Returns:
            The row; None if another process took it over because it thought this process dead.
        """
        if not self._is_ours(job):
            return None
        if values.get("state") is State.FAILED:
            values["finished"] = self.engine.now()
        return self.update(job.local_id, **values)

    def write_to_journal(self, job: Job, record: JobRecord | Reply) -> bool:
        """Write an answer into the journal, because the ledger cannot be written.

        Returns:
            Whether the journal has it; False if the journal cannot be written either.
        """
        journal = self.engine.journal
        if isinstance(record, Reply):
            values = self._answer_columns(job, record)
        else:
            values = {"state": State.QUEUED, "job_id": record.id, "submitted": self.engine.now()}
        return journal is not None and journal.append_alone(job.local_id, values)

    @written
    def read_from_journal(self, job: Job) -> Job:
        """The row, with the answer of `write_to_journal` if there is one."""
        current = self.get(job.local_id)
        journal = self.engine.journal
        if journal is None or current.job_id or current.answer or self.is_owned(current):
            return current
        found = journal.rows().get(job.local_id, {})
        if not (found.get("job_id") or found.get("answer")):
            return current
        names = ("state", "job_id", "submitted", "answer", "charged", "finished", "request_id")
        return self.update(job.local_id, **{name: found[name] for name in names if name in found})

    @written
    def compare_and_set(self, job: Job, **values: Any) -> Job | None:
        """Write columns if the row has not changed since it was read, and take it over.

        Returns:
            The row; None if another caller changed it first, or if a living process submits it. A
            caller that writes `submitting` must call `release` in the end.
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
            run: see `create_all`; None: no check of the limits.

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
            quote.check(job.model, job.kind)
        return self.compare_and_set(job, state=State.SUBMITTING, repeats=job.repeats + 1)

    def release(self, job: Job) -> None:
        """Note that this process no longer submits the row."""
        if not self.peers.is_late(job.local_id):
            self._in_hand.discard(job.local_id)

    @written
    def disown(self) -> None:
        """Give up rows of this process that it no longer submits: others would wait for it."""
        for (local_id,) in self._rows.execute(_IN_SUBMIT, State.SUBMITTING.value, self.owner):
            if local_id not in self._in_hand:
                self._rows.update(local_id, {"owner": ""})

    def is_owned(self, job: Job) -> bool:
        """Whether this process, or another living one, submits the row."""
        if job.owner == self.owner:
            return job.local_id in self._in_hand
        return self.engine.is_living(job.owner)

    def _is_ours(self, job: Job) -> bool:
        """Whether the row is still `submitting`, in the same submit as `job`."""
        row = self._rows.one("local_id = ?", job.local_id)
        marks = (State.SUBMITTING, job.owner, job.repeats)
        return row is not None and (row.state, row.owner, row.repeats) == marks

    # Changes of a row

    @written
    def apply(
        self,
        local_id: str,
        record: JobRecord,
        *,
        is_answer: bool = False,
        took: float | None = None,
    ) -> Job:
        """Write the columns that a job record sets. A job that has ended keeps its state.

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
        return self.get(local_id)

    def fail(self, local_id: str, error: str) -> Job:
        """The request failed; nothing is charged."""
        return self.update(local_id, state=State.FAILED, error=error, finished=self.engine.now())

    @written
    def arrive(self, job: Job) -> Job:
        """Note that the track arrived while no caller waited for it."""
        return self.update(job.local_id, arrived=self.engine.now())

    @written
    def see_arrived(self) -> None:
        """Note that a person has seen the tracks that arrived while no caller waited."""
        self._rows.execute("UPDATE jobs SET arrived = NULL WHERE arrived IS NOT NULL")

    def star(self, local_id: str, *, is_on: bool) -> Job:
        """Make the track a favorite, or undo that.

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

    # Lost rows

    @property
    def loss(self) -> str | None:
        """The note of lost rows; None once the user accepts it. The pack buys nothing before."""
        journal = self.engine.journal
        return None if journal is None else journal.loss

    def accept_loss(self) -> None:
        """The user has read the note: spending goes on.

        Raises:
            LedgerError: the file of the note cannot be removed.
        """
        journal = self.engine.journal
        if journal is not None:
            try:
                journal.accept_loss()
            except OSError as error:
                raise LedgerError(
                    f"The note of what was lost cannot be removed ({error}): remove it by hand."
                ) from error

    def check_may_spend(self, service: str, rules: SpendingRules | None) -> None:
        """
        Raises:
            DamagedLedgerError: rows were lost, and the user has not accepted it.
            LedgerError: a row that is written now, or the answer to it, would be lost.
        """
        accepts = is_free(service) or (rules is not None and rules.accepts_ledger_loss)
        if not accepts and (loss := self.loss):
            raise DamagedLedgerError(f"{loss} {_STOPPED}")
        self.engine.check_usable()
