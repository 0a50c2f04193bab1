"""The tables of a ledger in PostgreSQL: those of the SQLite file, and what machines share.

They stand in the schema that `search_path` names, so several teams can share one database.
"""

from __future__ import annotations

from ...request import AS_GIVEN
from ..schema import DEAD

CLOCK = "extract(epoch FROM clock_timestamp())::double precision"
"""The time of the database, seconds since 1970."""

BEGINS_AT = 8
"""The version of the schema that TABLES make; `schema.VERSIONS` go on from there."""

# REAL has four bytes in PostgreSQL: a time since 1970 would come back up to a minute wrong.
TABLES = (
    f"""
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
        price DOUBLE PRECISION,
        charged DOUBLE PRECISION,
        created DOUBLE PRECISION NOT NULL,
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
        searched TEXT NOT NULL
    )
    """,
    f"CREATE UNIQUE INDEX one_alive ON jobs (fingerprint) WHERE state NOT IN ({DEAD})",
    "CREATE INDEX by_fingerprint ON jobs (fingerprint)",
    "CREATE INDEX by_job_id ON jobs (service, job_id)",
    "CREATE INDEX by_created ON jobs (created)",
    "CREATE INDEX by_run ON jobs (run)",
    "CREATE INDEX by_file ON jobs (file)",
    "CREATE INDEX by_model ON jobs (service, model, finished)",
    "CREATE TABLE urls (url TEXT PRIMARY KEY, local_id TEXT NOT NULL)",
    """
    CREATE TABLE aliases (
        fingerprint TEXT NOT NULL,
        local_id TEXT NOT NULL,
        PRIMARY KEY (fingerprint, local_id)
    )
    """,
    # Processes, and when each of them told last that it lives.
    "CREATE TABLE owners (owner TEXT PRIMARY KEY, beat DOUBLE PRECISION NOT NULL, host TEXT)",
    # Write transactions of the last day, so that each can be told from one that was lost.
    "CREATE TABLE writes (token TEXT PRIMARY KEY, written DOUBLE PRECISION NOT NULL)",
    # Which process polls a job, and until when the others leave it to it.
    """
    CREATE TABLE watches (
        local_id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        until DOUBLE PRECISION NOT NULL
    )
    """,
    # A service's model list, as JSON.
    """
    CREATE TABLE catalogue (
        service TEXT PRIMARY KEY,
        fetched DOUBLE PRECISION NOT NULL,
        models TEXT NOT NULL
    )
    """,
    # The digest of the one key that buys from a service with this ledger.
    "CREATE TABLE keys (service TEXT PRIMARY KEY, digest TEXT NOT NULL)",
)

ADDED = (
    # The rate of that key: one row for each request of a window, and until when it is taken.
    """
    CREATE TABLE IF NOT EXISTS places (
        service TEXT,
        number BIGINT,
        until DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (service, number)
    )
    """,
)
"""Tables that came later and that older versions of the pack need not know."""
