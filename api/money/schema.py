"""The tables of the ledger, and the steps from each version of them to the next."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any
from unicodedata import normalize

from ..errors import InputError, LedgerError
from ..request import AS_GIVEN, MusicRequest
from .job import State

DEAD = ", ".join(f"'{state.value}'" for state in State if state.is_dead)
"""The states of failed and cancelled jobs, for `IN (…)`."""

# One list of statements for each version of the schema; a ledger runs those it has not run yet.
VERSIONS = (
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
    # The text that a search reads: a database folds the case of a few alphabets only.
    (
        "ALTER TABLE jobs ADD COLUMN searched TEXT NOT NULL DEFAULT ''",
        "UPDATE jobs SET searched = searched_text(prompt, lyrics, model)",
    ),
    ("ALTER TABLE jobs ADD COLUMN kept INTEGER",),
    # The state `lost` is new with this version, too.
    ("ALTER TABLE jobs ADD COLUMN arrived DOUBLE PRECISION",),
    # The list of tracks reads this index alone to count and to order rows.
    (
        "ALTER TABLE jobs ADD COLUMN starred DOUBLE PRECISION",
        "ALTER TABLE jobs ADD COLUMN hidden DOUBLE PRECISION",
        "DROP INDEX by_created",
        "CREATE INDEX by_created ON jobs (created, local_id, state, hidden, starred)",
    ),
)


Tables = dict[str, list[str]]
"""The columns of each table, in their order."""


@functools.cache
def tables(version: int) -> Tables:
    """The tables of a version in SQLite."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        add_functions(db)
        for statements in VERSIONS[:version]:
            for statement in statements:
                db.execute(statement)
        return tables_in(db.execute)


def tables_in(execute: Callable[[str], Iterable[tuple[Any, ...]]]) -> Tables:
    """The tables of an SQLite database that have the name of one of ours."""
    found: Tables = {}
    for table, column in execute(
        "SELECT tables.name, columns.name "
        "FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns "
        "WHERE tables.name IN ('jobs', 'urls', 'aliases') ORDER BY tables.name, columns.cid"
    ):
        found.setdefault(table, []).append(column)
    return found


def add_functions(db: sqlite3.Connection) -> None:
    """What the statements of `VERSIONS` call."""
    db.create_function("one_form", 7, one_form)
    db.create_function("searched_text", 3, searched_text)


def missing_steps(version: int, place: object) -> list[str]:
    """The statements that bring tables of `version` to the newest one.

    Args:
        place: where the ledger is, for the message.

    Raises:
        LedgerError: the tables are of a newer version of the pack.
    """
    if version > len(VERSIONS):
        raise LedgerError(
            f"A newer version of this pack wrote the ledger {place}: update the pack, "
            "or set the environment variable AIGATEWAY_DATA_DIR to another folder. "
            "Without the ledger the pack buys nothing."
        )
    return [statement for statements in VERSIONS[version:] for statement in statements]


def folded(text: str) -> str:
    """`text` without its case, and with one spelling of each letter: for a search.

    Unicode's caseless matching (The Unicode Standard, section 3.13, D146).
    """
    return normalize("NFKC", normalize("NFKD", text).casefold())


def searched_text(prompt: str, lyrics: str, model: str) -> str:
    return folded("\n".join((prompt, lyrics, model)))


def one_form(service: str, *fields: Any) -> str | None:
    """The fingerprint of a row's request in its one form; None for the row of an adopted job."""
    try:
        return MusicRequest(*fields).validated().fingerprint(service)
    except InputError:
        return None
