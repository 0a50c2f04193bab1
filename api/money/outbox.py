"""Job ids that the ledger could not take: on this disk, and in the log, until it can.

A farm's log outlives the disk of a worker.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

from ...files.atomic import write_file
from .job import Job, State

FOLDER = "outbox"
_log = logging.getLogger("aigateway")


class Outbox:
    """The folder `outbox` in `directory`, made at the first need: one file for each row."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / FOLDER

    def put(self, job: Job) -> None:
        """Keep a row with its job id, and name it in the log."""
        _log.error(
            "The job %s was bought, and the ledger cannot be written: put its id into Poll Job if "
            "it is not in the Music tab later. (%s, %s)",
            job.job_id,
            job.service,
            job.request.label,
        )
        # A disk that is full must not lose the line of the log.
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True)
            write_file(self._path(job.local_id), json.dumps(job._asdict()).encode())

    def remove(self, job: Job) -> None:
        with contextlib.suppress(OSError):
            self._path(job.local_id).unlink()

    def holds(self, local_id: str) -> bool:
        return self._path(local_id).exists()

    def jobs(self) -> Iterator[Job]:
        """The rows as they were put; a file that is damaged is left out."""
        for path in sorted(self._directory.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                values = json.loads(path.read_text(encoding="utf-8"))
                yield Job(**{**values, "state": State(values["state"])})

    def _path(self, local_id: str) -> Path:
        return self._directory / f"{local_id}.json"
