"""Read the rows that a damaged ledger still gives.

SQLite stops a scan at the first page that it cannot read. So the table is read from both ends, and
between them row by row: each row has its own way through the tree.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import schema

FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file raises: Python cannot say an error of SQLite that quotes broken text."""
BESIDE = ("-wal", "-journal")
"""The endings of files with the newest writes; SQLite applies them when it opens the file."""

# How many rows in sequence may be unreadable before the search ends. A page holds far fewer.
_LONGEST_GAP = 5000


def readable_rows(path: Path) -> list[dict[str, Any]]:
    """The readable rows of the ledger at `path`, by column names; the file is left as it is."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # SQLite writes to a file that it opens.
        copy = Path(folder) / path.name
        with contextlib.suppress(OSError):
            for ending in ("", *BESIDE):
                part = path.with_name(path.name + ending)
                if part.is_file():
                    shutil.copyfile(part, copy.with_name(copy.name + ending))
        return list(_rows_of_copy(copy))


def _rows_of_copy(path: Path) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(*FAULTS), contextlib.closing(sqlite3.connect(path)) as db:
        db.text_factory = lambda content: content.decode("utf-8", "replace")
        # The names may be damaged. A row has its values in their order, whatever they are called,
        # and each version adds its columns at the end.
        columns = schema.tables(len(schema.VERSIONS))["jobs"]
        for row in _scan(db, "SELECT rowid, * FROM jobs NOT INDEXED"):
            yield dict(zip(columns, row[1:], strict=False))


def _scan(db: sqlite3.Connection, select: str) -> Iterator[tuple[Any, ...]]:
    """The rows from the first one on, from the last one back, and one by one between these."""
    first = last = 0
    for row in _until_damage(db, f"{select} ORDER BY rowid"):
        first = row[0]
        yield row
    backward = list(_until_damage(db, f"{select} WHERE rowid > {first} ORDER BY rowid DESC"))
    yield from backward
    last = backward[-1][0] if backward else first + 1 + _LONGEST_GAP
    gap = 0
    for rowid in range(first + 1, last):
        found = list(_until_damage(db, f"{select} WHERE rowid = {rowid}"))
        yield from found
        gap = 0 if found else gap + 1
        if gap > _LONGEST_GAP:
            return


def _until_damage(db: sqlite3.Connection, statement: str) -> Iterator[tuple[Any, ...]]:
    with contextlib.suppress(*FAULTS):
        yield from db.execute(statement)
