"""The child process: a client that buys tracks until it is killed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from ...api.account import Account
from ...api.base.errors import UncertainSubmitError
from ...api.base.question import DESCRIBE, VISION_MODEL, Question
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.library import Library
from ...api.money.job import Job
from ...api.settings import Settings
from .. import sandbox_process
from .plan import SCALE, Diary, Plan

SERVICE = "soak"
_connect = sqlite3.connect


def child(plan: Plan) -> None:
    """Carry out the plan in this process."""
    if plan.moment is None:
        asyncio.run(Client(plan).work())
        return
    moments = Moments(plan)
    moments.watch()
    asyncio.run(Client(plan).work())
    if not plan.moment:
        (Path(plan.folder) / "moments").write_text(json.dumps(moments.counts), encoding="utf-8")


class Client:
    """Buys tracks, several at once; first those that were asked for and not delivered."""

    def __init__(self, plan: Plan) -> None:
        folder = Path(plan.folder)
        self._plan = plan
        self._diary = Diary(folder)
        self._library = Library(folder / "data")
        timing = Timing(rate_limit=600, first_poll=5.0).scaled(SCALE)
        self._account = Account(SERVICE, plan.base_url, None, self._library, timing)
        self._settings = Settings(spend_limit_per_run=1e6, spend_limit_per_day=1e6)

    async def work(self) -> None:
        numbers = self._numbers()
        await asyncio.gather(*(self._worker(numbers) for _ in range(self._plan.at_once)))
        self._account.close()
        self._library.close()

    def _numbers(self) -> Iterator[int]:
        asked = self._diary.asked()
        yield from sorted(asked - set(self._diary.given()))
        for number in count(max(asked, default=0) + 1):
            if self._plan.upto is not None and number > self._plan.upto:
                return
            self._diary.write("asked", str(number))
            yield number

    async def _worker(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self._answered(number)
            job = await self._bought(number)
            done = await self._account.wait(job, timeout=60.0, progress=lambda progress: None)
            assert done.result_url is not None
            audio = await self._account.open(done.result_url, self._settings)
            with audio.reader:
                await self._account.download(audio)
                await self._account.store(audio, self._settings)
            self._diary.write("given", f"{number} {done.local_id}")

    async def _answered(self, number: int) -> None:
        """Buy an answer; after an error that it may be charged, ask another question."""
        for turn in count(1):
            question = Question(DESCRIBE, VISION_MODEL, "Answer.", f"question {number} {turn}")
            try:
                job = await self._account.ask(question, self._settings, run=f"{os.getpid()}")
                self._diary.write("answered", f"{number} {job.local_id}")
                return
            except UncertainSubmitError:
                self._diary.write("unanswered", f"{number} {turn}")

    async def _bought(self, number: int) -> Job:
        """Submit a request; after an error that it may be charged, follow the error's advice."""
        for take in count(1):
            request = MusicRequest(f"request {number}", 5.0, format="wav", take=take)
            try:
                return await self._account.submit(request, self._settings, run=f"{os.getpid()}")
            except UncertainSubmitError:
                self._diary.write("reported", f"{number} {take}")
                row = self._library.ledger.living(SERVICE, request)
                assert row is not None
                found = await asyncio.to_thread(self._in_the_dashboard, row.idempotency_key)
                if found is not None:
                    return await self._account.pick_up(found)
        raise AssertionError("there is always another take")

    def _in_the_dashboard(self, key: str) -> str | None:
        jobs = sandbox_process.bill(self._plan.base_url)["jobs"]
        return next((job["id"] for job in jobs if job["key"] == key), None)


class Moments(logging.Handler):
    """Counts the moments of a child, and kills it at the moment of the plan.

    A moment is a statement of the ledger, a step of an HTTP exchange, or a change of a file. They
    are observed from outside the pack: by SQLite's trace, httpcore's debug log and Python's audit
    events.
    """

    _FILES = ("open", "os.rename", "os.remove", "os.mkdir", "os.utime")

    def __init__(self, plan: Plan) -> None:
        super().__init__(logging.DEBUG)
        self._setup(plan.moment, plan.left, str(Path(plan.folder) / "data"))

    def _setup(self, moment: str | None, left: int, data: str) -> None:
        self._moment = moment
        self._left = left
        self._data = data
        self.counts: Counter[str] = Counter()

    def watch(self) -> None:
        self.watch_requests()
        sys.addaudithook(self._audited)
        sqlite3.connect = self._connect

    def watch_requests(self) -> None:
        logger = logging.getLogger("httpcore")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        step, _, rest = record.getMessage().partition(" ")
        method = next((name for name in ("POST", "GET") if f"b'{name}'" in rest), "")
        self.reached(f"{method} {step}".strip())

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in self._FILES and str(arguments[0]).startswith(self._data):
            if event == "open" and arguments[1] == "r":
                return
            last = str(arguments[1] if event == "os.rename" else arguments[0])
            self.reached(f"{event} {Path(last).suffix or 'folder'}")

    def _connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = _connect(*arguments, **options)
        connection.set_trace_callback(self._traced)
        return connection

    def _traced(self, statement: str) -> None:
        self.reached(f"SQL {statement.split(maxsplit=1)[0]}")

    def reached(self, name: str) -> None:
        if not self._moment:
            self.counts[name] += 1
        elif name == self._moment:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
