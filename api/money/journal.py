"""The journal: the second record of the ledger, in files beside it.

- A log of the rows. Each line is JSON: the `local_id` of a row, and the columns that a transaction
  wrote to it. A line is appended after the commit, or instead of it if the database cannot be
  written. If the ledger's file is damaged or missing, a new ledger is made from the log.
- Room on the disk for the answers to submits. A file reserves it before a request leaves. If the
  disk is full when the answer comes, the file is removed, and the answer is written in its place.
- The note of lost rows. The pack buys nothing until the user has read it: it would buy those
  tracks again.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...files.atomic import replaced_file, write_file
from ..base.plain_text import plain
from .job import Job, State
from .rows import Rows, Tables, job_of

LOG_NAME = "ledger.log.jsonl"
ROOM_NAME = "ledger.reserve"
LOSS_NAME = "ledger.loss.txt"

ROOM_BYTES = 1 << 20
"""Room for the pages of some hundred answers."""
# Bytes at the log's end that are compared with the ledger at its opening: some hundreds of rows.
_TAIL_BYTES = 1 << 18
# A power cut must not lose a line with one of these columns.
_SYNCED = {"job_id", "fingerprint", "answer"}
# The mark of a row that was removed.
_GONE = "gone"
# A row goes through these states in one direction, and then to its last state. Processes write at
# the same time, so the line of an earlier state may follow the line of a later one.
_STATES = (State.SUBMITTING, State.UNCERTAIN, State.QUEUED, State.RUNNING)
# Windows would write a line break as two bytes.
_BINARY = getattr(os, "O_BINARY", 0)

Change = tuple[str, Mapping[str, Any] | None]
"""The `local_id` of a row, and the columns that were written to it; None: it was removed."""


class Journal:
    """The journal in `directory`. The engine calls it inside its own lock."""

    def __init__(self, directory: Path) -> None:
        self.log_path = directory / LOG_NAME
        self._room_path = directory / ROOM_NAME
        self._loss_path = directory / LOSS_NAME
        self._noted: list[Change] = []

    # The changes of a transaction

    def begin(self) -> None:
        """A transaction begins: drop the changes of an earlier one that were not written."""
        self._noted.clear()

    def note(self, local_id: str, values: Mapping[str, Any] | None) -> None:
        """Note that the transaction writes these columns of a row; None: it removes the row."""
        self._noted.append((local_id, None if values is None else dict(values)))

    def take_notes(self) -> list[Change]:
        """The changes of the transaction."""
        noted, self._noted = self._noted, []
        return noted

    # The log

    def append(self, changes: Sequence[Change]) -> None:
        """Write lines into the log. New rows and job ids are on the disk when this returns.

        Raises:
            OSError: the disk is full, or the log cannot be written.
        """
        if not changes:
            return
        try:
            self._append(changes)
        except OSError:
            # The reserved room is for answers: a new purchase on a full disk is refused.
            if any(map(is_new, changes)) or not self.give_room():
                raise
            self._append(changes)

    def append_alone(self, local_id: str, values: Mapping[str, Any]) -> bool:
        """Write columns that the ledger cannot take; False if the log cannot be written either."""
        try:
            self.append([(local_id, values)])
        except OSError:
            return False
        return True

    def rows(self) -> dict[str, dict[str, Any]]:
        """The columns of all rows by their `local_id`; unreadable lines are skipped."""
        return _merged(self._changes())

    def jobs(self) -> list[Job]:
        """The rows of the log as jobs, oldest first."""
        jobs = [job_of({"local_id": name, **row}) for name, row in self.rows().items()]
        # A row without its first columns: a damaged log has lost their line.
        known = [job for job in jobs if job.local_id and job.fingerprint]
        return sorted(known, key=lambda job: job.created)

    def _append(self, changes: Sequence[Change]) -> None:
        lines = [_line(*change) for change in changes]
        # A line that a full disk cut stays separate: the next line begins with a line break.
        content = "\n".join(["", *lines, ""]).encode()
        descriptor = os.open(self.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY, 0o600)
        try:
            written = os.write(descriptor, content)
            if written < len(content):
                os.write(descriptor, content[written:])
            # A power cut may lose other lines.
            if any(values and values.keys() & _SYNCED for _, values in changes):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _replace(self, changes: Iterable[Change]) -> None:
        """Write a new log in place of the old one."""
        with replaced_file(self.log_path, mode=0o600) as new, new.open("w", encoding="utf-8") as to:
            to.writelines(f"{_line(*change)}\n" for change in changes)

    def _changes(self, tail: int | None = None) -> Iterator[Change]:
        """The changes of the log, or of its last `tail` bytes."""
        with contextlib.suppress(OSError), self.log_path.open("rb") as file:
            if tail is not None:
                begin = max(0, os.fstat(file.fileno()).st_size - tail)
                file.seek(begin)
                if begin:
                    file.readline()
            for line in file:
                with contextlib.suppress(ValueError, RecursionError):
                    values = json.loads(line)
                    if isinstance(values, dict) and isinstance(values.get("local_id"), str):
                        yield values["local_id"], None if _GONE in values else values

    # Room for answers

    def take_room(self) -> None:
        """Reserve the room, unless it is reserved already.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        with contextlib.suppress(OSError):
            if self._room_path.stat().st_size == ROOM_BYTES:
                return
        # A disk that compresses would reserve no room for zeros.
        write_file(self._room_path, os.urandom(ROOM_BYTES), mode=0o600)

    def give_room(self) -> bool:
        """Give the room back to the disk; False if it was not reserved."""
        try:
            self._room_path.unlink()
        except OSError:
            return False
        return True

    # The note of lost rows

    @property
    def loss(self) -> str | None:
        """The note; None if no row was lost, or if the user has accepted the loss."""
        try:
            return plain(self._loss_path.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"The file {self._loss_path} cannot be read ({error})."

    def note_loss(self, sentence: str) -> None:
        """Stop the spending, and write down why. The text of an earlier loss stays.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        before = self.loss
        if before is None or sentence not in before:
            text = f"{before} {sentence}" if before else sentence
            write_file(self._loss_path, plain(text).encode(), mode=0o600)

    def accept_loss(self) -> None:
        """The user has read the note: spending goes on.

        Raises:
            OSError: the file cannot be removed.
        """
        with contextlib.suppress(FileNotFoundError):
            self._loss_path.unlink()

    # The ledger and its log, brought together

    def restore(self, rows: Rows) -> int:
        """Write the jobs of the log that the ledger lacks, or that it has in an earlier state.

        Returns:
            How many rows were written.
        """
        count = 0
        for job in self.jobs():
            known = rows.one("local_id = ?", job.local_id)
            if known is not None and _progress(known) >= _progress(job):
                continue
            # If another living row has the same fingerprint, the ledger hands out that row.
            with contextlib.suppress(sqlite3.IntegrityError):
                if known is None:
                    rows.insert(job)
                else:
                    rows.update(job.local_id, {**job._asdict(), "owner": known.owner})
                count += 1
        return count

    def compare(self, tables: Tables, path: Path) -> None:
        """Make an opened ledger and the end of its log equal, in the transaction under way.

        The ledger gets the rows that it lacks, and the loss is noted. The log gets the changes
        that it lacks because of a crash.

        Args:
            path: the ledger's file, for the note.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        rows, logged = Rows(tables), _merged(self._changes(_TAIL_BYTES))
        known = {local_id: rows.one("local_id = ?", local_id) for local_id in logged}
        missing = [local_id for local_id, job in known.items() if job is None]
        if missing:
            self.restore(rows)
            found = [local_id for local_id in missing if rows.one("local_id = ?", local_id)]
            self.note_loss(
                f"The ledger {path} is older than the log of its rows: {len(found)} of "
                f"{len(missing)} missing tracks were put back."
            )
        elif any(job and _lacks_id(job, logged[name]) for name, job in known.items()):
            # When the answer came, the disk was full, or another program held the ledger.
            self.restore(rows)
            known = {local_id: rows.one("local_id = ?", local_id) for local_id in logged}
        newest = rows.one("TRUE ORDER BY rowid DESC")
        if missing or (newest and newest.local_id not in logged):
            # The log is new, was damaged, or has a row that the ledger does not accept.
            self._replace((job.local_id, job._asdict()) for job in rows.many("TRUE ORDER BY rowid"))
            return
        for local_id, job in known.items():
            if job is not None and job != job_of({"local_id": local_id, **logged[local_id]}):
                self.note(local_id, job._asdict())


def is_new(change: Change) -> bool:
    """Whether these are the columns of a row that was made for a submit."""
    _, values = change
    return bool(values and "fingerprint" in values and values.get("state") == State.SUBMITTING)


def _merged(changes: Iterable[Change]) -> dict[str, dict[str, Any]]:
    """The columns of each row after all changes; a row from before these changes lacks some."""
    rows: dict[str, dict[str, Any]] = {}
    for local_id, values in changes:
        if values is None:
            rows.pop(local_id, None)
            continue
        known = rows.setdefault(local_id, {})
        # A repeated submit returns to the first state.
        repeats = known.get("repeats", 0)
        is_repeat = values.get("repeats", repeats) != repeats
        both_known = "state" in values and "state" in known
        if both_known and not is_repeat and _step(values["state"]) < _step(known["state"]):
            values = {**values, **known}
        known.update(values)
    return rows


def _step(state: object) -> int:
    """How far a row in this state has gone; a higher step follows a lower one."""
    return next((step for step, known in enumerate(_STATES) if known == state), len(_STATES))


def _progress(job: Job) -> tuple[int, int]:
    """How far a row has gone. A repeated submit starts from the beginning."""
    return job.repeats, _step(job.state)


def _lacks_id(job: Job, logged: Mapping[str, Any]) -> bool:
    """Whether the log has a job id, or an answer, that the ledger lacks."""
    waits = job.state in (State.SUBMITTING, State.UNCERTAIN)
    return waits and job.job_id is None and bool(logged.get("job_id") or logged.get("answer"))


def _line(local_id: str, values: Mapping[str, Any] | None) -> str:
    return json.dumps({"local_id": local_id, **({_GONE: True} if values is None else values)})
