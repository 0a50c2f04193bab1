"""The ledger in an SQLite file, for the processes of one machine.

Every commit is synced to the disk. SQLite lets one process write at a time.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from ...errors import LedgerError
from ...timing import Timing
from .. import schema
from ..ledger_file import (
    FILE_NAME,
    DamagedFileError,
    OtherTablesError,
    connect,
    is_full,
    made_beside,
    set_aside,
    unusable,
)
from ..owners import Owners
from ..recovery import complete, put_back, surviving_jobs
from ..rescue import FAULTS
from ..row_log import is_new
from ..rows import Rows
from ..witness import Witness

T = TypeVar("T")


class SqliteFile:
    """The tables in the file at `path`, which is made if need be.

    Args:
        busy_timeout: seconds to wait for another process's write.

    Raises:
        DamagedFileError: the file is not a whole database.
        LedgerError: it cannot be used, or is of a newer version of the pack.
    """

    bytewise = "COLLATE BINARY"

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._explained():
            self._db = connect(path, busy_timeout)
        schema.add_functions(self._db)
        self._identity = _identity(path)
        try:
            self.write(self._migrate)
        except BaseException:
            self._db.close()
            raise

    @property
    def witness(self) -> Witness | None:
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
                # After some faults of the disk SQLite has rolled back by itself.
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

    def _migrate(self) -> None:
        ((version,),) = self.execute("PRAGMA user_version")
        steps = schema.missing_steps(version, self.path)
        if schema.tables_in(self.execute) != schema.tables(version):
            raise OtherTablesError("its tables are not those of a ledger")
        for statement in steps:
            self.execute(statement)
        if steps:
            self.execute(f"PRAGMA user_version = {len(schema.VERSIONS)}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """A fault of the file or its disk as a LedgerError; one of the pack stays as it is."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except (*FAULTS, OSError) as error:
            raise unusable(self.path, error) from error


class SqliteEngine(SqliteFile):
    """The ledger in `directory`, which is made if need be.

    A file that is damaged is set aside, and a new one is made of what can be read of it and of the
    log beside it. `witness.loss` says so.

    Raises:
        LedgerError: the folder or the file cannot be used, or is of a newer version of the pack.
    """

    is_shared = False

    def __init__(self, directory: Path, timing: Timing) -> None:
        self.each_beat: Callable[[], object] = lambda: None
        path = directory / FILE_NAME
        self._witness = Witness(directory)
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
                    self._open(path, timing.busy_timeout)
                except BaseException:
                    self._owners.close()
                    raise
        except (OSError, NotImplementedError) as error:
            # filelock raises the second one where a drive has no locks.
            raise unusable(path, error) from error

    def _open(self, path: Path, busy_timeout: float) -> None:
        try:
            if not path.exists():
                self._begin(path, busy_timeout)
            super().__init__(path, busy_timeout)
        except DamagedFileError as error:
            if isinstance(error, OtherTablesError) and not self._witness.log.rows():
                # Where no ledger was, the file of another program stays in its place.
                raise unusable(path, error) from error
            self._begin(path, busy_timeout, damage=str(error))
            super().__init__(path, busy_timeout)
        try:
            self.write(lambda: complete(self, self._witness, path))
        except BaseException:
            super().close()
            raise

    def _begin(self, path: Path, busy_timeout: float, damage: str = "") -> None:
        """Make the file, of what is left of the one before."""
        jobs = surviving_jobs(path, self._witness.log)
        # Made under another name: a crash leaves no half-made file that looks damaged.
        with made_beside(path) as new:
            file = SqliteFile(new, busy_timeout)
            with contextlib.closing(file):
                count = file.write(lambda: put_back(file, jobs))
            if damage:
                state = f"was damaged ({damage}) and is kept as {set_aside(path).name} beside it"
            elif count:
                state = "was missing"
            else:
                return
            self._witness.loss.note(f"The ledger {path} {state}. {count} tracks were found again.")

    def write(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._db.in_transaction:
                return work()
            try:
                return self._write_and_log(work)
            except LedgerError as error:
                # The room is for answers: a purchase asks for it anew, and is refused.
                if not is_full(error) or not self._witness.reserve.release():
                    raise
                return self._write_and_log(work)

    def _write_and_log(self, work: Callable[[], T]) -> T:
        self._witness.begin()
        done = super().write(work)
        noted = self._witness.take()
        try:
            self._witness.append(noted)
        except OSError as error:
            # A purchase that the log does not know must not leave. Other rows are in the ledger.
            new = [local_id for local_id, values in noted if is_new(values)]
            if new:
                super().write(lambda: [Rows(self).delete(local_id) for local_id in new])
                raise unusable(self._witness.log.path, error) from error
        return done

    def check_usable(self) -> None:
        super().check_usable()
        try:
            self._witness.reserve.fill()
        except OSError as error:
            raise unusable(self.path, error) from error

    @property
    def witness(self) -> Witness:
        return self._witness

    @property
    def owner(self) -> str:
        return self._owners.ours

    def is_living(self, owner: str) -> bool:
        return self._owners.is_living(owner)

    def beat(self) -> None:
        """Nothing to do: the lock of the operating system tells that this process lives."""

    def now(self) -> float:
        return time.time()

    def close(self) -> None:
        super().close()
        self._owners.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """A mark that differs for another file of the same name; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
