"""Bring a ledger's file and its log together: what one of them lost, the other gives back."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .engines.engine import Tables
from .job import Job, State
from .rescue import readable_rows
from .row_log import RowLog, step_of
from .row_values import job_of
from .rows import Rows
from .schema import one_form
from .witness import Witness

# A statement of SQLite takes this many values in every build.
_VALUES = 500


def surviving_jobs(path: Path, log: RowLog) -> list[Job]:
    """The jobs that a damaged or missing file and its log still give, oldest first."""
    jobs: dict[str, Job] = {}
    # The log comes last: of two rows that have gone as far, the damaged file's may hold broken
    # values.
    for job in (*_findable(readable_rows(path) if path.is_file() else ()), *_logged(log)):
        known = jobs.get(job.local_id)
        if known is None:
            jobs[job.local_id] = job
        elif not _is_behind(job, known):
            jobs[job.local_id] = _filled(job, known)
    return sorted(jobs.values(), key=lambda job: job.created)


def put_back(tables: Tables, jobs: Iterable[Job]) -> int:
    """Write jobs that the tables do not have, or have in an earlier state; returns how many."""
    rows = Rows(tables)
    count = 0
    for job in jobs:
        known = rows.one("local_id = ?", job.local_id)
        if known is not None and not _is_behind(known, job):
            continue
        # Where another living row has the same fingerprint, that one is handed out.
        with contextlib.suppress(sqlite3.IntegrityError):
            if known is None:
                rows.insert(job)
            else:
                rows.update(job.local_id, {**job._asdict(), "owner": known.owner})
            count += 1
            _put_back_names(tables, job)
    return count


def complete(tables: Tables, witness: Witness, path: Path) -> None:
    """Compare an opened ledger with its log. What the ledger lacks is put back, and noted.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    rows, log = Rows(tables), witness.log
    last = log.last_rows()
    missing = last.keys() - _known(rows, list(last))
    if missing:
        put_back(tables, _logged(log))
        back = len(_known(rows, list(missing)))
        witness.loss.note(
            f"The ledger {path} is older than the log of its rows: {back} of {len(missing)} "
            "missing tracks were put back."
        )
    elif any(last.get(local_id, {}).get("job_id") for local_id in _without_id(rows)):
        # The disk was full, or the ledger held by another program, when the answer came.
        put_back(tables, _logged(log))
    newest = rows.many("TRUE ORDER BY rowid DESC LIMIT 1")
    if missing or (newest and newest[0].local_id not in last):
        # The log is new or was damaged, or knows a row that cannot be put back.
        log.replace((job.local_id, job._asdict()) for job in rows.many("TRUE ORDER BY rowid"))


def _logged(log: RowLog) -> Iterator[Job]:
    return _findable({"local_id": name, **row} for name, row in log.rows().items())


def _findable(rows: Iterable[Mapping[str, Any]]) -> Iterator[Job]:
    """The jobs of rows. Without an id or a fingerprint a row stands for nothing, and is left out:
    it was broken, or its beginning is lost in a damaged log."""
    jobs = map(job_of, rows)
    return (job for job in jobs if job.local_id and job.fingerprint)


def _is_behind(known: Job, job: Job) -> bool:
    return step_of(known.state.value) < step_of(job.state.value)


def _filled(job: Job, other: Job) -> Job:
    """The job, with the values that only the other one has."""
    empty = [name for name, value in job._asdict().items() if value is None]
    return job._replace(**{name: getattr(other, name) for name in empty})


def _known(rows: Rows, local_ids: list[str]) -> set[str]:
    known: set[str] = set()
    for begin in range(0, len(local_ids), _VALUES):
        some = local_ids[begin : begin + _VALUES]
        marks = ", ".join("?" * len(some))
        found = rows.execute(f"SELECT local_id FROM jobs WHERE local_id IN ({marks})", *some)
        known |= {local_id for (local_id,) in found}
    return known


def _without_id(rows: Rows) -> list[str]:
    states = ", ".join(f"'{state.value}'" for state in (State.SUBMITTING, State.UNCERTAIN))
    found = rows.execute(f"SELECT local_id FROM jobs WHERE job_id IS NULL AND state IN ({states})")
    return [local_id for (local_id,) in found]


def _put_back_names(tables: Tables, job: Job) -> None:
    """The other names of a row: the address of its track, and the one form of its request."""
    if job.result_url:
        tables.execute("INSERT OR REPLACE INTO urls VALUES (?, ?)", job.result_url, job.local_id)
    alias = one_form(job.service, *job.request[:6])
    if alias is not None and alias != job.fingerprint:
        tables.execute("INSERT OR IGNORE INTO aliases VALUES (?, ?)", alias, job.local_id)
