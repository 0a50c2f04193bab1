"""The databases that hold the ledger: one SQL text, and one engine for each database."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ...ledger_url import LedgerUrl
from ...timing import Timing
from .engine import Engine
from .sqlite import SqliteEngine


def opened(directory: Path, timing: Timing, url: LedgerUrl | None) -> Engine:
    """The database at `url`; without one, the file in `directory`, which is made if need be.

    Raises:
        LedgerError: it cannot be used. Nothing else is used in its place.
    """
    if url is None:
        return SqliteEngine(directory, timing)
    from .postgres import PostgresEngine

    # The model list and job ids that cannot be written are kept there. A disk that only reads is
    # no reason to stop.
    with contextlib.suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
    return PostgresEngine(url, timing)
