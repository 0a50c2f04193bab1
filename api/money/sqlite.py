"""The ledger in an SQLite file, for the processes of one machine.

Every commit is synced to the disk. SQLite lets one process write at a time. Every fault of the file
or its folder is a `LedgerError`: without a ledger the pack buys nothing.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from ..base.errors import LedgerError
from ..base.timing import Timing
from . import schema
from .journal import Journal, is_new
from .rows import Rows

T = TypeVar("T")

FILE_NAME = "ledger.sqlite3"
# Python fails to read an error message of SQLite that quotes broken text.
_FAULTS = (sqlite3.Error, UnicodeDecodeError)
# Write-ahead logging needs memory that processes share, which network drives do not have.
_JOURNAL_MODES = ("WAL", "DELETE")
# Bytes of a page, https://www.sqlite.org/fileformat.html, section 1.3.2.
_SMALLEST = 512
# The endings of SQLite's other files.
_BESIDE = ("-wal", "-shm", "-journal")
_ADVICE = (
    "give ComfyUI a folder on a disk of this computer that it may write to, with the environment "
    "variable AIGATEWAY_DATA_DIR, and restart it."
)
_NEEDED = "Without the ledger the pack buys nothing."


class DamagedFileError(Exception):
    """The file is not a whole database."""


class OtherTablesError(DamagedFileError):
    """The file lacks the tables of its version: it is damaged, or another program's."""


# The engine


class SqliteFile:
    """The tables in the file at `path`, which is made if it does not exist. It has no journal.

    Args:
        busy_timeout: seconds to wait for another process's write.

    Raises:
        DamagedFileError: the file is not a whole database.
        LedgerError: the file cannot be used, or a newer version of the pack wrote it.
    """

    bytewise = "COLLATE BINARY"

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._explained():
            self._db = _connected(path, busy_timeout)
        self._identity = _identity(path)
        try:
            self.write(self._bring_up_to_date)
        except BaseException:
            self._db.close()
            raise

    @property
    def journal(self) -> Journal | None:
        return None

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock, self._explained():
            return self._db.execute(statement, values).fetchall()

    def write(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._db.in_transaction:
                return work()
            self.execute("BEGIN IMMEDIATE")
            try:
                done = work()
                self.execute("COMMIT")
            except BaseException:
                # After some faults of the disk, SQLite has already rolled back.
                if self._db.in_transaction:
                    self.execute("ROLLBACK")
                raise
            return done

    def check_usable(self) -> None:
        if _identity(self.path) != self._identity:
            raise LedgerError(
                f"The ledger {self.path} was removed or replaced while ComfyUI runs: restart "
                "ComfyUI. Nothing was sent."
            )

    def _bring_up_to_date(self) -> None:
        ((found,),) = self.execute("PRAGMA user_version")
        steps = schema.steps_from(found, self.path)
        if not schema.has_tables_of(found, self.execute):
            raise OtherTablesError("its tables are not those of a ledger")
        for statement in steps:
            self.execute(statement)
        if steps:
            self.execute(f"PRAGMA user_version = {schema.version()}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise a fault of the file or its disk as a LedgerError; the pack's own errors stay."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except (*_FAULTS, OSError) as error:
            raise _unusable(self.path, error) from error


class SqliteEngine(SqliteFile):
    """The ledger in `directory`, which is made if it does not exist, and its journal.

    A damaged file is set aside, and a new file is made from the journal's log. Rows are lost
    if both are damaged. `journal.loss` says so.

    Raises:
        LedgerError: the folder or file cannot be used, or a newer version of the pack wrote it.
    """

    def __init__(self, directory: Path, timing: Timing) -> None:
        path = directory / FILE_NAME
        self._journal = Journal(directory)
        # SQLite itself uses the name of the file and `.lock` on some drives.
        lock = FileLock(directory / "opening.lock", timeout=timing.busy_timeout)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # SQLite does not wait for its lock while it changes the journal mode of a new file.
            # Our owner lock is made under this lock too: another start must not delete it as stale.
            with lock:
                self._owners = Owners(directory / "owners")
                try:
                    self._open(path, timing.busy_timeout)
                except BaseException:
                    self._owners.close()
                    raise
        except (OSError, NotImplementedError) as error:
            # filelock raises NotImplementedError if a drive has no locks.
            raise _unusable(path, error) from error

    @property
    def journal(self) -> Journal:
        return self._journal

    @property
    def owner(self) -> str:
        return self._owners.ours

    def is_living(self, owner: str) -> bool:
        return self._owners.is_living(owner)

    def beat(self) -> None:
        """Nothing to do: the lock of the operating system shows that this process runs."""

    def now(self) -> float:
        return time.time()

    def close(self) -> None:
        super().close()
        self._owners.close()

    def check_usable(self) -> None:
        super().check_usable()
        try:
            self._journal.take_room()
        except OSError as error:
            raise _unusable(self.path, error) from error

    def write(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._db.in_transaction:
                return work()
            try:
                return self._write_and_log(work)
            except LedgerError as error:
                # The reserved room is for answers: a purchase reserves it again, and is refused.
                if not _was_full(error) or not self._journal.give_room():
                    raise
                return self._write_and_log(work)

    def _write_and_log(self, work: Callable[[], T]) -> T:
        self._journal.begin()
        done = super().write(work)
        noted = self._journal.take_notes()
        try:
            self._journal.append(noted)
        except OSError as error:
            # The log must have a purchase before it leaves. The ledger has the other rows.
            new = [change[0] for change in noted if is_new(change)]
            if new:
                super().write(lambda: [Rows(self).delete(local_id) for local_id in new])
                raise _unusable(self._journal.log_path, error) from error
        return done

    def _open(self, path: Path, busy_timeout: float) -> None:
        try:
            if not path.exists():
                self._make(path, busy_timeout)
            super().__init__(path, busy_timeout)
        except DamagedFileError as error:
            if isinstance(error, OtherTablesError) and not self._journal.rows():
                # Without a log there was no ledger here: the file is another program's and stays.
                raise _unusable(path, error) from error
            self._make(path, busy_timeout, damage=str(error))
            super().__init__(path, busy_timeout)
        try:
            self.write(lambda: self._journal.compare(self, path))
        except BaseException:
            super().close()
            raise

    def _make(self, path: Path, busy_timeout: float, damage: str = "") -> None:
        """Make the file from the journal's log."""
        # Made under another name: a crash leaves no half-made file that looks damaged.
        with _made_beside(path) as new:
            with contextlib.closing(SqliteFile(new, busy_timeout)) as file:
                count = file.write(lambda: self._journal.restore(Rows(file)))
            if damage:
                aside = _set_aside(path).name
                state = f"was damaged ({damage}) and now stands as {aside} beside it"
            elif count:
                state = "was missing"
            else:
                return
            self._journal.note_loss(
                f"The ledger {path} {state}. {count} tracks were found again in the log of its "
                "rows."
            )


# The file: opened with the best journal mode that its folder allows, or set aside


def _connected(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open or make the database; every commit is synced to the disk.

    Args:
        busy_timeout: seconds to wait for another process's write.

    Raises:
        DamagedFileError: the file exists, and is not a whole database.
        sqlite3.OperationalError: the folder allows no journal, or another process holds the file.
    """
    if path.exists() and path.stat().st_size < _SMALLEST:
        # SQLite would take so short a file for a new database.
        raise DamagedFileError(f"it has {path.stat().st_size} bytes")
    _make_private(path)
    for mode in _JOURNAL_MODES:
        try:
            return _connected_with(path, busy_timeout, mode)
        except sqlite3.OperationalError as error:
            if mode == _JOURNAL_MODES[-1] or "locked" in str(error):
                raise
        except _FAULTS as error:
            raise DamagedFileError(_text(error)) from error
    raise AssertionError("the last journal mode returns or raises")


def _connected_with(path: Path, busy_timeout: float, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    # A damaged page may hold bytes that are not text.
    db.text_factory = lambda content: content.decode("utf-8", "replace")
    try:
        if mode == "DELETE":
            # Only in this mode is a file with a write-ahead log read without shared memory.
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
        chosen = db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0]
        db.execute("PRAGMA locking_mode = NORMAL")
        # A rollback journal is certainly removed only after its folder is synced too.
        db.execute(f"PRAGMA synchronous = {'FULL' if chosen == 'wal' else 'EXTRA'}")
        # A quick check does not see an index that no longer finds its rows.
        found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise DamagedFileError(found)
        # Only the first write shows whether the folder can lock and write: a transaction in a
        # read-only file begins without an error.
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _make_private(path: Path) -> None:
    """Make the file if it is missing. Its owner alone may read it, and SQLite's other files too.

    Raises:
        sqlite3.OperationalError: as SQLite itself, where the folder cannot be written.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open database file: {error}") from error
    if os.name != "nt":
        # If the file belongs to another user, its permissions stay.
        with contextlib.suppress(OSError):
            path.chmod(0o600)


@contextlib.contextmanager
def _made_beside(path: Path) -> Iterator[Path]:
    """Another name for a new file. When the block ends, the file gets the name `path`.

    Raises:
        OSError: the folder cannot be written.
    """
    new = path.with_name(f"{path.name}.new")
    for ending in (*_BESIDE, ""):
        new.with_name(new.name + ending).unlink(missing_ok=True)
    yield new
    os.rename(new, path)


def _set_aside(path: Path) -> Path:
    """Give a damaged file, and SQLite's files beside it, a new name. Returns the new path.

    Raises:
        OSError: the file cannot be renamed.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    endings = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (f"{path.stem}.damaged-{stamp}{ending}{path.suffix}" for ending in endings)
    aside = next(new for new in map(path.with_name, names) if not new.exists())
    # Rename the journals first: a journal that stays would be taken for one of the new file.
    for ending in (*_BESIDE, ""):
        part = path.with_name(path.name + ending)
        if part.exists():
            os.rename(part, aside.with_name(aside.name + ending))
    return aside


def _identity(path: Path) -> tuple[int, int] | None:
    """A value that differs if another file has taken the name. None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


# Its errors


def _unusable(path: Path, reason: object) -> LedgerError:
    """The error of a ledger that cannot be read or written."""
    if "database is locked" in str(reason):
        return LedgerError(
            f"Another program holds the ledger {path}: close the program that has it open, such "
            f"as a database viewer or a backup, and queue again. {_NEEDED}"
        )
    if _is_full(reason):
        return LedgerError(
            f"The disk of the ledger {path} is full: free some room, and queue again. {_NEEDED}"
        )
    return LedgerError(f"The ledger {path} cannot be used ({_text(reason)}): {_ADVICE} {_NEEDED}")


def _was_full(error: BaseException) -> bool:
    """Whether the disk, or the user's quota, was full when the ledger raised `error`."""
    cause = error.__cause__
    # SQLite reports a quota as a fault of the disk.
    return cause is not None and (_is_full(cause) or "disk I/O error" in str(cause))


def _is_full(cause: object) -> bool:
    if isinstance(cause, OSError):
        return cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(cause, sqlite3.Error) and "disk is full" in str(cause)


def _text(error: object) -> str:
    return "it has broken text" if isinstance(error, UnicodeDecodeError) else str(error)


# The processes of this machine


class Owners:
    """Which processes run: each holds a lock of the operating system while it runs.

    A row in `submitting` names its owner. A crash leaves the row, and frees the lock. The lock
    files are in `directory`, which is made if need be; one of them is ours.

    Attributes:
        ours: the name of this process, new in each process.
    """

    SWEPT = 100
    """How many lock files of earlier processes a start checks."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.ours = uuid.uuid4().hex
        self._lock = FileLock(self._path(self.ours), thread_local=False)
        self._lock.acquire()
        # Each check costs 0.5 ms, and removes the lock file of a process that crashed.
        for path in itertools.islice(directory.glob("*.lock"), self.SWEPT):
            self.is_living(path.stem)

    def is_living(self, owner: str) -> bool:
        """Whether the process of that name runs. The lock file of a dead one is removed."""
        if owner == self.ours:
            return True
        path = self._path(owner)
        if not path.exists():
            return False
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        with contextlib.suppress(OSError):
            path.unlink()
        return False

    def close(self) -> None:
        self._lock.release()
        with contextlib.suppress(OSError):
            self._path(self.ours).unlink()

    def _path(self, owner: str) -> Path:
        return self._directory / f"{owner}.lock"
