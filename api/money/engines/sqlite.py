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

from ...errors import DamagedLedgerError, LedgerError
from ...timing import Timing
from .. import schema
from ..ledger_file import FILE_NAME, DamagedFileError, connect, made_beside, set_aside, unusable
from ..owners import Owners

T = TypeVar("T")


class SqliteFile:
    """The tables in the file at `path`, which is made if need be.

    Args:
        busy_timeout: seconds to wait for another process's write.

    Raises:
        DamagedFileError: the file is not a whole database.
        LedgerError: it cannot be used, or is of a newer version of the pack.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._explained():
            self._db = connect(path, busy_timeout)
        self._db.create_function("one_form", 7, schema.one_form)
        self._db.create_function("searched_text", 3, schema.searched_text)
        self._identity = _identity(path)
        try:
            self.write(self._migrate)
        except BaseException:
            self._db.close()
            raise

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
        for statement in schema.missing_steps(version, self.path):
            self.execute(statement)
        if version < len(schema.VERSIONS):
            self.execute(f"PRAGMA user_version = {len(schema.VERSIONS)}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """A fault of the file or its disk as a LedgerError; one of the pack stays as it is."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            raise unusable(self.path, error) from error


class SqliteEngine(SqliteFile):
    """The ledger in `directory`, which is made if need be.

    Raises:
        DamagedLedgerError: the file was damaged, and was set aside; the next try makes a new one.
        LedgerError: the folder or the file cannot be used, or is of a newer version of the pack.
    """

    is_shared = False

    def __init__(self, directory: Path, timing: Timing) -> None:
        self.each_beat: Callable[[], object] = lambda: None
        path = directory / FILE_NAME
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
                # Made under another name: a crash leaves no half-made file that looks damaged.
                with made_beside(path) as new:
                    SqliteFile(new, busy_timeout).close()
            super().__init__(path, busy_timeout)
        except DamagedFileError as error:
            aside = set_aside(path)
            raise DamagedLedgerError(
                f"The ledger {path} is damaged ({error}), so it was set aside as {aside.name} "
                "in the same folder, and a new one is begun. It does not know the tracks that "
                "were bought: the same request would be bought again. To go on, queue again. To "
                "get the old one back, stop ComfyUI, repair that file (sqlite3 has the command "
                f".recover), and rename it to {FILE_NAME}. Nothing was sent."
            ) from error

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
