"""The ledger in PostgreSQL, for many machines.

One advisory lock orders the writers: without it two processes could both find room below a limit.
A process is alive if it wrote its time into a table lately: a connection may be cut while its
process lives on.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..base.errors import LedgerAwayError, LedgerError
from ..base.plain_text import REPLACEMENT
from ..base.timing import Timing
from ..money import schema
from .shared_addresses import LedgerUrl

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements-farm.txt"
_log = logging.getLogger("aigateway")
_DAY = 24 * 3600.0

CLOCK = "extract(epoch FROM clock_timestamp())::double precision"
"""The time of the database, seconds since 1970."""

# The tables of a farm, beside those of every ledger. All are in the schema that `search_path`
# names, so several teams can share one database.
TABLES = (
    # Processes, and the last time at which each of them said that it runs.
    "CREATE TABLE IF NOT EXISTS owners "
    "(owner TEXT PRIMARY KEY, beat DOUBLE PRECISION NOT NULL, host TEXT)",
    # Write transactions of the last day: they show whether a transaction was lost.
    "CREATE TABLE IF NOT EXISTS writes (token TEXT PRIMARY KEY, written DOUBLE PRECISION NOT NULL)",
    # The process that polls a job, and until when the other processes leave the job to it.
    "CREATE TABLE IF NOT EXISTS watches "
    "(local_id TEXT PRIMARY KEY, owner TEXT NOT NULL, until DOUBLE PRECISION NOT NULL)",
    # A service's model list, as JSON.
    "CREATE TABLE IF NOT EXISTS catalogue "
    "(service TEXT PRIMARY KEY, fetched DOUBLE PRECISION NOT NULL, models TEXT NOT NULL)",
    # The digest of the only key that buys from a service with this ledger.
    "CREATE TABLE IF NOT EXISTS keys (service TEXT PRIMARY KEY, digest TEXT NOT NULL)",
    # The rate of that key: one row for each request of a window, and until when it is taken.
    "CREATE TABLE IF NOT EXISTS slots (service TEXT, number BIGINT, "
    "until DOUBLE PRECISION NOT NULL, PRIMARY KEY (service, number))",
)
# A write transaction begins. It holds the lock until its end, even if a pooler gives each
# transaction another session. Each later statement sees what the writer before has written.
# Poolers refuse time-outs as start-up parameters, so they are set here. The text has no values, so
# all statements are one message.
_BEGIN = f"""
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL synchronous_commit = on;
    SET LOCAL statement_timeout = {{milliseconds}};
    SET LOCAL lock_timeout = {{milliseconds}};
    SET LOCAL idle_in_transaction_session_timeout = {{idle_milliseconds}};
    SELECT pg_advisory_xact_lock(hashtextextended('aigateway-music ' || current_schema(), 0));
    SELECT {CLOCK}
"""
# A process says that it runs.
_BEAT = f"""
    INSERT INTO owners (owner, beat, host) VALUES (?, {CLOCK}, ?)
    ON CONFLICT (owner) DO UPDATE SET beat = excluded.beat
"""
# A row, if a process has said since a time that it runs.
_IS_LIVING = "SELECT 1 FROM owners WHERE owner = ? AND beat > ?"
_READS = ("SELECT",)


class _Transaction(threading.local):
    """The open transaction of a thread."""

    connection: psycopg.Connection[Any] | None = None
    began = 0.0
    has_written = False


class PostgresEngine:
    """The ledger at `url`. Its tables are made if they do not exist.

    Attributes:
        each_beat: called every `Timing.beat` seconds while the ledger can be reached, in a thread.

    Raises:
        LedgerError: the ledger cannot be reached, a newer pack wrote it, or psycopg is missing.
    """

    journal = None
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
            self.write(self._bring_up_to_date)
            self.beat()
        except LedgerError as error:
            self._connections.close()
            raise error.noting("Nothing was sent.") from None
        threading.Thread(target=self._keep_beating, name="aigateway-beat", daemon=True).start()

    def close(self) -> None:
        """Tell the other processes that this process ends."""
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
        """See `Engine.write`; `work` is called again if its first transaction was lost."""
        if self._open.connection is not None:
            return work()
        token = uuid.uuid4().hex
        done: list[T] = []

        def attempt() -> T:
            with self._connections.one() as connection:
                try:
                    self._begin(connection)
                    # An earlier COMMIT got no answer. Its transaction held the lock until its end,
                    # so now the table tells whether it took place.
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
        """A process is dead if it has written no time for `Timing.lease`."""
        return bool(self.execute(_IS_LIVING, owner, self.now() - self._timing.lease))

    def beat(self) -> None:
        """Tell the ledger that this process runs.

        Raises:
            LedgerError: the write failed, or was so late that others may think this process dead.
        """
        began = _since_boot()
        self._patiently(self._tell)
        if _since_boot() - began > self._timing.longest_silence:
            raise self._explained(LedgerAwayError, "its answer came too late")

    def check_usable(self) -> None:
        pass

    def _tell(self) -> None:
        """Write the time of this process, without the lock: other processes may write meanwhile."""
        if self._open.connection is not None:
            self.execute(_BEAT, self.owner, self._host)
            return
        with self._connections.one() as connection:
            _run(connection, _BEAT, (self.owner, self._host))

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
                # The thread must survive every fault, or other processes take over our rows.
                if not is_said:
                    _log.warning("%s", error)
                pause, is_said = min(self._timing.beat, 1.0), True

    def _begin(self, connection: psycopg.Connection[Any]) -> None:
        milliseconds = int(self._timing.ledger_timeout * 1000)
        # The idle limit is half the lock limit, so a waiter survives a stopped holder.
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
        """The statement that proves a transaction. It has no values, so COMMIT goes with it."""
        return f"INSERT INTO writes (token, written) VALUES ('{token}', {self._open.began!r})"

    def _is_written(self, token: str) -> bool:
        return bool(self.execute("SELECT 1 FROM writes WHERE token = ?", token))

    def _bring_up_to_date(self) -> None:
        ((encoding,),) = self.execute("SELECT current_setting('server_encoding')")
        if encoding != "UTF8":
            raise LedgerError(
                f"The database of the ledger at {self._url.shown} stores text as {encoding}: make "
                "one with ENCODING 'UTF8'."
            )
        self.execute("CREATE TABLE IF NOT EXISTS meta (version BIGINT NOT NULL)")
        found = self.execute("SELECT version FROM meta")
        steps = schema.steps_from(found[0][0] if found else 0, f"at {self._url.shown}")
        for statement in (*steps, *(TABLES if steps else ())):
            self.execute(statement)
        if not found:
            self.execute("INSERT INTO meta (version) VALUES (?)", schema.version())
        elif steps:
            self.execute("UPDATE meta SET version = ?", schema.version())
        self.execute("DELETE FROM writes WHERE written < ?", self.now() - _DAY)
        self.execute("DELETE FROM owners WHERE beat < ?", self.now() - _DAY)

    def _patiently(self, call: Callable[[], T], patience: float | None = None) -> T:
        """Call `call`; repeat it while the database is away, for `Timing.ledger_patience`.

        Raises:
            LedgerError: the database is away for longer, or refuses the call.
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
            f"The ledger at {self._url.shown} cannot be used ({reason}): check the database and "
            f"the ledger_url from {self._url.source}. Without the ledger the pack buys nothing."
        )


def _driver(url: LedgerUrl, timing: Timing) -> tuple[Connections, tuple[type[Exception], ...]]:
    """The connections, and the errors of the database that do not come from our own code."""
    try:
        import psycopg
    except ImportError as error:
        raise LedgerError(
            f"The ledger_url from {url.source} needs the package psycopg ({error}): install it "
            f"with  pip install -r {REQUIREMENTS}  and restart ComfyUI. Nothing was sent."
        ) from error
    faults = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
    return Connections(url, timing), (*faults, psycopg.ProgrammingError, psycopg.NotSupportedError)


def _may_pass(error: Exception) -> bool:
    """Whether the same call may succeed in a moment: a fault of connection, server or lock."""
    import psycopg

    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        # An error of the client: no connection, or a broken one. A wrong password stays wrong.
        is_of_connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return is_of_connection and "authentication failed" not in str(error)
    return state[:2] in ("08", "40", "53", "55", "57")


@functools.lru_cache
def _translated(statement: str) -> bytes:
    """The statement with psycopg's marks for values."""
    return statement.replace("?", "%s").encode()


def _run(
    connection: psycopg.Connection[Any], statement: str, values: tuple[Any, ...] = ()
) -> list[tuple[Any, ...]]:
    # PostgreSQL stores no NUL.
    values = tuple(
        each.replace("\0", REPLACEMENT) if isinstance(each, str) else each for each in values
    )
    cursor = connection.execute(_translated(statement), values or None)
    return cursor.fetchall() if cursor.description else []


def _since_boot() -> float:
    """Seconds since the machine started; with its time asleep, if the system counts that."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


# Connections

# As many as `off_loop` has threads, and one for the thread of the slots.
_MOST_IDLE = 5
_OPTIONS = {
    "autocommit": True,
    # A pooler gives each transaction another session, which has no prepared statements.
    "prepare_threshold": None,
    "client_encoding": "utf8",
    "application_name": "aigateway-music",
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


class Connections:
    """Connections to one PostgreSQL, for several threads: opened at first use, and reused.

    Each call ends within its time limit. psycopg_pool does not fit: it waits for ever for a server
    that is silent in the middle of a statement, and it reports a wrong password as an empty pool,
    after the whole time-out.

    Raises:
        LedgerError: the driver does not know this form of address.
    """

    def __init__(self, url: LedgerUrl, timing: Timing) -> None:
        import psycopg
        from psycopg import conninfo

        self._timing = timing
        try:
            told: dict[str, Any] = dict(conninfo.conninfo_to_dict(url.reveal()))
        except psycopg.ProgrammingError as error:
            reason = url.hide_in(str(error).strip())
            raise LedgerError(
                f"The ledger_url from {url.source} cannot be read ({reason}): correct it. "
                "Nothing was sent."
            ) from None
        self._options = {"connect_timeout": int(timing.ledger_timeout), **_OPTIONS, **told}
        self._idle: queue.LifoQueue[psycopg.Connection[Any]] = queue.LifoQueue(_MOST_IDLE)
        self._idle_status = psycopg.pq.TransactionStatus.IDLE
        self._lock = threading.Lock()
        self._busy: dict[psycopg.Connection[Any], float] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="aigateway-ledger-watch", daemon=True).start()

    @contextlib.contextmanager
    def one(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for this block alone; after a fault in the block the connection is closed.

        Raises:
            psycopg.OperationalError: no connection can be made.
        """
        connection = self._taken()
        until = time.monotonic() + 3 * self._timing.ledger_timeout
        with self._lock:
            self._busy[connection] = until
        try:
            yield connection
        finally:
            with self._lock:
                del self._busy[connection]
            self._put(connection)

    def close(self) -> None:
        self._closed.set()
        self.forget()

    def forget(self) -> None:
        """Close the idle connections: after a fault of one, the others may be broken too."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def _taken(self) -> psycopg.Connection[Any]:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        import psycopg

        return psycopg.connect(**self._options)

    def _put(self, connection: psycopg.Connection[Any]) -> None:
        # The connection is in the middle of a transaction only after a fault.
        is_idle = connection.info.transaction_status is self._idle_status
        if is_idle and not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._idle.put_nowait(connection)
                return
        connection.close()

    def _watch(self) -> None:
        """Cut connections whose server has been silent for too long; the driver waits for ever."""
        while not self._closed.wait(min(1.0, self._timing.ledger_timeout / 4)):
            now = time.monotonic()
            with self._lock:
                for connection in [one for one, until in self._busy.items() if now > until]:
                    with contextlib.suppress(Exception):
                        _cut(connection.fileno())


def _cut(number: int) -> None:
    """End the connection of a socket that another thread reads from."""
    end = socket.socket(fileno=number)
    try:
        end.shutdown(socket.SHUT_RDWR)
    finally:
        end.detach()
