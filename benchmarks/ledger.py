"""What a committed row costs: `python3 benchmarks/run.py ledger [--json FILE] [--rows N]`.

A row is written as before a submit, its job id as after one, and the price line asks what it costs.
The ledger of one machine is an SQLite file. The ledger of many is a PostgreSQL on loopback with
`fsync` on, as a server has it; half of a millisecond on the way to a real one counts ten times.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from ..api.base.request import MusicRequest
from ..api.farm.shared_addresses import LedgerUrl
from ..api.money.ledger import Ledger
from ..api.money.spending import SpendingRules
from ..api.wire.protocol import JobRecord, JobStatus
from ..tests.postgres_server import running_postgres
from .report import Row, arguments, report

RULES = SpendingRules(per_run=1e9, per_day=1e9)
# Milliseconds of a committed row, of a far ledger on loopback.
GOAL = 3.0


class Times(NamedTuple):
    """Milliseconds, the median of all rows."""

    created: float
    confirmed: float
    answered: float
    quoted: float


def measure(ledger: Ledger, rows: int) -> Times:
    created: list[float] = []
    confirmed: list[float] = []
    answered: list[float] = []
    quoted: list[float] = []

    def timed(into: list[float], call: Callable[[], object]) -> None:
        began = time.perf_counter()
        call()
        into.append((time.perf_counter() - began) * 1000)

    for take in range(1, rows + 1):
        request = MusicRequest("piano", 5.0, take=take)

        def create(request: MusicRequest = request) -> None:
            ledger.create("test", request, run="run", price=0.001, rules=RULES)

        timed(created, create)
        job = ledger.living("test", request)
        assert job is not None
        record = JobRecord(f"job_{take}", JobStatus.QUEUED)
        timed(confirmed, lambda job=job: ledger.confirm(job))
        timed(answered, lambda job=job, record=record: ledger.answered(job, record))
        ledger.release(job)
        timed(quoted, lambda: ledger.quote("test", [0.001], RULES))
    return Times(median(created), median(confirmed), median(answered), median(quoted))


def bare(url: str, rows: int) -> float:
    """Milliseconds of one INSERT of the same database, without a ledger around it; the median."""
    import psycopg

    times: list[float] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (row BIGINT)")
        for row in range(rows):
            began = time.perf_counter()
            connection.execute("INSERT INTO bare VALUES (%s)", (row,))
            times.append((time.perf_counter() - began) * 1000)
    return median(times)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=300)
    options = parser.parse_args()
    options.rows = 5 if options.small else options.rows
    with tempfile.TemporaryDirectory() as name, running_postgres(durable=True) as server:
        url = LedgerUrl(server.url(), "the benchmark")
        local, shared = Ledger(Path(name, "local")), Ledger(Path(name, "shared"), peers=url.peers())
        alone = bare(server.url(), options.rows)
        ours, theirs = measure(shared, options.rows), measure(local, options.rows)
        local.close()
        shared.close()
    print("Milliseconds, PostgreSQL on loopback (ours) beside the SQLite file (peer)\n")
    names = ("a new row", "a confirmation", "a job id", "a quote")
    rows = [
        Row(name, here, there, here / there)
        for name, here, there in zip(names, ours, theirs, strict=True)
    ]
    worst = max(ours.created, ours.answered)
    rows.append(Row("a new row, beside a bare INSERT", ours.created, alone, ours.created / alone))
    rows.append(Row(f"the dearest commit, beside {GOAL:g} ms", worst, GOAL, worst / GOAL, 1.0))
    report(rows, options.json)
    return 0
