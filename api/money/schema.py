"""The tables of the ledger, one text for SQLite and PostgreSQL, and the steps between versions."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from ..base.errors import LedgerError
from ..base.request import AS_GIVEN
from .job import DEAD, MUSIC

# One row for each request. REAL has only four bytes in PostgreSQL: times would be off by a minute.
_JOBS = f"""
    CREATE TABLE jobs (
        local_id TEXT PRIMARY KEY,
        service TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        model TEXT NOT NULL,
        prompt TEXT NOT NULL,
        lyrics TEXT NOT NULL,
        duration DOUBLE PRECISION NOT NULL,
        format TEXT NOT NULL,
        take BIGINT NOT NULL,
        state TEXT NOT NULL,
        run TEXT NOT NULL,
        owner TEXT NOT NULL,
        created DOUBLE PRECISION NOT NULL,
        price DOUBLE PRECISION,
        charged DOUBLE PRECISION,
        submitted DOUBLE PRECISION,
        finished DOUBLE PRECISION,
        took DOUBLE PRECISION,
        job_id TEXT,
        result_url TEXT,
        result_duration DOUBLE PRECISION,
        error TEXT,
        file TEXT,
        repeats BIGINT NOT NULL DEFAULT 0,
        attempt BIGINT NOT NULL DEFAULT 0,
        request_id TEXT,
        words TEXT NOT NULL DEFAULT '{AS_GIVEN}',
        selected TEXT,
        in_bucket BIGINT,
        arrived DOUBLE PRECISION,
        starred DOUBLE PRECISION,
        hidden DOUBLE PRECISION,
        kind TEXT NOT NULL DEFAULT '{MUSIC}',
        answer TEXT,
        searched TEXT NOT NULL DEFAULT ''
    )
"""
# If two processes ask for the same track at the same moment, there is still one row.
_ONE_LIVING_ROW = f"CREATE UNIQUE INDEX one_alive ON jobs (fingerprint) WHERE state NOT IN ({DEAD})"
# Every address that a track ever had.
_URLS = "CREATE TABLE urls (url TEXT PRIMARY KEY, local_id TEXT NOT NULL)"

# Step n leads from version n to the next version; a new ledger runs all steps. A step that was
# released is never edited: ledgers that ran it would differ from new ledgers.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        _JOBS,
        _ONE_LIVING_ROW,
        "CREATE INDEX by_fingerprint ON jobs (fingerprint)",
        "CREATE INDEX by_job_id ON jobs (service, job_id)",
        # The list of tracks reads only this index to count and to sort rows.
        "CREATE INDEX by_created ON jobs (created, local_id, state, hidden, starred, kind)",
        "CREATE INDEX by_run ON jobs (run)",
        "CREATE INDEX by_file ON jobs (file)",
        "CREATE INDEX by_model ON jobs (service, model, finished)",
        _URLS,
    ),
)

# The columns of an SQLite database's tables that have the same name as our tables.
_COLUMNS = """
    SELECT tables.name, columns.name
    FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
    WHERE tables.name IN ('jobs', 'urls') ORDER BY tables.name, columns.cid
"""


def version() -> int:
    """The version of the ledgers that this pack writes."""
    return len(STEPS)


def steps_from(found: int, address: object) -> list[str]:
    """The statements that bring a ledger of the version `found` to the newest one.

    Args:
        address: where the ledger is, for the message.

    Raises:
        LedgerError: a newer version of the pack wrote the ledger.
    """
    if found > version():
        raise LedgerError(
            f"A newer version of this pack wrote the ledger {address}: update the pack, "
            "or set the environment variable AIGATEWAY_DATA_DIR to another folder. "
            "Without the ledger the pack buys nothing."
        )
    return [statement for step in STEPS[found:] for statement in step]


def has_tables_of(found: int, execute: Callable[[str], Iterable[tuple[Any, ...]]]) -> bool:
    """Whether an SQLite database has the tables of a ledger of the version `found`."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        for step in STEPS[:found]:
            for statement in step:
                db.execute(statement)
        return list(execute(_COLUMNS)) == db.execute(_COLUMNS).fetchall()
