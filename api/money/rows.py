"""Rows of the ledger as jobs, on any engine.

A partial unique index allows one living row for each fingerprint, so two processes that ask for the
same track at the same moment buy it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from .engines.engine import Tables
from .job import Job
from .row_log import gone
from .row_values import job_of
from .schema import searched_text

_COLUMNS = ", ".join(Job._fields)


class Rows:
    """The tables of the ledger in `tables`."""

    def __init__(self, tables: Tables) -> None:
        self.execute = tables.execute
        self.bytewise = tables.bytewise
        self._witness = tables.witness

    def insert(self, job: Job) -> None:
        values = [*map(_bound, job), searched_text(job.prompt, job.lyrics, job.model)]
        marks = ", ".join("?" * len(values))
        self.execute(f"INSERT INTO jobs ({_COLUMNS}, searched) VALUES ({marks})", *values)
        self._note(job.local_id, job._asdict())

    def update(self, local_id: str, values: Mapping[str, Any]) -> None:
        assignments = ", ".join(f"{name} = ?" for name in values)
        bound = map(_bound, values.values())
        self.execute(f"UPDATE jobs SET {assignments} WHERE local_id = ?", *bound, local_id)
        self._note(local_id, values)

    def delete(self, local_id: str) -> None:
        self.execute("DELETE FROM urls WHERE local_id = ?", local_id)
        self.execute("DELETE FROM jobs WHERE local_id = ?", local_id)
        self._note(*gone(local_id))

    def one(self, where: str, *values: Any) -> Job | None:
        found = self.many(f"{where} LIMIT 1", *values)
        return found[0] if found else None

    def many(self, where: str, *values: Any) -> list[Job]:
        rows = self.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where}", *values)
        return [job_of(dict(zip(Job._fields, row, strict=True))) for row in rows]

    def value(self, statement: str, *values: Any) -> Any:
        """The first column of the first row."""
        return self.execute(statement, *values)[0][0]

    def _note(self, local_id: str, values: Mapping[str, Any]) -> None:
        if self._witness is not None:
            self._witness.note(local_id, values)


def _bound(value: Any) -> Any:
    # SQLite binds an Enum member of type str by its name.
    return value.value if isinstance(value, Enum) else value
