"""The log of the ledger's rows: a second record beside the ledger's file, which shows what it lost.

Each line is JSON: the `local_id` of a row, and the columns that were written to it. A line is
appended when its transaction is on the disk, or in its place where the ledger takes nothing more.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...files.atomic import replaced_file
from .job import State

FILE_NAME = "ledger.log.jsonl"
# The end of the log that is compared with the ledger when it opens: some hundreds of rows.
_TAIL_BYTES = 1 << 18
_GONE = "gone"
# A row goes through these one way, and then to an end. A line of an earlier step may follow one of
# a later step, since processes write at the same time.
_STEPS = (State.SUBMITTING, State.UNCERTAIN, State.QUEUED, State.RUNNING)

Change = tuple[str, Mapping[str, Any]]
"""The `local_id` of a row, and what was written to it."""


class RowLog:
    """The log at `path`. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, changes: Iterable[Change], *, durable: bool) -> None:
        """Add lines.

        Args:
            durable: the lines are on the disk when this returns.

        Raises:
            OSError: the disk is full, or the file cannot be written.
        """
        lines = [_line(local_id, values) for local_id, values in changes]
        # A line that a full disk cut stays alone: the next one begins with a line break.
        content = "\n".join(["", *lines, ""]).encode()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY, 0o600)
        try:
            written = os.write(descriptor, content)
            if written < len(content):
                os.write(descriptor, content[written:])
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, changes: Iterable[Change]) -> None:
        """Make the log anew.

        Raises:
            OSError: the disk is full, or the file cannot be written.
        """
        with replaced_file(self.path, mode=0o600) as new, new.open("w", encoding="utf-8") as file:
            file.writelines(f"{_line(*change)}\n" for change in changes)

    def last_rows(self) -> dict[str, dict[str, Any]]:
        """As `rows`, of the end of the log. A row that began earlier has its last changes only."""
        return _rows(self._changes(_TAIL_BYTES))

    def rows(self) -> dict[str, dict[str, Any]]:
        """The columns of all rows by their `local_id`; unreadable lines are skipped."""
        return _rows(self._changes())

    def _changes(self, tail: int | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            if tail is not None:
                begin = max(0, os.fstat(file.fileno()).st_size - tail)
                file.seek(begin)
                if begin:
                    file.readline()
            for line in file:
                with contextlib.suppress(ValueError, RecursionError):
                    values = json.loads(line)
                    if isinstance(values, dict) and isinstance(values.get("local_id"), str):
                        yield values["local_id"], values


_BINARY = getattr(os, "O_BINARY", 0)


def gone(local_id: str) -> Change:
    """The row was removed."""
    return local_id, {_GONE: True}


def step_of(state: object) -> int:
    """How far a row has gone; a higher step follows a lower one."""
    return next((step for step, name in enumerate(_STEPS) if name == state), len(_STEPS))


def is_new(values: Mapping[str, Any]) -> bool:
    """Whether these are the columns of a row that was made for a submit."""
    return "fingerprint" in values and values.get("state") == State.SUBMITTING


def is_kept_on_the_disk(changes: Sequence[Change]) -> bool:
    """Whether a power cut may not lose these lines: a new row, or the id of a job."""
    return any("job_id" in values or "fingerprint" in values for _, values in changes)


def _rows(changes: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for local_id, values in changes:
        if _GONE in values:
            rows.pop(local_id, None)
            continue
        known = rows.setdefault(local_id, {})
        # Buying an uncertain row again goes back to its first step.
        is_repeat = values.get("repeats", 0) != known.get("repeats", 0)
        both_known = "state" in values and "state" in known
        if both_known and not is_repeat and step_of(values["state"]) < step_of(known["state"]):
            values = {**values, **known}
        known.update(values)
    return rows


def _line(local_id: str, values: Mapping[str, Any]) -> str:
    return json.dumps({"local_id": local_id, **values})
