"""The ledger in PostgreSQL, for many machines.

One advisory lock orders the writers: without it two processes could both find room below a limit.
Who is alive is a time in a table: a connection may be cut while its process lives on.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import LedgerAwayError, LedgerError
from ...ledger_url import LedgerUrl
from ...timing import Timing
from .. import schema
from . import postgres_tables
from .postgres_tables import CLOCK

if TYPE_CHECKING:
    import psycopg

    from .connections import Connections

T = TypeVar("T")

REQUIREMENTS = Path(__file__).resolve().parents[3] / "requirements-farm.txt"
_log = logging.getLogger("aigateway")
_DAY = 24 * 3600.0
# Held until the transaction ends, also where a pooler gives each transaction another session. Each
# statement that follows sees what the writer before has written. Time-outs as start-up parameters
# would be refused by poolers.
_BEGIN = f"""
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL synchronous_commit = on;
    SET LOCAL statement_timeout = {{milliseconds}};
    SET LOCAL lock_timeout = {{milliseconds}};
    SET LOCAL idle_in_transaction_session_timeout = {{idle_milliseconds}};
    SELECT pg_advisory_xact_lock(hashtextextended('aigateway-music ' || current_schema(), 0));
    SELECT {CLOCK}
"""
_READS = ("SELECT",)


class _Transaction(threading.local):
    """The open transaction of a thread."""

    connection: psycopg.Connection[Any] | None = None
    began = 0.0
    has_written = False


class PostgresEngine:
    """The ledger at `url`. The tables are made if need be.

    Raises:
        LedgerError: it cannot be reached, is of a newer version of the pack, or psycopg is missing.
    """

    is_shared = True
    witness = None
    bytewise = 'COLLATE "C"'

    def __init__(self, url: LedgerUrl, timing: Timing) -> None:
        self._url = url
        self._timing = timing
        self._open = _Transaction()
        self._connections, self._faults = _driver(url, timing)
        self.owner = uuid.uuid4().hex
        self._host = socket.gethostname()
        self._closed = threading.Event()
        self.each_beat: Callable[[], object] = lambda: None
        try:
            self.write(self._migrate)
            self.beat()
        except LedgerError as error:
            self._connections.close()
            raise error.noting("Nothing was sent.") from None
        threading.Thread(target=self._keep_beating, name="aigateway-beat", daemon=True).start()

    @property
    def place(self) -> str:
        return self._url.place

    def close(self) -> None:
        """Tell the others that this process ends."""
        self._closed.set()
        with contextlib.suppress(LedgerError):
            self._patiently(self._leave, patience=0.0)
        self._connections.close()

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = self._open.connection
        if connection is not None:
            self._open.has_written |= not statement.lstrip().startswith(_READS)
            return _run(connection, statement, values)

        def read() -> list[tuple[Any, ...]]:
            with self._connections.one() as connection:
                return _run(connection, statement, values)

        return self._patiently(read)

    def write(self, work: Callable[[], T]) -> T:
        """See `Engine.write`; `work` is called again where its first transaction was lost."""
        if self._open.connection is not None:
            return work()
        token = uuid.uuid4().hex
        done: list[T] = []

        def attempt() -> T:
            with self._connections.one() as connection:
                try:
                    self._begin(connection)
                    # An earlier COMMIT got no answer: whether it took place is known now, because
                    # its transaction held the lock until its end.
                    if done and self._is_written(token):
                        self._roll_back(connection)
                        return done[0]
                    done.clear()
                    result = work()
                    if self._open.has_written:
                        done.append(result)
                        _run(connection, f"{self._note(token)}; COMMIT")
                    else:
                        _run(connection, "COMMIT")
                    return result
                except BaseException:
                    self._roll_back(connection)
                    raise
                finally:
                    self._open.connection = None

        return self._patiently(attempt)

    def now(self) -> float:
        if self._open.connection is not None:
            return self._open.began
        return self.execute(f"SELECT {CLOCK}")[0][0]

    def is_living(self, owner: str) -> bool:
        """A process that nobody heard of for `Timing.lease` is dead."""
        oldest = self.now() - self._timing.lease
        return bool(
            self.execute("SELECT 1 FROM owners WHERE owner = ? AND beat > ?", owner, oldest)
        )

    def beat(self) -> None:
        """Tell the ledger that this process lives.

        Raises:
            LedgerError: the ledger did not hear it, or so late that others may think it dead.
        """
        began = _since_boot()
        self._patiently(self._tell)
        if _since_boot() - began > self._timing.longest_silence:
            raise self._explained(LedgerAwayError, "its answer came too late")

    def check_usable(self) -> None:
        pass

    def _tell(self) -> None:
        """Without the lock: a process lives also while others write."""
        statement = (
            f"INSERT INTO owners (owner, beat, host) VALUES (?, {CLOCK}, ?) "
            "ON CONFLICT (owner) DO UPDATE SET beat = excluded.beat"
        )
        if self._open.connection is not None:
            self.execute(statement, self.owner, self._host)
            return
        with self._connections.one() as connection:
            _run(connection, statement, (self.owner, self._host))

    def _leave(self) -> None:
        with self._connections.one() as connection:
            _run(connection, "DELETE FROM owners WHERE owner = ?", (self.owner,))

    def _keep_beating(self) -> None:
        pause, is_said = self._timing.beat, False
        while not self._closed.wait(pause):
            try:
                self.beat()
                self.each_beat()
                pause, is_said = self._timing.beat, False
            except Exception as error:
                # The thread must outlive every fault: without it the others take over our rows.
                if not is_said:
                    _log.warning("%s", error)
                pause, is_said = min(self._timing.beat, 1.0), True

    def _begin(self, connection: psycopg.Connection[Any]) -> None:
        milliseconds = int(self._timing.ledger_timeout * 1000)
        # Without values, so that all statements are one message.
        # Who waits for the lock outlives a holder that was stopped.
        begin = _BEGIN.format(milliseconds=milliseconds, idle_milliseconds=milliseconds // 2)
        cursor = connection.execute(begin.encode())
        while cursor.nextset():
            pass
        (self._open.began,) = cursor.fetchone() or (0.0,)
        self._open.has_written = False
        self._open.connection = connection

    def _roll_back(self, connection: psycopg.Connection[Any]) -> None:
        if not connection.closed and not connection.broken:
            with contextlib.suppress(*self._faults):
                _run(connection, "ROLLBACK")

    def _note(self, token: str) -> str:
        """The statement that proves a transaction; without values, so that COMMIT goes with it."""
        return f"INSERT INTO writes (token, written) VALUES ('{token}', {self._open.began!r})"

    def _is_written(self, token: str) -> bool:
        return bool(self.execute("SELECT 1 FROM writes WHERE token = ?", token))

    def _migrate(self) -> None:
        ((encoding,),) = self.execute("SELECT current_setting('server_encoding')")
        if encoding != "UTF8":
            raise LedgerError(
                f"The database of the ledger at {self.place} stores text as {encoding}: make one "
                "with ENCODING 'UTF8'."
            )
        self.execute("CREATE TABLE IF NOT EXISTS meta (version BIGINT NOT NULL)")
        found = self.execute("SELECT version FROM meta")
        if not found:
            for statement in postgres_tables.TABLES:
                self.execute(statement)
            self.execute("INSERT INTO meta (version) VALUES (?)", postgres_tables.BEGINS_AT)
        version = found[0][0] if found else postgres_tables.BEGINS_AT
        steps = schema.missing_steps(version, f"at {self.place}")
        for statement in (*steps, *postgres_tables.ADDED):
            self.execute(statement)
        if version < len(schema.VERSIONS):
            self.execute("UPDATE meta SET version = ?", len(schema.VERSIONS))
        self.execute("DELETE FROM writes WHERE written < ?", self.now() - _DAY)
        self.execute("DELETE FROM owners WHERE beat < ?", self.now() - _DAY)

    def _patiently(self, call: Callable[[], T], patience: float | None = None) -> T:
        """`call`, and again while the database is away, for `Timing.ledger_patience`.

        Raises:
            LedgerError: it is away for longer, or refuses.
        """
        patience = self._timing.ledger_patience if patience is None else patience
        give_up = time.monotonic() + patience
        pause = 0.05
        while True:
            try:
                return call()
            except self._faults as error:
                if not _may_pass(error):
                    raise self._explained(LedgerError, self._reason(error)) from None
                if time.monotonic() + pause > give_up:
                    raise self._explained(LedgerAwayError, self._reason(error)) from None
                self._connections.forget()
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _reason(self, error: BaseException) -> str:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return self._url.hide_in(first)

    def _explained(self, kind: type[LedgerError], reason: str) -> LedgerError:
        return kind(
            f"The ledger at {self.place} cannot be used ({reason}): check the database and the "
            f"ledger_url from {self._url.source}. Without the ledger the pack buys nothing."
        )


def _driver(url: LedgerUrl, timing: Timing) -> tuple[Connections, tuple[type[Exception], ...]]:
    """The connections, and the errors of the database that say nothing about our own code."""
    try:
        import psycopg

        from .connections import Connections
    except ImportError as error:
        raise LedgerError(
            f"The ledger_url from {url.source} needs the package psycopg ({error}): install it "
            f"with  pip install -r {REQUIREMENTS}  and restart ComfyUI. Nothing was sent."
        ) from error
    faults = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
    return Connections(url, timing), (*faults, psycopg.ProgrammingError, psycopg.NotSupportedError)


def _may_pass(error: Exception) -> bool:
    """Whether the same call may succeed in a moment: the connection, the server or a lock."""
    import psycopg

    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        # Said by the client: no connection, or a broken one. A wrong password stays wrong.
        is_of_connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return is_of_connection and "authentication failed" not in str(error)
    return state[:2] in ("08", "40", "53", "55", "57")


@functools.lru_cache
def _translated(statement: str) -> bytes:
    """psycopg's marks for values."""
    return statement.replace("?", "%s").encode()


def _run(
    connection: psycopg.Connection[Any], statement: str, values: tuple[Any, ...] = ()
) -> list[tuple[Any, ...]]:
    cursor = connection.execute(_translated(statement), values or None)
    return cursor.fetchall() if cursor.description else []


def _since_boot() -> float:
    """Seconds, also those in which the machine slept, where the system tells."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
