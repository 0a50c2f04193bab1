"""The comparison after the kills: the diary, the ledger, the store and the gateway's bill."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...api.base.question import DESCRIBE
from ...api.money.job import Job, State
from ...api.money.ledger import Ledger
from ...api.money.sqlite import FILE_NAME
from ..sandbox_process import SandboxProcess, get
from .plan import Diary


class Count:
    """The contents of every file, and the gateway's bill, after the last child has finished."""

    def __init__(self, folder: Path, gateway: SandboxProcess) -> None:
        self._data = folder / "data"
        self._base_url = gateway.base_url
        diary = Diary(folder)
        self.asked, self.reported, self.given = diary.asked(), diary.reported(), diary.given()
        ledger = Ledger(self._data)
        self.rows = {job.local_id: job for job in ledger.page(limit=10**9)[0]}
        self.spent = ledger.spent()
        ledger.close()
        self.bill = gateway.bill()
        self.charges = Counter(_number(job["prompt"]) for job in self.bill["jobs"])
        self.answers = _answers(self._data / FILE_NAME)
        self.answered = {line.split()[1] for line in diary.read("answered")}
        self.unanswered = set(diary.read("unanswered"))
        self.repeats: Counter[int] = Counter()
        for row in self.rows.values():
            self.repeats[_number(row.prompt)] += row.repeats

    def problems(self, honours_idempotency_key: bool) -> list[str]:
        """Everything that is wrong, one sentence each."""
        return [
            *self._ledger_problems(),
            *self._row_problems(),
            *self._charge_problems(honours_idempotency_key),
            *self._track_problems(),
            *self._answer_problems(honours_idempotency_key),
        ]

    def summary(self) -> str:
        extra = len(self.bill["jobs"]) - len(self.asked)
        return (
            f"{len(self.answers)} questions, {len(self.bill['answers'])} answers charged; "
            f"{len(self.asked)} requests, {len(self.bill['jobs'])} charges ({extra:+}); "
            f"{sum(self.repeats.values())} submits repeated after an uncertain one, "
            f"{sum(self.reported.values())} reported as uncertain"
        )

    def _ledger_problems(self) -> Iterator[str]:
        with contextlib.closing(sqlite3.connect(self._data / FILE_NAME)) as db:
            verdict = db.execute("PRAGMA integrity_check").fetchall()
        if verdict != [("ok",)]:
            yield f"The ledger is damaged: {verdict}."
        if self.spent < self.bill["dollars"] - 1e-6:
            yield f"The ledger counts ${self.spent:.4f} of ${self.bill['dollars']:.4f} charged."
        left = list((self._data / "owners").iterdir())
        if left:
            yield f"{len(left)} lock files of ended processes were left behind."

    def _row_problems(self) -> Iterator[str]:
        for row in self.rows.values():
            number = _number(row.prompt)
            if row.state is State.UNCERTAIN and not self.reported[number]:
                yield f"Request {number} is uncertain, and that was not reported."
            if row.state not in (State.COMPLETED, State.UNCERTAIN):
                yield f"Request {number} was left {row.state.value}."

    def _charge_problems(self, honours_idempotency_key: bool) -> Iterator[str]:
        keys = {row.idempotency_key for row in self.rows.values()}
        for job in self.bill["jobs"]:
            if job["key"] not in keys:
                yield f"The job {job['id']} was charged, and the ledger has no row of it."
        for number in sorted(self.asked):
            # A gateway that knows the request by its key does not charge a repeat.
            repeats = 0 if honours_idempotency_key else self.repeats[number]
            if not 1 <= self.charges[number] <= 1 + self.reported[number] + repeats:
                yield f"Request {number} was charged {self.charges[number]} times."

    def _answer_problems(self, honours_idempotency_key: bool) -> Iterator[str]:
        charges = Counter(answer["words"].split("\n")[-1] for answer in self.bill["answers"])
        known = {row.words for row in self.answers}
        for words in charges.keys() - known:
            yield f"The answer to “{words}” was charged, and the ledger has no row of it."
        for row in self.answers:
            repeats = 0 if honours_idempotency_key else row.repeats
            if charges[row.words] > 1 + repeats:
                yield f"“{row.words}” was charged {charges[row.words]} times."
            reported = row.words.partition(" ")[2] in self.unanswered
            if not row.has_answer and not reported:
                yield f"“{row.words}” was left {row.state}, and that was not reported."
        if not self.answered <= {row.local_id for row in self.answers if row.has_answer}:
            yield "An answer that was delivered is not in the ledger."
        numbers = {int(row.words.split()[1]) for row in self.answers if row.has_answer}
        for number in sorted(self.asked - numbers):
            yield f"Question {number} never got its answer."

    def _track_problems(self) -> Iterator[str]:
        for number in sorted(self.asked):
            row = self.rows.get(self.given.get(number, ""))
            problem = self._track_problem(number, row)
            if problem:
                yield problem

    def _track_problem(self, number: int, row: Job | None) -> str | None:
        if row is None:
            return f"Request {number} never got its track."
        ids = {job["id"]: job["prompt"] for job in self.bill["jobs"]}
        if row.job_id is None or ids.get(row.job_id) != f"request {number}":
            return f"Request {number} got the track of another request."
        path = self._data / "tracks" / (row.file or "")
        if not row.file or not path.is_file():
            return f"The track of request {number} is not in the store."
        record = json.loads(get(f"{self._base_url}/jobs/{row.job_id}"))
        if path.read_bytes() != get(record["result"]["url"]):
            return f"The track of request {number} differs from the file that the gateway served."
        return None


class Answered(NamedTuple):
    """A row of the ledger that is a question."""

    local_id: str
    words: str
    state: str
    repeats: int
    has_answer: bool


def _answers(path: Path) -> list[Answered]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        found = db.execute(
            "SELECT local_id, prompt, state, repeats, answer IS NOT NULL FROM jobs WHERE kind = ?",
            (DESCRIBE,),
        )
        return [Answered(*row) for row in found]


def _number(prompt: str) -> int:
    return int(prompt.split()[1]) if prompt else 0
