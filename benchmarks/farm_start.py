"""The cold start of a worker: `python3 benchmarks/run.py farm_start [--json FILE]`.

Each round is a new process with an empty folder, as a container has it. It loads the pack, opens
its account, buys a track and keeps it. The figures are the seconds from the start of the process to
the first accepted submit, and the most memory until the track is kept: with the ledger in
PostgreSQL and the tracks in a bucket (ours) beside a file and a folder (peer). The fastest round
counts. ComfyUI and torch are left out. The servers are on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from ..api.account import Account
from ..api.base.request import MusicRequest
from ..api.base.timing import Timing
from ..api.farm.shared_addresses import LedgerUrl, StoreUrl
from ..api.library import Library
from ..api.settings import Mode, Settings
from ..api.wire.key import ApiKey
from ..tests.buckets import serving
from ..tests.postgres_server import running_postgres
from ..tests.sandbox_process import sandbox_process
from .report import RUN, arguments, compare, report

GATEWAY = ("--tone", "--queue=0", "--run=0.3", "--run-per-second=0")
_WHO = "the benchmark"


class Plan(NamedTuple):
    """A worker; the two addresses are "" for one that shares nothing."""

    base_url: str
    folder: str
    ledger_url: str = ""
    store_url: str = ""


class Start(NamedTuple):
    """Seconds to the first accepted submit, and MiB at most."""

    seconds: float
    memory: float


async def work(plan: Plan) -> None:
    """Print when the first submit was accepted, seconds since 1970, and the most memory in MiB."""
    settings = Settings(
        mode=Mode.LIVE,
        store_url=StoreUrl(plan.store_url, _WHO) if plan.store_url else None,
    )
    ledger_url = LedgerUrl(plan.ledger_url, _WHO) if plan.ledger_url else None
    library = Library(Path(plan.folder), ledger_url=ledger_url)
    timing, key = Timing(first_poll=0.5), ApiKey("sk-aig-benchmark", _WHO)
    account = Account("benchmark", plan.base_url, key, library, timing)
    request = MusicRequest(plan.folder, 5.0, format="wav")
    job = await account.submit(request, settings, run="run")
    print(time.time())
    done = await account.wait(job, timeout=60.0, progress=lambda progress: None)
    audio = await account.open(done.result_url or "", settings)
    await account.download(audio)
    kept = await account.store(audio, settings)
    assert kept.path is not None
    assert not kept.unsent
    account.close()
    library.close()
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def started(base_url: str, ledger_url: str = "", store_url: str = "") -> Start:
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(base_url, folder, ledger_url, store_url)
        began = time.time()
        command = [sys.executable, str(RUN), "farm_start", "--worker", json.dumps(plan)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    accepted, memory = map(float, done.stdout.split())
    return Start(accepted - began, memory)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        asyncio.run(work(Plan(*json.loads(options.worker))))
        return 0
    alone: list[Start] = []
    farm: list[Start] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgres(durable=True) as server,
        serving("localbucket", Path(folder)) as bucket,
        sandbox_process(*GATEWAY) as gateway,
    ):
        ledger_url = server.new_database()
        for _ in range(1 if options.small else 5):
            alone.append(started(gateway.base_url))
            farm.append(started(gateway.base_url, ledger_url, bucket.address()))
    ours, peer = (Start(*map(min, zip(*starts, strict=True))) for starts in (farm, alone))
    rows = [
        compare("seconds to the first submit", ours.seconds, peer.seconds),
        compare("MiB at most", ours.memory, peer.memory),
    ]
    report(rows, options.json)
    return 0
