"""The parent: it starts workers, kills them, and breaks the servers that they use."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from ..plan import Diary
from .plan import PRICE, TIMING, Plan
from .worker import ANY, bill, work
from .world import World

NO_LIMIT = 1e6
BOUND = 60.0
"""Seconds in which every request ends once the last fault is over."""
_STEP = 6 * PRICE
_LONGEST = 6.0
"""Seconds after which a worker is killed that has not come to its moment."""
_BURST = 8
"""Requests of a worker at once: all workers together have more of them than the rate allows."""
_FORK = multiprocessing.get_context("fork")


class Life(NamedTuple):
    """A worker that runs, and when it is killed."""

    plan: Plan
    process: BaseProcess
    until: float


class Shots:
    """One run.

    Attributes:
        hits: how often each fault happened.
        limits: when each limit came into force, seconds since 1970.
        outages: when the database was away.
        wrong: the faults that were seen during the run.
    """

    def __init__(self, world: World, folder: Path, slots: int, seed: int, bug: str) -> None:
        self._world = world
        self._folder = folder
        self._slots = slots
        self._random = random.Random(seed)
        self._bug = bug
        self._lives = 0
        self._diary = Diary(folder)
        self._asleep: dict[int, float] = {}
        self.hits: Counter[str] = Counter()
        self.limits: list[tuple[float, float]] = []
        self.outages: list[tuple[float, float]] = []
        self.wrong: list[str] = []

    # Workers

    def _start(self, slot: int, limit: float, **changes: Any) -> Life:
        self._lives += 1
        data = self._folder / f"data-{self._lives}"
        plan = Plan(
            folder=str(self._folder),
            data=str(data),
            base_url=self._world.gateway_of(slot),
            ledger_url=self._world.ledger_of(slot),
            store_url=self._world.store_of(slot),
            slot=slot,
            slots=self._slots,
            limit=limit,
            skew=(0.0, 600.0, -600.0, 0.0)[slot % 4],
            bug=self._bug,
        )._replace(**changes)
        if not self.limits or limit > self.limits[-1][1]:
            self.limits.append((time.time(), limit))
        process = _FORK.Process(target=work, args=(plan,), daemon=True)
        process.start()
        return Life(plan, process, time.monotonic() + _LONGEST)

    def _bury(self, life: Life) -> None:
        """The worker has ended: its folder goes, as a container's disk does."""
        life.process.join()
        code = life.process.exitcode
        if code not in (0, -signal.SIGKILL):
            self.wrong.append(f"A worker ended by itself with code {code}; see log-*.")
        data = Path(life.plan.data)
        self._look_for_secrets(data)
        shutil.rmtree(data, ignore_errors=True)

    def _look_for_secrets(self, folder: Path) -> None:
        secrets = [secret.encode() for secret in self._world.secrets]
        for path in folder.rglob("*"):
            if path.is_file() and any(secret in path.read_bytes() for secret in secrets):
                self.wrong.append(f"A secret is in {path.name}.")

    def _all_end(self, lives: list[Life], what: str) -> None:
        give_up = time.monotonic() + BOUND
        for life in lives:
            life.process.join(max(0.0, give_up - time.monotonic()))
            if life.process.exitcode is None:
                self.wrong.append(f"A worker did not end within {BOUND:g} s {what}.")
                life.process.kill()
            self._bury(life)

    # Phases

    def count_moments(self) -> dict[str, int]:
        """What a worker does in an undisturbed life: a kill may come just before each of it."""
        self._all_end([self._start(0, NO_LIMIT, upto=3, moment="")], "before the first fault")
        self.limits.clear()
        return json.loads((self._folder / "moments").read_text(encoding="utf-8"))

    def shoot(self, kills: int, crashes: int) -> None:
        """Kill `kills` workers, and break the servers meanwhile."""
        known = self.count_moments()
        begun = len(self._world.query("SELECT 1 FROM jobs"))
        faults = self._faults(kills, crashes)
        first = PRICE * begun + 2 * _STEP
        lives = {
            slot: self._start(slot, first, **self._moment(known)) for slot in range(self._slots)
        }
        killed = 0
        while killed < kills:
            self._wake()
            for slot, life in lives.items():
                if life.process.exitcode is None and time.monotonic() < life.until:
                    continue
                by_itself = life.process.exitcode is not None
                life.process.kill()
                self._bury(life)
                killed += 1
                moment = life.plan.moment if by_itself else None
                self.hits[moment or "no moment reached"] += 1
                lives[slot] = self._start(
                    slot, PRICE * begun + _STEP * (2 + killed), **self._moment(known)
                )
                for fault in faults.pop(killed, []):
                    fault(slot, lives)
            time.sleep(0.01)
        for life in lives.values():
            life.process.kill()
            self._bury(life)
        self._asleep.clear()

    def _moment(self, known: dict[str, int]) -> dict[str, Any]:
        """Half of the workers end at any moment: a time would hit nothing on a slow machine."""
        moment = ANY if self._random.random() < 0.5 else self._random.choice(sorted(known))
        most = sum(known.values()) if moment == ANY else known[moment]
        return {"moment": moment, "left": self._random.randint(1, most)}

    def _faults(
        self, kills: int, crashes: int
    ) -> dict[int, list[Callable[[int, dict[int, Life]], None]]]:
        """What else happens, by the number of the kill that it follows."""
        crash_at = [(kills * number) // (crashes + 1) for number in range(1, crashes + 1)]
        made: dict[int, list[Callable[[int, dict[int, Life]], None]]] = {}
        for number in range(1, kills + 1):
            if number in crash_at:
                made[number] = [self._crash]
            elif number in (kills // 4, kills // 2 + 1):
                made[number] = [self._stop_one]
            elif self._random.random() < 0.5:
                choices = (
                    *(self._swallow, self._swallow, self._hang, self._cut, self._terminate),
                    self._lose_bucket,
                )
                made[number] = [self._random.choice(choices)]
        return made

    def finish(self) -> None:
        """Let each slot get what it asked for."""
        lives = [self._start(slot, NO_LIMIT, upto=0) for slot in range(self._slots)]
        self._all_end(lives, "after the last fault")

    def keep_pace(self, numbers: tuple[int, ...]) -> None:
        """I7: the slots share out what they ask for, more at once than the rate allows."""
        before = bill(self._world.gateway.base_url)
        lives = [
            self._start(slot, NO_LIMIT, only=numbers[slot :: self._slots], at_once=_BURST)
            for slot in range(self._slots)
        ]
        self._all_end(lives, "while nothing was broken")
        after = bill(self._world.gateway.base_url)
        refused, requests = (after[name] - before[name] for name in ("rejected", "requests"))
        # A window of a second may be shorter than the way of a request on a busy machine: some
        # places open too early. Workers that share none are refused two requests of three.
        if refused > requests / 5:
            self.wrong.append(f"{refused} of {requests} requests were one too many.")

    def keep_calm(self, numbers: tuple[int, ...]) -> None:
        """All slots ask for the same. Commits lose their answers, the database crashes once, and
        the gateway is slow; nobody is killed, so nothing may be bought or asked twice."""
        self._world.delay_gateway(0.4)
        for slot in range(self._slots):
            for _ in range(3):
                self._world.proxies.order(slot, "swallow")
        lives = [self._start(slot, NO_LIMIT, only=numbers) for slot in range(self._slots)]
        give_up = time.monotonic() + BOUND
        # The first submits are on their way.
        while time.monotonic() < give_up and not self._world.query(
            "SELECT 1 FROM jobs WHERE state = 'submitting'"
        ):
            time.sleep(0.02)
        time.sleep(0.2)
        # Longer than a call is patient, and shorter than the lease.
        self._down(TIMING.ledger_patience + 0.7)
        self._all_end(lives, "without a kill")
        self._world.delay_gateway(0.0)

    def wake_the_dead(self, number: int) -> None:
        """A worker sleeps longer than its lease before its submit; another one takes over."""
        sleeper = self._start(0, NO_LIMIT, only=(number,), stop_after_create=True)
        give_up = time.monotonic() + BOUND
        while not self._diary.read("stopped") and time.monotonic() < give_up:
            time.sleep(0.02)
        self._all_end([self._start(1, NO_LIMIT, only=(number,))], "beside one that sleeps")
        if sleeper.process.exitcode is not None or not self._diary.read("stopped"):
            self.wrong.append("The worker that should sleep before its submit never came to it.")
        assert sleeper.process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(sleeper.process.pid, signal.SIGCONT)
        self._all_end([sleeper], "after it slept")
        self.hits["asleep before a submit"] += 1

    # Faults

    def _crash(self, slot: int, lives: dict[int, Life]) -> None:
        # One of them is longer than the patience of a call.
        longest = not any(end - begin > TIMING.ledger_patience for begin, end in self.outages)
        self._down(2.5 if longest else self._random.uniform(0.1, 1.2))

    def _down(self, seconds: float) -> None:
        began = time.time()
        self._world.postgres.stop()
        time.sleep(seconds)
        self._world.postgres.start()
        self.outages.append((began, time.time()))
        self.hits["database crash"] += 1

    def _stop_one(self, slot: int, lives: dict[int, Life]) -> None:
        """Stop a worker for longer than its lease; the others go on."""
        life = lives[slot]
        pid = life.process.pid
        assert pid is not None
        time.sleep(self._random.uniform(0.3, 0.9))
        if life.process.exitcode is not None:
            return
        os.kill(pid, signal.SIGSTOP)
        wakes = time.monotonic() + TIMING.lease + 0.5
        self._asleep[pid] = wakes
        lives[slot] = life._replace(until=wakes + 2.0)

    def _wake(self) -> None:
        for pid, wakes in list(self._asleep.items()):
            if time.monotonic() > wakes:
                del self._asleep[pid]
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                self.hits["stopped beyond the lease"] += 1

    def _swallow(self, slot: int, lives: dict[int, Life]) -> None:
        self._world.proxies.order(self._random.randrange(self._slots), "swallow")

    def _hang(self, slot: int, lives: dict[int, Life]) -> None:
        self._world.proxies.order(
            self._random.randrange(self._slots), "hang", self._random.uniform(0.2, 2.5)
        )

    def _cut(self, slot: int, lives: dict[int, Life]) -> None:
        self._world.proxies.order(self._random.randrange(self._slots), "cut")

    def _lose_bucket(self, slot: int, lives: dict[int, Life]) -> None:
        which = 2 * self._slots + self._random.randrange(self._slots)
        self._world.proxies.order(which, "hang", self._random.uniform(0.2, 2.5))
        self.hits["bucket away"] += 1

    def _terminate(self, slot: int, lives: dict[int, Life]) -> None:
        self.hits["session terminated"] += self._world.terminate_one()
