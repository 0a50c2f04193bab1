"""The ledger's file on the disk: opened with the best journal that its folder allows, or set aside.

Without a ledger the pack buys nothing, so everything that is wrong here is a `LedgerError`.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import LedgerError
from .rescue import FAULTS

FILE_NAME = "ledger.sqlite3"
# Write-ahead logging needs memory that processes share, which network drives do not have.
_JOURNALS = ("WAL", "DELETE")
# Bytes of a page, https://www.sqlite.org/fileformat.html, section 1.3.2.
_SMALLEST = 512
_BESIDE = ("-wal", "-shm", "-journal")
_ADVICE = (
    "give ComfyUI a folder on a disk of this computer that it may write to, with the environment "
    "variable AIGATEWAY_DATA_DIR, and restart it."
)
_NEEDED = "Without the ledger the pack buys nothing."


class DamagedFileError(Exception):
    """The file is not a whole database."""


class OtherTablesError(DamagedFileError):
    """The file has not the tables of its version: a damaged ledger, or another program's file."""


def connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open or make the database; every commit is synced to the disk.

    Args:
        busy_timeout: seconds to wait for another process's write.

    Raises:
        DamagedFileError: the file exists, and is not a whole database.
        sqlite3.OperationalError: the folder allows no journal, or another process holds the file.
    """
    if path.exists() and path.stat().st_size < _SMALLEST:
        # SQLite would take it for a new one.
        raise DamagedFileError(f"it has {path.stat().st_size} bytes")
    _own(path)
    for journal in _JOURNALS:
        try:
            return _connect(path, busy_timeout, journal)
        except sqlite3.OperationalError as error:
            if journal == _JOURNALS[-1] or "locked" in str(error):
                raise
        except FAULTS as error:
            raise DamagedFileError(_text(error)) from error
    raise AssertionError("the last journal returns or raises")


def _own(path: Path) -> None:
    """Make the file, if need be, and let its owner alone read it. SQLite's other files follow it.

    Raises:
        sqlite3.OperationalError: as SQLite itself, where the folder cannot be written.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open database file: {error}") from error
    if os.name != "nt":
        # The file of another user stays as that one wants it.
        with contextlib.suppress(OSError):
            path.chmod(0o600)


@contextlib.contextmanager
def made_beside(path: Path) -> Iterator[Path]:
    """Another name, under which the block makes the file that becomes `path` when it ends.

    Raises:
        OSError: the folder cannot be written.
    """
    new = path.with_name(f"{path.name}.new")
    for ending in (*_BESIDE, ""):
        new.with_name(new.name + ending).unlink(missing_ok=True)
    yield new
    os.rename(new, path)


def set_aside(path: Path) -> Path:
    """Give a damaged file, and the journals beside it, a new name. Returns the new path.

    Raises:
        OSError: the file cannot be renamed.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = (f"{path.stem}.damaged-{stamp}{end}{path.suffix}" for end in _endings())
    aside = next(new for new in map(path.with_name, names) if not new.exists())
    # The journals go first: one that stayed would be taken for that of the new file.
    for ending in (*_BESIDE, ""):
        part = path.with_name(path.name + ending)
        if part.exists():
            os.rename(part, aside.with_name(aside.name + ending))
    return aside


def _endings() -> Iterator[str]:
    yield ""
    yield from (f"-{number}" for number in itertools.count(2))


def is_full(error: BaseException) -> bool:
    """Whether the disk, or what it grants this user, was full when the ledger raised `error`."""
    cause = error.__cause__
    # SQLite says the same of a quota as of a fault of the disk.
    return cause is not None and (_is_full(cause) or "disk I/O error" in str(cause))


def _is_full(cause: object) -> bool:
    if isinstance(cause, OSError):
        return cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(cause, sqlite3.Error) and "disk is full" in str(cause)


def unusable(path: Path, reason: object) -> LedgerError:
    """The error of a ledger that cannot be read or written."""
    if "database is locked" in str(reason):
        return LedgerError(
            f"Another program holds the ledger {path}: close what has it open, such as a database "
            f"viewer or a backup, and queue again. {_NEEDED}"
        )
    if _is_full(reason):
        return LedgerError(
            f"The disk of the ledger {path} is full: free some room, and queue again. {_NEEDED}"
        )
    said = _text(reason)
    return LedgerError(f"The ledger {path} cannot be used ({said}): {_ADVICE} {_NEEDED}")


def _text(error: object) -> str:
    return "it has broken text" if isinstance(error, UnicodeDecodeError) else str(error)


def _connect(path: Path, busy_timeout: float, journal: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    # A damaged page may hold what is no text.
    db.text_factory = lambda content: content.decode("utf-8", "replace")
    try:
        if journal == "DELETE":
            # A file with a write-ahead log is read without shared memory in this mode only.
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
        chosen = db.execute(f"PRAGMA journal_mode = {journal}").fetchone()[0]
        db.execute("PRAGMA locking_mode = NORMAL")
        # A rollback journal is gone for certain only when its folder is synced too.
        db.execute(f"PRAGMA synchronous = {'FULL' if chosen == 'wal' else 'EXTRA'}")
        # A quick check does not see an index that no longer finds its rows.
        found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise DamagedFileError(found)
        # Whether the folder can lock and write shows at the first write only: a transaction of a
        # read-only file begins without an error.
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db
