"""The rows of the ledger in SQLite: the schema, its versions, transactions.

Every commit is synced to the disk. A partial unique index allows one living row for
each fingerprint, so two processes that ask for the same track at the same moment buy it once.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any
from unicodedata import normalize

from ..errors import InputError, LedgerError
from ..request import AS_GIVEN, MusicRequest
from .job import Job, State
from .ledger_file import connect, unusable

DEAD = ", ".join(f"'{state.value}'" for state in State if state.is_dead)
"""The states of failed and cancelled jobs, for `IN (…)`."""

_COLUMNS = ", ".join(Job._fields)
# One list of statements for each version of the schema; a ledger runs those it has not run yet.
_VERSIONS = (
    (
        """
        CREATE TABLE jobs (
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
        )
        """,
        f"CREATE UNIQUE INDEX one_alive ON jobs (fingerprint) WHERE state NOT IN ({DEAD})",
        "CREATE INDEX by_remote_id ON jobs (service, remote_id)",
        "CREATE INDEX by_created ON jobs (created)",
        "CREATE INDEX by_run ON jobs (run)",
        "CREATE INDEX by_file ON jobs (file)",
        "CREATE INDEX by_model ON jobs (service, model, finished)",
        """
        CREATE TABLE urls (
            url TEXT PRIMARY KEY,
            local_id TEXT NOT NULL REFERENCES jobs (local_id)
        ) WITHOUT ROWID
        """,
    ),
    ("ALTER TABLE jobs RENAME COLUMN remote_id TO job_id",),
    ("ALTER TABLE jobs ADD COLUMN request_id TEXT",),
    # Rows from before requests had one form keep their fingerprint, and with it their idempotency
    # key. They are found under the fingerprint of that form as well.
    (
        """
        CREATE TABLE aliases (
            fingerprint TEXT NOT NULL,
            local_id TEXT NOT NULL REFERENCES jobs (local_id),
            PRIMARY KEY (fingerprint, local_id)
        ) WITHOUT ROWID
        """,
        """
        INSERT INTO aliases SELECT alias, local_id FROM (
            SELECT local_id, fingerprint,
                one_form(service, prompt, duration, lyrics, format, model, take) AS alias
            FROM jobs
        ) WHERE alias != fingerprint
        """,
    ),
    # Where the gateway reported no price, the expected one was written down as charged.
    (
        "UPDATE jobs SET charged = NULL WHERE charged = price AND price > 0 "
        f"AND state NOT IN ({DEAD})",
    ),
    (f"ALTER TABLE jobs ADD COLUMN words TEXT NOT NULL DEFAULT '{AS_GIVEN}'",),
    ("ALTER TABLE jobs ADD COLUMN selected TEXT",),
)


class Rows:
    """The tables of the ledger at `path`. Safe to use from several threads.

    Args:
        busy_timeout: seconds to wait for another process's write.

    Every method raises LedgerError where the file cannot be read or written.

    Raises:
        DamagedFileError: the file is not a whole database.
        LedgerError: it cannot be used, or is of a newer version of the pack.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._explained():
            self._db = connect(path, busy_timeout)
        self._db.create_function("folded", 1, folded, deterministic=True)
        self._db.create_function("one_form", 7, _one_form)
        self._file = _identity(path)
        try:
            self._migrate()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction, synced when it ends; a nested one joins the outer one."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                # After some faults of the disk SQLite has rolled back by itself.
                if self._db.in_transaction:
                    self.execute("ROLLBACK")
                raise

    def check_in_place(self) -> None:
        """
        Raises:
            LedgerError: the file was removed or replaced. What is written would be lost.
        """
        if _identity(self._path) != self._file:
            raise LedgerError(
                f"The ledger {self._path} was removed or replaced while ComfyUI runs: restart "
                "ComfyUI. Nothing was sent."
            )

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self._lock, self._explained():
            return self._db.execute(statement, values).fetchall()

    def insert(self, job: Job) -> None:
        marks = ", ".join("?" * len(job))
        self.execute(f"INSERT INTO jobs ({_COLUMNS}) VALUES ({marks})", *map(_bound, job))

    def update(self, local_id: str, values: Mapping[str, Any]) -> None:
        assignments = ", ".join(f"{name} = ?" for name in values)
        bound = map(_bound, values.values())
        self.execute(f"UPDATE jobs SET {assignments} WHERE local_id = ?", *bound, local_id)

    def one(self, where: str, *values: Any) -> Job | None:
        found = self.many(f"{where} LIMIT 1", *values)
        return found[0] if found else None

    def many(self, where: str, *values: Any) -> list[Job]:
        rows = self.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where}", *values)
        jobs = map(Job._make, rows)
        return [job._replace(state=State(job.state)) for job in jobs]

    def value(self, statement: str, *values: Any) -> Any:
        """The first column of the first row."""
        return self.execute(statement, *values)[0][0]

    def _migrate(self) -> None:
        with self.transaction():
            version = self.value("PRAGMA user_version")
            if version > len(_VERSIONS):
                raise LedgerError(
                    f"A newer version of this pack wrote the ledger {self._path}: update the pack, "
                    "or set the environment variable AIGATEWAY_DATA_DIR to another folder. "
                    "Without the ledger the pack buys nothing."
                )
            for statements in _VERSIONS[version:]:
                for statement in statements:
                    self.execute(statement)
            if version < len(_VERSIONS):
                self.execute(f"PRAGMA user_version = {len(_VERSIONS)}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """A fault of the file or its disk as a LedgerError; one of the pack stays as it is."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            raise unusable(self._path, error) from error


def folded(text: str) -> str:
    """`text` without its case, and with one spelling of each letter: for a search.

    Unicode's caseless matching (The Unicode Standard, section 3.13, D146).
    """
    return normalize("NFKC", normalize("NFKD", text).casefold())


def _identity(path: Path) -> tuple[int, int] | None:
    """A mark that differs for another file of the same name; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _one_form(service: str, *fields: Any) -> str | None:
    """The fingerprint of a row's request in its one form; None for the row of an adopted job."""
    try:
        return MusicRequest(*fields).validated().fingerprint(service)
    except InputError:
        return None


def _bound(value: Any) -> Any:
    # SQLite binds an Enum member of type str by its name.
    return value.value if isinstance(value, Enum) else value
