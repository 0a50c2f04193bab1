"""The parent process: it starts children and kills them."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ...api.money.sqlite import FILE_NAME
from .plan import Diary, Plan
from .processes import Process

PATIENCE = 2.0
"""Seconds to wait for an exact moment."""
_UNDELIVERED = (
    "SELECT prompt, state FROM jobs WHERE file IS NULL AND answer IS NULL AND kind = 'music' "
    "UNION ALL "
    "SELECT prompt, 'asking: ' || state FROM jobs WHERE answer IS NULL AND kind != 'music'"
)
RANDOM_TIME = "at a random time"


class Kills:
    """Kills children, half of them at random times and half just before an exact moment.

    `caught` counts the states of the requests without a track after each kill. `moments` counts
    where the kills happened.
    """

    def __init__(self, plan: Plan, start: Callable[[Plan], Process], seed: int) -> None:
        self._plan = plan
        self._start = start
        self._random = random.Random(seed)
        self._folder = Path(plan.folder)
        self._diary = Diary(self._folder)
        self._ledger = self._folder / "data" / FILE_NAME
        self.caught: Counter[str] = Counter()
        self.moments: Counter[str] = Counter()

    def run(self, kills: int) -> None:
        """Kill `kills` children, then let the last one finish every request."""
        # The second child counts: the first one creates the files that later ones find.
        length = 0.0
        for rounds in (1, 2):
            began = time.monotonic()
            self._to_the_end(self._plan._replace(upto=rounds * self._plan.at_once, moment=""))
            length = time.monotonic() - began
        known = json.loads((self._folder / "moments").read_text(encoding="utf-8"))
        for killed in range(1, kills + 1):
            self._kill_one(length, known)
            if killed % 100 == 0:
                print(f"{killed} kills, {len(self._diary.given())} tracks", flush=True)
        self._to_the_end(self._plan._replace(upto=0))

    def _kill_one(self, length: float, known: dict[str, int]) -> None:
        moment, left, delay = None, 0, self._random.uniform(0.0, length)
        if self._random.random() < 0.5:
            moment, delay = self._random.choice(sorted(known)), PATIENCE
            left = self._random.randint(1, min(known[moment], self._plan.at_once))
        process = self._start(self._plan._replace(moment=moment, left=left))
        by_itself = process.wait(delay)
        if not by_itself:
            process.kill()
            process.wait(None)
        elif process.code not in (-signal.SIGTERM, -9, signal.SIGTERM):
            raise SystemExit(f"A child ended by itself with code {process.code}; see above.")
        self.moments[moment if by_itself and moment else RANDOM_TIME] += 1
        self.caught.update(self._states() or ["no request"])

    def _to_the_end(self, plan: Plan) -> None:
        process = self._start(plan)
        process.wait(None)
        if process.code:
            raise SystemExit(f"A child ended with code {process.code}; see above.")

    def _states(self) -> list[str]:
        """The states of the requests without a track."""
        if not self._ledger.exists():
            return []
        with contextlib.closing(sqlite3.connect(self._ledger, timeout=30.0)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchall():
                return []
            rows = db.execute(_UNDELIVERED).fetchall()
        given = {f"request {number}" for number in self._diary.given()}
        return [state for prompt, state in rows if prompt not in given]
