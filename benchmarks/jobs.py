"""Waiting for jobs, beside the official SDK: `python3 benchmarks/run.py jobs [--json FILE]`.

Both buy the same jobs from the same sandbox gateway, one after the other, with an account of 10 and
of 600 requests a minute. The figures are how late the end of a job is noticed, how many requests
that takes, and how many jobs are lost to an exception. The SDK runs with its defaults, and with a
poll every 3 s, because its default of 2 s breaks the gateway's rule.

The times of the gateway, of the pack and of the SDK's sleeps are compressed alike. The printed
times are in seconds of a real account.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any, NamedTuple

from ..api.account import Account
from ..api.base.request import DEFAULT_MODEL, MusicRequest
from ..api.base.timing import Timing
from ..api.library import Library
from ..api.settings import Settings
from ..api.wire.key import ApiKey
from ..tests.sandbox_process import sandbox_process
from .report import Row, arguments, report

# Factor for all times, by requests a minute: the slow account is compressed more.
SCALES = {10: 1 / 30, 600: 1 / 6}
QUEUE, RUN = 5.0, 40.0
DURATION = 30.0
# In seconds of a real account.
TIMEOUT = 3600.0
# Seconds between polls: the documented 3, and a margin for the clock.
FLOOR = 3.05


class Outcome(NamedTuple):
    """One run: seconds of lateness of each job that ended, errors of the others."""

    late: list[float]
    errors: list[Exception]
    requests: int

    @property
    def per_track(self) -> float:
        return self.requests / len(self.late)


class Seen(NamedTuple):
    """A job whose end was noticed at `time`, in seconds since 1970."""

    job_id: str
    time: float


# Buys jobs (base URL, number, scale of times); returns when each end was noticed, or the error.
Run = Callable[[str, int, float], list[Seen | BaseException]]


async def at_once(buy: Callable[[int], Awaitable[str]], jobs: int) -> list[Seen | BaseException]:
    """Run `buy`, which returns a job's id when the job has ended, for each number."""

    async def one(number: int) -> Seen:
        return Seen(await buy(number), time.time())

    return await asyncio.gather(*map(one, range(jobs)), return_exceptions=True)


def ours(folder: Path) -> Run:
    """A run with this pack, whose ledger is in `folder`."""

    def run(base_url: str, jobs: int, scale: float) -> list[Seen | BaseException]:
        library = Library(folder)
        key = ApiKey("sk-aig-benchmark", "the benchmark")
        timing = Timing().scaled(scale)
        account = Account("benchmark", base_url, key, library, timing)

        async def buy(number: int) -> str:
            request = MusicRequest(f"piano for {base_url}", DURATION, take=number)
            job = await account.submit(request, Settings(), run=base_url)
            done = await account.wait(job, timeout=TIMEOUT * scale, progress=lambda progress: None)
            return str(done.job_id)

        try:
            return asyncio.run(at_once(buy, jobs))
        finally:
            account.close()
            library.close()

    return run


def sdk(**options: float) -> Run:
    """A run with the official SDK, with options for its `wait`."""
    module: Any = importlib.import_module("aigateway.client")

    def run(base_url: str, jobs: int, scale: float) -> list[Seen | BaseException]:
        async def work() -> list[Seen | BaseException]:
            root = base_url.removesuffix("/v1")
            async with module.AsyncAIgateway("sk-aig-benchmark", base_url=root) as client:

                async def buy(number: int) -> str:
                    job = await client.jobs.create_music(
                        prompt=f"piano {number}", duration=DURATION, model=DEFAULT_MODEL
                    )
                    await client.jobs.wait(job.id, timeout_seconds=TIMEOUT * scale, **options)
                    return job.id

                return await at_once(buy, jobs)

        module.asyncio = SimpleNamespace(
            sleep=lambda seconds: asyncio.sleep(seconds * scale),
            get_event_loop=asyncio.get_event_loop,
        )
        try:
            return asyncio.run(work())
        finally:
            module.asyncio = asyncio

    return run


def outcome(run: Run, jobs: int, limit: int) -> Outcome:
    """The outcome of one run, with a new gateway."""
    scale = SCALES[limit]
    arguments = (f"--queue={QUEUE}", f"--run={RUN}", "--run-per-second=0", f"--scale={scale}")
    with sandbox_process("--tone", f"--limit={limit}", *arguments) as gateway:
        results = run(gateway.base_url, jobs, scale)
        bill = gateway.bill()
    ends = {job["id"]: job["ends"] for job in bill["jobs"]}
    return Outcome(
        [(seen.time - ends[seen.job_id]) / scale for seen in results if isinstance(seen, Seen)],
        [result for result in results if isinstance(result, Exception)],
        bill["requests"],
    )


def compare(jobs: int, limit: int, peers: Mapping[str, Run]) -> list[Row]:
    """The pack and its peers with `jobs` at once, on an account of `limit` requests a minute.

    The times stand beside those of the last peer. Without peers the row is the lost jobs, to none.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        first = outcome(ours(Path(folder)), jobs, limit)
        # The ledger now knows how long such jobs take.
        second = outcome(ours(Path(folder)), jobs, limit)
    name = f"{jobs} job{'s' if jobs > 1 else ''} at {limit}/min"
    lost = len(first.errors)
    rows = [] if peers else [_row(f"{name}: lost, to none", lost, 0, 0.0)]
    slower: Outcome | None = None
    for title, run in peers.items():
        slower = outcome(run, jobs, limit)
        for error in slower.errors[:1]:
            print(f"{name}: the SDK {title} ends with {type(error).__name__}: {error}")
        rows.append(_row(f"{name}: lost, SDK {title}", lost, len(slower.errors), 0.0))
    for title, run in (("first time", first), ("second time", second)):
        if not run.late:
            continue
        late, per_track = fmean(run.late), run.per_track
        print(f"{name}, {title}: noticed {late:.1f} s late, {per_track:.1f} requests a track")
        # A run that lost every job has no times to compare.
        if slower and slower.late:
            rows += [
                _row(f"{name}: noticed late, s, {title}", late, fmean(slower.late), None),
                _row(f"{name}: requests a track, {title}", per_track, slower.per_track, None),
            ]
    return rows


def _row(name: str, ours: float, peer: float, goal: float | None) -> Row:
    # 0 to 0 counts as 0, the best ratio.
    return Row(name, ours, peer, 0.0 if ours == 0 else ours / (peer or 1.0), goal)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--limits", type=int, nargs="+", choices=SCALES, default=list(SCALES))
    options = parser.parse_args()
    if options.small:
        options.jobs, options.limits = [2], [600]
    peers: dict[str, Run] = {}
    if importlib.util.find_spec("aigateway") is None:
        print("The official SDK is missing, and so are its figures: `pip install aigateway-py`.")
    else:
        peers = {"by default": sdk(), "every 3 s": sdk(poll_interval_seconds=FLOOR)}
    print(f"A job takes {QUEUE + RUN:g} s; all times are compressed:")
    for limit, scale in SCALES.items():
        print(f"by {1 / scale:g} at {limit} requests a minute")
    rows = [
        row
        for limit in options.limits
        for jobs in options.jobs
        for row in compare(jobs, limit, peers)
    ]
    report(rows, options.json)
    return 0
