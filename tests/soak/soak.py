"""Kill a client many times and count the money: `python3 tests/soak/soak.py --kills 1000`.

A child process buys tracks from a sandbox gateway in another process, as the nodes do. It is killed
at random times and just before exact moments. The next child continues in the same data directory.
At the end every request must have its track, and the gateway's bill must hold each of them once.

With `--farm 4` the clients are workers with throw-away folders that share one ledger in PostgreSQL.

`--minutes N` kills nothing: it runs graphs for N minutes, and interrupts a node every 20 s. It
measures memory, open files, threads, tasks, temporary files, the time from an interrupt to the end
of its node, and how long an event loop of ComfyUI was blocked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import runpy
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    # Continue as a module of the pack, because its imports are relative.
    lib = Path(__file__).resolve().parents[2] / "scripts" / "lib"
    sys.exit(runpy.run_path(str(lib / "pack.py"))["run"]("tests.soak.soak"))

from ...api.wire.http import ssl_context
from ..sandbox_process import sandbox_process
from .client import child
from .count import Count
from .farm import run as farm
from .farm.proxy import serve
from .kills import Kills
from .plan import SCALE, Plan
from .processes import Forked, Spawned

# A job takes about a tenth of a second: as long as the client's own work around it.
GATEWAY = ("--tone", "--queue=2", "--run=4", "--run-per-second=0", f"--scale={SCALE}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill a client many times and count the money.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, help="measure for so long, and kill nothing")
    parser.add_argument("--seed", type=int, help="to repeat a run (default: random)")
    parser.add_argument("--requests", type=int, default=4, dest="at_once", help="at once")
    parser.add_argument(
        "--no-idempotency", action="store_true", help="the gateway ignores Idempotency-Key"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="start each child as a new Python, not as a fork"
    )
    parser.add_argument("--data", type=Path, help="work in this empty folder, and leave it")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--proxy", help=argparse.SUPPRESS)
    farm.add_arguments(parser)
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(2**32)
    return options


def table(title: str, counts: Counter[str]) -> None:
    print(f"\n{title}")
    for name, times in counts.most_common():
        print(f"{times:8} {name}")


def measure(minutes: float) -> int:
    from .steady import steady

    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        sandbox_process(*GATEWAY, "--limit=1000000") as gateway,
    ):
        problems = steady(gateway, Path(folder), minutes)
    for problem in problems:
        print(f"WRONG: {problem}")
    return int(bool(problems))


def main() -> int:
    options = arguments()
    if options.child:
        child(Plan(*json.loads(options.child)))
        return 0
    if options.proxy:
        asyncio.run(serve(json.loads(options.proxy)))
        return 0
    if options.minutes:
        return measure(options.minutes)
    print(f"seed {options.seed}", flush=True)
    if options.farm:
        return farm.run(options)
    # Loaded before the children fork: it takes longer than a child's life.
    ssl_context(for_loopback=True)
    folder = options.data or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    extra = ["--dialect=no-idempotency"] if options.no_idempotency else []
    start = Spawned if options.fresh or not hasattr(os, "fork") else Forked
    began = time.monotonic()
    with sandbox_process(*GATEWAY, "--limit=1000000", *extra) as gateway:
        plan = Plan(str(folder), gateway.base_url, options.at_once, None)
        kills = Kills(plan, start, options.seed)
        kills.run(options.kills)
        count = Count(folder, gateway)
        problems = count.problems(not options.no_idempotency)
    table("kills by moment", kills.moments)
    table("requests caught without a track, by state", kills.caught)
    seconds = time.monotonic() - began
    print(f"\n{count.summary()}; seed {options.seed}, {options.kills} kills, {seconds:.0f} s")
    for problem in problems:
        print(f"WRONG: {problem}")
    if problems:
        print(f"{len(problems)} things are wrong; all files are in {folder}.")
        return 1
    if options.data is None:
        shutil.rmtree(folder)
    print("Every request has its track, and no charge was repeated without a report.")
    return 0
