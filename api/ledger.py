"""The ledger: what was asked for, what it cost and where it is, on the disk before money moves.

One SQLite file (WAL, every commit synced) that several ComfyUI processes share. A row is one
request; a partial unique index lets a fingerprint have one row that is alive, so that two processes
asking for the same piece at the same moment buy it once. A process that submits holds an operating
system lock for as long as it lives, which is how a row left in `submitting` by a crash is known
from one that is being worked on.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from .errors import SpendLimitError
from .protocol import MusicRequest

FILE_NAME = "ledger.sqlite3"
_BUSY_SECONDS = 30.0


class State(str, Enum):
    """Where a request is.

    submitting -> queued -> running -> completed | failed | cancelled, and
    submitting -> uncertain (it may have been charged, and no job id is known) -> queued.
    """

    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"

    @property
    def is_dead(self) -> bool:
        """Whether the request came to nothing, so that it may be bought again."""
        return self in (State.FAILED, State.CANCELLED)


class Job(NamedTuple):
    """One row: a request and what became of it.

    Times are seconds since 1970, prices US dollars (None: not known), `duration` seconds of audio.
    `remote_id` is the gateway's job id; `file` names the stored track; `repeats` counts submits
    that were repeated although the one before may have been charged; `took` is the best estimate of
    the seconds from submit to end; `attempt` counts earlier requests for the same that came to
    nothing.
    """

    local_id: str
    service: str
    fingerprint: str
    model: str
    prompt: str
    lyrics: str
    duration: float
    format: str
    take: int
    state: State
    run: str
    owner: str
    created: float
    price: float | None = None
    charged: float | None = None
    submitted: float | None = None
    started: float | None = None
    finished: float | None = None
    took: float | None = None
    remote_id: str | None = None
    result_url: str | None = None
    result_duration: float | None = None
    error: str | None = None
    file: str | None = None
    repeats: int = 0
    attempt: int = 0

    @property
    def idempotency_key(self) -> str:
        """The same for every submit of this row, also from another machine."""
        return f"{self.fingerprint[:40]}-{self.attempt}"

    @property
    def request(self) -> MusicRequest:
        return MusicRequest(
            self.prompt, self.duration, self.lyrics, self.format, self.model, self.take
        )


class Limits(NamedTuple):
    """The most that may be spent, in US dollars."""

    per_run: float
    per_day: float


_COLUMNS = ", ".join(Job._fields)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    local_id TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    lyrics TEXT NOT NULL,
    duration REAL NOT NULL,
    format TEXT NOT NULL,
    take INTEGER NOT NULL,
    state TEXT NOT NULL,
    run TEXT NOT NULL,
    owner TEXT NOT NULL,
    price REAL,
    charged REAL,
    created REAL NOT NULL,
    submitted REAL,
    started REAL,
    finished REAL,
    took REAL,
    remote_id TEXT,
    result_url TEXT,
    result_duration REAL,
    error TEXT,
    file TEXT,
    repeats INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS one_alive ON jobs (fingerprint)
    WHERE state NOT IN ('failed', 'cancelled');
CREATE INDEX IF NOT EXISTS by_remote_id ON jobs (service, remote_id);
CREATE INDEX IF NOT EXISTS by_created ON jobs (created);
CREATE INDEX IF NOT EXISTS by_run ON jobs (run);
CREATE INDEX IF NOT EXISTS by_file ON jobs (file);
CREATE INDEX IF NOT EXISTS by_model ON jobs (service, model, finished);
CREATE TABLE IF NOT EXISTS urls (
    url TEXT PRIMARY KEY,
    local_id TEXT NOT NULL REFERENCES jobs (local_id)
) WITHOUT ROWID;
"""
_VERSION = 1


class Ledger:
    """The ledger in `directory`, which is made if need be. Safe to use from several threads.

    Raises:
        sqlite3.DatabaseError: the file is no ledger, or is of a newer version of the pack.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.path = directory / FILE_NAME
        self._owners = directory / "owners"
        self._owners.mkdir(exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._in_hand: set[str] = set()
        self.owner = uuid.uuid4().hex
        self._owner_lock = FileLock(self._owners / f"{self.owner}.lock", thread_local=False)
        # SQLite does not wait for its lock while it changes the journal mode of a new file, and
        # nobody may take a lock file that was just made for one that was left behind.
        with FileLock(directory / f"{FILE_NAME}.lock"):
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._migrate()
            self._owner_lock.acquire()
            for path in self._owners.glob("*.lock"):
                self._is_living(path.stem)

    def close(self) -> None:
        with self._lock:
            self._db.close()
            self._owner_lock.release()
            with contextlib.suppress(OSError):
                (self._owners / f"{self.owner}.lock").unlink()

    # Writing

    def begin(
        self,
        service: str,
        request: MusicRequest,
        *,
        run: str,
        price: float | None,
        limits: Limits | None = None,
    ) -> tuple[Job, bool]:
        """The living row of this request, or a new one in `submitting`.

        Args:
            service: whose jobs these are; the same request to another service is another piece.
            run: what `Limits.per_run` counts together, one run of a graph.
            price: what the request is expected to cost; None where not known.
            limits: checked together with the row being written, None for no check.

        Returns:
            The row, and whether it is new, that is, whether this caller is to submit it.

        Raises:
            SpendLimitError: the limits do not allow it; nothing was written.
        """
        with self._transaction():
            alive = self.alive(service, request)
            if alive is not None:
                return alive, False
            if limits is not None and price:
                self.check(limits, run, price)
            job = Job(
                local_id=uuid.uuid4().hex,
                service=service,
                fingerprint=request.fingerprint(service),
                **request._asdict(),
                state=State.SUBMITTING,
                run=run,
                owner=self.owner,
                created=time.time(),
                price=price,
                attempt=self.dead_attempts(service, request),
            )
            self._in_hand.add(job.local_id)
            self._insert(job)
            return job, True

    def adopt(
        self, service: str, remote_id: str, state: State, *, price: float | None = None
    ) -> Job:
        """The row of a job that is known by its id only; a new one where there is none."""
        with self._transaction():
            job = self.by_remote_id(service, remote_id)
            if job is None:
                unknown = MusicRequest(prompt="", duration=0.0, model="")
                job = Job(
                    local_id=uuid.uuid4().hex,
                    service=service,
                    fingerprint=f"job:{service}:{remote_id}",
                    **unknown._asdict(),
                    state=state,
                    run="",
                    owner=self.owner,
                    created=time.time(),
                    price=price,
                    remote_id=remote_id,
                )
                self._insert(job)
            return job

    def update(self, local_id: str, **values: Any) -> Job:
        """Write columns of a row, on the disk when this returns.

        Raises:
            KeyError: no such row.
        """
        assignments = ", ".join(f"{name} = ?" for name in values)
        with self._transaction():
            # Enum members of type str are bound by their value only when asked for it.
            bound = [value.value if isinstance(value, Enum) else value for value in values.values()]
            self._db.execute(
                f"UPDATE jobs SET {assignments} WHERE local_id = ?",
                (*bound, local_id),
            )
            url = values.get("result_url")
            if url is not None:
                self._db.execute("INSERT OR REPLACE INTO urls VALUES (?, ?)", (url, local_id))
            return self.get(local_id)

    def claim(self, job: Job, **values: Any) -> bool:
        """Take over a row as it was read and write columns; False if somebody was faster.

        A row in `submitting` can be taken from a process that is gone, or that let go of it, not
        from one that works on it. Whoever writes `submitting` is to `let_go` in the end.
        """
        with self._transaction():
            current = self.get(job.local_id)
            if (current.state, current.owner) != (job.state, job.owner):
                return False
            if current.state is State.SUBMITTING and self.is_owned(current):
                return False
            if values.get("state") is State.SUBMITTING:
                self._in_hand.add(job.local_id)
            self.update(job.local_id, owner=self.owner, **values)
            return True

    def let_go(self, job: Job) -> None:
        """This process does not work on a row in `submitting` any more, whatever became of it."""
        self._in_hand.discard(job.local_id)

    def forget(self, job: Job) -> None:
        """Remove a row that was adopted by mistake: its id belongs to no job."""
        with self._transaction():
            self._db.execute("DELETE FROM jobs WHERE local_id = ?", (job.local_id,))

    # Reading

    def get(self, local_id: str) -> Job:
        """
        Raises:
            KeyError: no such row.
        """
        job = self._one("local_id = ?", local_id)
        if job is None:
            raise KeyError(local_id)
        return job

    def alive(self, service: str, request: MusicRequest) -> Job | None:
        """The row that asking for `request` again would re-attach to."""
        return self._one(
            "fingerprint = ? AND state NOT IN ('failed', 'cancelled')",
            request.fingerprint(service),
        )

    def by_remote_id(self, service: str, remote_id: str) -> Job | None:
        return self._one("service = ? AND remote_id = ?", service, remote_id)

    def by_url(self, url: str) -> Job | None:
        """The job whose result was, at any time, to be had at `url`."""
        with self._lock:
            found = self._db.execute("SELECT local_id FROM urls WHERE url = ?", (url,)).fetchone()
        return None if found is None else self.get(found[0])

    def by_file(self, path: Path) -> Job | None:
        """The job whose stored track `path` is."""
        return self._one("file = ?", f"{path.parent.name}/{path.name}")

    def dead_attempts(self, service: str, request: MusicRequest | None) -> int:
        """How many times this request came to nothing; of all requests where it is None."""
        which, value = "service", service
        if request is not None:
            which, value = "fingerprint", request.fingerprint(service)
        with self._lock:
            return self._db.execute(
                f"SELECT count(*) FROM jobs WHERE {which} = ? AND state IN ('failed', 'cancelled')",
                (value,),
            ).fetchone()[0]

    def recent(self, limit: int = 100, offset: int = 0) -> list[Job]:
        """Rows, newest first."""
        return self._many("TRUE ORDER BY created DESC LIMIT ? OFFSET ?", limit, offset)

    def page(self, search: str = "", *, limit: int, offset: int = 0) -> tuple[list[Job], int]:
        """Rows with all words of `search` somewhere, newest first, and how many there are in all.

        Looked for in the prompt, the lyrics, the model and the job's id, in any case.
        """
        where, values = "TRUE", []
        for word in search.split():
            where += (
                " AND (prompt || char(10) || lyrics || char(10) || model || char(10) || "
                "coalesce(remote_id, '')) LIKE ? ESCAPE '\\'"
            )
            for special in "\\%_":
                word = word.replace(special, f"\\{special}")
            values.append(f"%{word}%")
        with self._lock:
            total = self._db.execute(f"SELECT count(*) FROM jobs WHERE {where}", values)
            count = int(total.fetchone()[0])
            order = "ORDER BY created DESC, rowid DESC LIMIT ? OFFSET ?"
            return self._many(f"{where} {order}", *values, limit, offset), count

    def count_active(self) -> int:
        """How many requests have not ended yet, as far as is known here."""
        with self._lock:
            return self._db.execute(
                "SELECT count(*) FROM jobs WHERE state IN ('submitting', 'queued', 'running')"
            ).fetchone()[0]

    def spent(self, *, since: float, run: str | None = None) -> float:
        """US dollars of all requests since a time that were, or may have been, charged."""
        with self._lock:
            where, values = "created >= ?", [since]
            if run is not None:
                where, values = "run = ?", [run]
            total = self._db.execute(
                "SELECT total(coalesce(charged, price, 0) + repeats * coalesce(price, 0)) "
                f"FROM jobs WHERE {where} AND state NOT IN ('failed', 'cancelled')",
                values,
            ).fetchone()[0]
        return float(total)

    def check(self, limits: Limits, run: str, price: float) -> None:
        """
        Raises:
            SpendLimitError: with `price` more, `run` or the last 24 hours would be over a limit.
        """
        day = time.time() - 24 * 3600
        for name, limit, spent in (
            ("this run", limits.per_run, self.spent(since=0.0, run=run)),
            ("the last 24 hours", limits.per_day, self.spent(since=day)),
        ):
            if exceeds(spent + price, limit):
                setting = "spend_limit_per_run" if name == "this run" else "spend_limit_per_day"
                raise SpendLimitError(
                    f"This track costs about {dollars(price)}, and with {dollars(spent)} of "
                    f"{name} that is over your limit of {dollars(limit)}: raise {setting} in the "
                    "settings if that is what you want. Nothing was sent."
                )

    def run_times(self, service: str, model: str, limit: int = 50) -> list[tuple[float, float]]:
        """Of the last completed jobs of a model: seconds of audio, seconds from submit to end."""
        with self._lock:
            return self._db.execute(
                "SELECT duration, took FROM jobs WHERE service = ? AND model = ? "
                "AND state = 'completed' AND took > 0 ORDER BY finished DESC LIMIT ?",
                (service, model, limit),
            ).fetchall()

    def is_owned(self, job: Job) -> bool:
        """Whether a row in `submitting` is being worked on, here or by a process that lives."""
        if job.owner == self.owner:
            return job.local_id in self._in_hand
        return self._is_living(job.owner)

    # Inside

    def _is_living(self, owner: str) -> bool:
        """Whether that process holds its lock; what one that is gone left behind is removed."""
        if owner == self.owner:
            return True
        path = self._owners / f"{owner}.lock"
        if not path.exists():
            return False
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        with contextlib.suppress(OSError):
            os.unlink(path)
        return False

    def _migrate(self) -> None:
        with self._transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise sqlite3.DatabaseError(
                    f"The ledger {self.path} was written by a newer version of this pack: "
                    "update the pack."
                )
            if version < _VERSION:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def _insert(self, job: Job) -> None:
        marks = ", ".join("?" * len(job))
        values = [value.value if isinstance(value, Enum) else value for value in job]
        self._db.execute(f"INSERT INTO jobs ({_COLUMNS}) VALUES ({marks})", values)

    def _one(self, where: str, *values: Any) -> Job | None:
        found = self._many(f"{where} LIMIT 1", *values)
        return found[0] if found else None

    def _many(self, where: str, *values: Any) -> list[Job]:
        with self._lock:
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where}", values).fetchall()
        jobs = map(Job._make, rows)
        return [job._replace(state=State(job.state)) for job in jobs]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """One write transaction; nested ones join the outer one."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def exceeds(amount: float, limit: float) -> bool:
    """Whether US dollars are over a limit; half a millionth absorbs the rounding of sums."""
    return amount > limit + 5e-7


def dollars(amount: float | None) -> str:
    """An amount for people: `$0.006`, `$24.00`, `an unknown price`."""
    if amount is None:
        return "an unknown price"
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}".rstrip("0")
