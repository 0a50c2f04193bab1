"""`soak.py --farm 4`: a run from the first worker to the count."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from ....api.wire.http import ssl_context
from .count import Count
from .mutants import BUGS
from .plan import KEY, RATE_LIMIT, SCALE
from .shots import Shots
from .world import running_world

# Short jobs, and an account whose rate is too small for the workers' requests.
GATEWAY = (
    *("--tone", "--queue=2", "--run=4", "--run-per-second=0", f"--scale={SCALE}"),
    *(f"--limit={RATE_LIMIT}", f"--key={KEY}"),
)
CALM = tuple(number for number in range(900_000, 900_012) if number % 9 != 4)
PACE = tuple(number for number in range(700_000, 700_036) if number % 9 != 4)
ASLEEP = 800_001


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--farm", type=int, metavar="WORKERS", help="that share one ledger")
    parser.add_argument("--crashes", type=int, default=4, help="of the farm's database")
    parser.add_argument("--bug", choices=sorted(BUGS), help="a planted bug: the run must find it")


def run(options: argparse.Namespace) -> int:
    import psycopg  # noqa: F401  loaded before the workers fork

    ssl_context(for_loopback=True)
    folder = options.data or Path(tempfile.mkdtemp(prefix="farm-"))
    folder.mkdir(parents=True, exist_ok=True)
    extra = ["--dialect=no-idempotency"] if options.no_idempotency else []
    began = time.monotonic()
    times: dict[str, float] = {}
    with running_world(options.farm, *GATEWAY, *extra) as world:
        shots = Shots(world, folder, options.farm, options.seed, options.bug or "")
        for name, phase in (
            ("shots", lambda: shots.shoot(options.kills, options.crashes)),
            ("the rest", shots.finish),
            ("pace", lambda: shots.keep_pace(PACE)),
            ("calm", lambda: shots.keep_calm(CALM)),
            ("sleep", lambda: shots.wake_the_dead(ASLEEP)),
        ):
            phase_began = time.monotonic()
            phase()
            times[name] = time.monotonic() - phase_began
        count = Count(world, shots, folder, CALM + PACE, ASLEEP)
        problems = count.problems(not options.no_idempotency)
        hits = Counter(shots.hits) + Counter(world.proxies.hits())
        pooled = "half of them through PgBouncer" if world.has_pooler else "without PgBouncer"
    print("\nhits by fault")
    for name, number in hits.most_common():
        print(f"{number:8} {name}")
    print(f"\n{count.summary()}")
    print(", ".join(f"{name} {seconds:.0f} s" for name, seconds in times.items()))
    seconds = time.monotonic() - began
    print(
        f"{options.farm} workers, {pooled}; seed {options.seed}, {options.kills} kills, "
        f"{seconds:.0f} s"
    )
    for problem in problems[:20]:
        print(f"WRONG: {problem}")
    if problems:
        print(f"{len(problems)} things are wrong; all files are in {folder}.")
        return 1
    if options.data is None:
        shutil.rmtree(folder)
    print("Every request has its track, and no charge was repeated without a report.")
    return 0
