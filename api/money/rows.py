"""Rows of the ledger as jobs, on any engine.

A partial unique index allows one living row for each fingerprint, so two processes that ask for the
same track at the same moment buy it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from .engines.engine import Engine
from .job import Job, State
from .schema import searched_text

_COLUMNS = ", ".join(Job._fields)


class Rows:
    """The tables of the ledger in `engine`."""

    def __init__(self, engine: Engine) -> None:
        self.execute = engine.execute

    def insert(self, job: Job) -> None:
        values = [*map(_bound, job), searched_text(job.prompt, job.lyrics, job.model)]
        marks = ", ".join("?" * len(values))
        self.execute(f"INSERT INTO jobs ({_COLUMNS}, searched) VALUES ({marks})", *values)

    def update(self, local_id: str, values: Mapping[str, Any]) -> None:
        assignments = ", ".join(f"{name} = ?" for name in values)
        bound = map(_bound, values.values())
        self.execute(f"UPDATE jobs SET {assignments} WHERE local_id = ?", *bound, local_id)

    def one(self, where: str, *values: Any) -> Job | None:
        found = self.many(f"{where} LIMIT 1", *values)
        return found[0] if found else None

    def many(self, where: str, *values: Any) -> list[Job]:
        rows = self.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where}", *values)
        jobs = map(Job._make, rows)
        return [job._replace(state=State(job.state)) for job in jobs]

    def value(self, statement: str, *values: Any) -> Any:
        """The first column of the first row."""
        return self.execute(statement, *values)[0][0]


def _bound(value: Any) -> Any:
    # SQLite binds an Enum member of type str by its name.
    return value.value if isinstance(value, Enum) else value
