"""Many machines and one key: `python3 benchmarks/run.py farm_pacing [--json FILE]`.

8 workers with a ledger in PostgreSQL wait for 4 jobs each, with an account of 10 and of 600
requests a minute. They share the rate in the ledger. The figures are the share of requests that are
one too many (429), and how long a submit waits beyond what the rate itself demands of so many
submits, in windows of a minute.

The times of the gateway and of the pack are compressed alike.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from ..api.account import Account
from ..api.base.request import MusicRequest
from ..api.base.timing import Timing
from ..api.farm.shared_addresses import LedgerUrl
from ..api.library import Library
from ..api.settings import Settings
from ..api.wire.key import ApiKey
from ..tests.postgres_server import running_postgres
from ..tests.sandbox_process import sandbox_process
from .report import Row, arguments, report

WORKERS, JOBS = 8, 4
LIMITS = (10, 600)
# Factor for all times. Smaller ones would measure how many processors this machine has.
SCALE = 1 / 6
MOST_REFUSED, MOST_WINDOWS = 0.01, 2.0
SETTINGS = Settings(spend_limit_per_run=1e6, spend_limit_per_day=1e6)


async def one(account: Account, worker: int, job: int) -> float:
    """Buy and await a job; seconds until it was submitted."""
    began = time.monotonic()
    request = MusicRequest(f"request {worker} {job}", 5.0, format="wav")
    bought = await account.submit(request, SETTINGS, run=f"{worker}")
    waited = time.monotonic() - began
    await account.wait(bought, timeout=3600.0, progress=lambda progress: None)
    return waited


async def farm(
    base_url: str, server: str, folder: Path, timing: Timing, workers: int, jobs: int
) -> list[float]:
    """Seconds that each submit of each worker waited."""
    url = LedgerUrl(server, "the benchmark")
    opened: list[tuple[Library, Account]] = []
    for worker in range(workers):
        library = Library(folder / str(worker), ledger_url=url)
        key = ApiKey("sk-aig-benchmark", "the benchmark")
        opened.append((library, Account("benchmark", base_url, key, library, timing)))
    waits = [
        one(account, worker, job)
        for worker, (_, account) in enumerate(opened)
        for job in range(jobs)
    ]
    waited = await asyncio.gather(*waits)
    for library, account in opened:
        account.close()
        library.close()
    return waited


def main() -> int:
    options = arguments(__doc__).parse_args()
    workers, jobs = (2, 2) if options.small else (WORKERS, JOBS)
    rows: list[Row] = []
    with running_postgres() as server:
        for limit in LIMITS[-1:] if options.small else LIMITS:
            words = ("--tone", f"--limit={limit}", f"--scale={SCALE}", "--queue=5", "--run=30")
            with tempfile.TemporaryDirectory() as name, sandbox_process(*words) as gateway:
                timing = Timing().scaled(SCALE)
                url = server.new_database()
                waited = asyncio.run(farm(gateway.base_url, url, Path(name), timing, workers, jobs))
                bill = gateway.bill()
            refused = bill["rejected"] / bill["requests"]
            demanded = (workers * jobs - 1) // limit
            longest = max(waited) / timing.rate_window - demanded
            print(f"{limit} a minute: {bill['rejected']} of {bill['requests']} requests refused")
            rows.append(
                Row(f"{limit}: refused", refused, MOST_REFUSED, refused / MOST_REFUSED, 1.0)
            )
            rows.append(
                Row(f"{limit}: longest wait", longest, MOST_WINDOWS, longest / MOST_WINDOWS, 1.0)
            )
    print(f"\n{workers} workers x {jobs} jobs (ours) beside the bound (peer)\n")
    report(rows, options.json)
    return 0
