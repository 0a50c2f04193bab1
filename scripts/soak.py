"""Kill a client a thousand times and count the money: `python3 scripts/soak.py --kills 1000`.

A child process buys tracks from a sandbox gateway in another process, as the nodes do, and is
killed at random moments; the next one goes on in the same data directory. Afterwards every request
must have its track, and the sandbox's own bill must hold each of them once.

Half of the moments are random times. The other half are exact: just before the n-th statement of
the ledger, step of an HTTP exchange, or change of a file. They are found from outside the pack: by
SQLite's trace, httpcore's debug log and Python's audit events.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys

if __name__ == "__main__":
    # As a module of the pack, so that its imports are relative like everywhere.
    if not all(map(importlib.util.find_spec, ("aiohttp", "filelock", "httpx", "tenacity"))):
        importlib.import_module("environment").enter("run")
    root = importlib.import_module("pack").load().__name__
    sys.exit(importlib.import_module(f"{root}.scripts.soak").main())

import argparse
import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..api.client import ssl_context
from ..api.errors import UncertainSubmitError
from ..api.ledger import FILE_NAME, Job, Ledger, State
from ..api.protocol import MusicRequest
from ..api.service import Service
from ..api.settings import Settings
from ..api.timing import Timing
from .sandbox import SandboxProcess, get, sandbox_process
from .sandbox import bill as sandbox_bill

SERVICE = "soak"
SCALE = 1 / 60
# A job is done after a tenth of a second or so: about as long as everything around it takes.
GATEWAY = ("--tone", "--queue=2", "--run=4", "--run-per-second=0", f"--scale={SCALE}")
# A moment that does not come within so many seconds is not waited for.
PATIENCE = 2.0
WINDOWS = os.name == "nt"
_connect = sqlite3.connect


class Plan(NamedTuple):
    """What one child is to do.

    `upto` requests in all, None for no end; it kills itself before the `left`-th `moment`, and
    with "" as moment it goes through to the end and writes down the moments that there are.
    """

    folder: str
    base_url: str
    at_once: int
    upto: int | None
    moment: str | None = None
    left: int = 0


class Diary:
    """What the person in front of the screen knows, in files that outlive a child.

    `asked` holds the number of every request; `reported` the number and take of those whose submit
    was reported as uncertain; `given` the number and the ledger's row of every track handed out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, line: str) -> None:
        # One write of a few bytes to a file opened for appending: all of it or nothing.
        with (self._folder / name).open("ab", buffering=0) as file:
            file.write(f"{line}\n".encode())

    def read(self, name: str) -> list[str]:
        path = self._folder / name
        return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []

    def asked(self) -> set[int]:
        return {int(line) for line in self.read("asked")}

    def reported(self) -> Counter[int]:
        """How many takes of a request were reported."""
        takes = {tuple(map(int, line.split())) for line in self.read("reported")}
        return Counter(number for number, _ in takes)

    def given(self) -> dict[int, str]:
        pairs = (line.split() for line in self.read("given"))
        return {int(number): local_id for number, local_id in pairs}


# The child


class Client:
    """Buys tracks, several at once, beginning with those that were asked for and never came."""

    def __init__(self, plan: Plan) -> None:
        folder = Path(plan.folder)
        self._plan = plan
        self._diary = Diary(folder)
        self._ledger = Ledger(folder / "data")
        self._service = Service(
            SERVICE,
            plan.base_url,
            None,
            self._ledger,
            is_free=False,
            timing=Timing(rate_limit=600, first_poll=5.0).scaled(SCALE),
        )
        self._settings = Settings(spend_limit_per_run=1e6, spend_limit_per_day=1e6)

    async def work(self) -> None:
        numbers = self._numbers()
        await asyncio.gather(*(self._worker(numbers) for _ in range(self._plan.at_once)))
        self._service.close()
        self._ledger.close()

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
            job = await self._bought(number)
            done = await self._service.wait(job, timeout=60.0, progress=lambda progress: None)
            assert done.result_url is not None
            track = self._service.open(done.result_url, max_download_mb=1.0)
            with track.reader:
                await self._service.fill(track)
                await asyncio.to_thread(self._service.keep, track)
            self._diary.write("given", f"{number} {done.local_id}")

    async def _bought(self, number: int) -> Job:
        """The job of a request; does what the error says where it is not known if it was bought."""
        for take in count(1):
            request = MusicRequest(f"request {number}", 5.0, format="wav", take=take)
            try:
                return await self._service.submit(
                    request, run=f"{os.getpid()}", settings=self._settings
                )
            except UncertainSubmitError:
                self._diary.write("reported", f"{number} {take}")
                row = self._ledger.alive(SERVICE, request)
                assert row is not None
                found = await asyncio.to_thread(self._in_the_dashboard, row.idempotency_key)
                if found is not None:
                    return self._service.pick_up(found)
        raise AssertionError("there is always another take")

    def _in_the_dashboard(self, key: str) -> str | None:
        jobs = sandbox_bill(self._plan.base_url)["jobs"]
        return next((job["id"] for job in jobs if job["key"] == key), None)


class Moments(logging.Handler):
    """Counts what a child does, from outside; kills it at the moment of the plan."""

    _FILES = ("open", "os.rename", "os.remove", "os.mkdir", "os.utime")

    def __init__(self, plan: Plan) -> None:
        super().__init__(logging.DEBUG)
        self._plan = plan
        self._left = plan.left
        self._data = str(Path(plan.folder) / "data")
        self.counts: Counter[str] = Counter()

    def watch(self) -> None:
        logger = logging.getLogger("httpcore")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        logger.propagate = False
        sys.addaudithook(self._audited)
        sqlite3.connect = self._connect

    def emit(self, record: logging.LogRecord) -> None:
        step, _, rest = record.getMessage().partition(" ")
        method = next((name for name in ("POST", "GET") if f"b'{name}'" in rest), "")
        self._reached(f"{method} {step}".strip())

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in self._FILES and str(arguments[0]).startswith(self._data):
            if event == "open" and arguments[1] == "r":
                return
            last = str(arguments[1] if event == "os.rename" else arguments[0])
            self._reached(f"{event} {Path(last).suffix or 'folder'}")

    def _connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = _connect(*arguments, **options)
        connection.set_trace_callback(self._traced)
        return connection

    def _traced(self, statement: str) -> None:
        self._reached(f"SQL {statement.split(maxsplit=1)[0]}")

    def _reached(self, name: str) -> None:
        if not self._plan.moment:
            self.counts[name] += 1
        elif name == self._plan.moment:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGTERM if WINDOWS else signal.SIGKILL)


def child(plan: Plan) -> None:
    """What a child process does."""
    if plan.moment is None:
        asyncio.run(Client(plan).work())
        return
    moments = Moments(plan)
    moments.watch()
    asyncio.run(Client(plan).work())
    if not plan.moment:
        (Path(plan.folder) / "moments").write_text(json.dumps(moments.counts), encoding="utf-8")


# The parent


class Process(Protocol):
    """What the parent needs of a child; `wait` tells whether it has ended within `seconds`."""

    def wait(self, seconds: float | None) -> bool: ...
    def kill(self) -> None: ...
    @property
    def code(self) -> int | None: ...


class Forked:
    """A child that has everything loaded already: a thousand of them in minutes."""

    def __init__(self, plan: Plan) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=child, args=(plan,))
        self._process.start()

    def wait(self, seconds: float | None) -> bool:
        self._process.join(seconds)
        return self._process.exitcode is not None

    def kill(self) -> None:
        self._process.kill()

    @property
    def code(self) -> int | None:
        return self._process.exitcode


class Spawned:
    """A child that begins as a new Python."""

    def __init__(self, plan: Plan) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--child", json.dumps(plan)]
        self._process = subprocess.Popen(command)

    def wait(self, seconds: float | None) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def kill(self) -> None:
        self._process.kill()

    @property
    def code(self) -> int | None:
        return self._process.returncode


class Soak:
    """The kills, and the count afterwards."""

    def __init__(self, options: argparse.Namespace, folder: Path, gateway: SandboxProcess) -> None:
        self._options = options
        self._random = random.Random(options.seed)
        self._diary = Diary(folder)
        self._ledger = folder / "data" / FILE_NAME
        self._gateway = gateway
        self._plan = Plan(str(folder), gateway.base_url, options.at_once, None)
        self._folder = folder
        self._start = Spawned if options.fresh or not hasattr(os, "fork") else Forked
        self.caught: Counter[str] = Counter()
        self.moments: Counter[str] = Counter()

    def run(self) -> None:
        """Kill as often as asked, then let the last child finish everything."""
        # The second child is the one to go by: the first one makes what later ones find.
        length = 0.0
        for rounds in (1, 2):
            began = time.monotonic()
            self._to_the_end(self._plan._replace(upto=rounds * self._options.at_once, moment=""))
            length = time.monotonic() - began
        known = json.loads((self._folder / "moments").read_text(encoding="utf-8"))
        for killed in range(1, self._options.kills + 1):
            self._kill_one(length, known)
            if killed % 100 == 0:
                print(f"{killed} kills, {len(self._diary.given())} tracks", flush=True)
        self._to_the_end(self._plan._replace(upto=0))

    def _kill_one(self, length: float, known: dict[str, int]) -> None:
        moment, delay = None, self._random.uniform(0.0, length)
        left = 0
        if self._random.random() < 0.5:
            moment = self._random.choice(sorted(known))
            left, delay = (
                self._random.randint(1, min(known[moment], self._options.at_once)),
                PATIENCE,
            )
        process = self._start(self._plan._replace(moment=moment, left=left))
        by_itself = process.wait(delay)
        if not by_itself:
            process.kill()
            process.wait(None)
        elif process.code not in (-signal.SIGTERM, -9, signal.SIGTERM):
            raise SystemExit(f"A child ended by itself with {process.code}; see above.")
        self.moments[moment if by_itself and moment else "at a random time"] += 1
        self.caught.update(self._states() or ["nothing under way"])

    def _to_the_end(self, plan: Plan) -> None:
        process = self._start(plan)
        process.wait(None)
        if process.code:
            raise SystemExit(f"A child ended with {process.code}; see above.")

    def _states(self) -> list[str]:
        """The states that the requests without a track are in."""
        if not self._ledger.exists():
            return []
        with contextlib.closing(sqlite3.connect(self._ledger, timeout=30.0)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchall():
                return []
            rows = db.execute("SELECT prompt, state FROM jobs WHERE file IS NULL").fetchall()
        given = {f"request {number}" for number in self._diary.given()}
        return [state for prompt, state in rows if prompt not in given]

    def problems(self) -> list[str]:
        """Everything that is not as it has to be, in sentences; none is what is wanted."""
        found: list[str] = []
        ledger = Ledger(self._ledger.parent)
        rows = {job.local_id: job for job in ledger.recent(limit=10**9)}
        spent = ledger.spent(since=0.0)
        ledger.close()
        with contextlib.closing(sqlite3.connect(self._ledger)) as db:
            verdict = db.execute("PRAGMA integrity_check").fetchall()
        if verdict != [("ok",)]:
            found.append(f"The ledger is damaged: {verdict}.")
        bill = self._gateway.bill()
        asked, reported, given = self._diary.asked(), self._diary.reported(), self._diary.given()
        charges = Counter(int(job["prompt"].split()[1]) for job in bill["jobs"])
        self.bill, self.rows, self.asked, self.reported = bill, rows, asked, reported
        repeats: Counter[int] = Counter()
        for row in rows.values():
            number = int(row.prompt.split()[1]) if row.prompt else 0
            repeats[number] += row.repeats
            if row.state is State.UNCERTAIN and not reported[number]:
                found.append(f"Request {number} is uncertain, and nobody was told.")
            if row.state not in (State.COMPLETED, State.UNCERTAIN):
                found.append(f"Request {number} was left {row.state.value}.")
        self.repeats = repeats
        keys = {row.idempotency_key for row in rows.values()}
        for job in bill["jobs"]:
            if job["key"] not in keys:
                found.append(f"The job {job['id']} was charged, and the ledger knows nothing.")
        for number in sorted(asked):
            # Where the gateway knows the request by its key, a repeat costs nothing.
            allowed = 1 + reported[number]
            if self._options.no_idempotency:
                allowed += repeats[number]
            if not 1 <= charges[number] <= allowed:
                found.append(f"Request {number} was charged {charges[number]} times.")
            row = rows.get(given.get(number, ""))
            if row is None:
                found.append(f"Request {number} never got its track.")
                continue
            found += self._track_problems(number, row)
        if spent < bill["dollars"] - 1e-6:
            found.append(f"The ledger counts ${spent:.4f} of ${bill['dollars']:.4f} charged.")
        left = list((self._ledger.parent / "owners").iterdir())
        if left:
            found.append(f"{len(left)} lock files of processes that are gone were left behind.")
        return found

    def _track_problems(self, number: int, row: Job) -> list[str]:
        ids = {job["id"]: job["prompt"] for job in self.bill["jobs"]}
        if row.remote_id is None or ids.get(row.remote_id) != f"request {number}":
            return [f"Request {number} got the track of another request."]
        path = self._ledger.parent / "tracks" / (row.file or "")
        if not row.file or not path.is_file():
            return [f"The track of request {number} is not in the store."]
        record = json.loads(get(f"{self._gateway.base_url}/jobs/{row.remote_id}"))
        if path.read_bytes() != get(record["result"]["url"]):
            return [f"The track of request {number} is not what the gateway served."]
        return []

    def report(self, seconds: float) -> None:
        def table(title: str, counts: Counter[str]) -> None:
            print(f"\n{title}")
            for name, times in counts.most_common():
                print(f"{times:8} {name}")

        table("kills by moment", self.moments)
        table("requests caught without a track, by state", self.caught)
        extra = len(self.bill["jobs"]) - len(self.asked)
        print(
            f"\n{len(self.asked)} requests, {len(self.bill['jobs'])} charges ({extra:+}); "
            f"{sum(self.repeats.values())} submits repeated after an uncertain one, "
            f"{sum(self.reported.values())} reported as uncertain; "
            f"seed {self._options.seed}, {self._options.kills} kills, {seconds:.0f} s"
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill a client at random and count the money.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="to repeat a run (default: another one each time)")
    parser.add_argument("--requests", type=int, default=4, dest="at_once", help="at once")
    parser.add_argument(
        "--no-idempotency", action="store_true", help="the gateway pays no heed to Idempotency-Key"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="start each child as a new Python, not as a fork"
    )
    parser.add_argument("--data", type=Path, help="an empty folder to work in, and to keep")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(2**32)
    return options


def main() -> int:
    options = arguments()
    if options.child:
        child(Plan(*json.loads(options.child)))
        return 0
    print(f"seed {options.seed}", flush=True)
    # Made once, before the children: it takes longer than a child should.
    ssl_context()
    folder = options.data or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    extra = ["--no-idempotency"] if options.no_idempotency else []
    began = time.monotonic()
    with sandbox_process(*GATEWAY, "--limit=1000000", *extra) as gateway:
        soak = Soak(options, folder, gateway)
        soak.run()
        problems = soak.problems()
        soak.report(time.monotonic() - began)
    for problem in problems:
        print(f"WRONG: {problem}")
    if problems:
        print(f"{len(problems)} things are wrong; everything is kept in {folder}.")
        return 1
    if options.data is None:
        shutil.rmtree(folder)
    print("Every request has its track, and none was charged twice without a word.")
    return 0
