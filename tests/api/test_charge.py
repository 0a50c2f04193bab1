"""What a job cost, dead or not: the row, its sentence, its error, the sums and the list agree."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...api.base.errors import DeadJobError
from ...api.base.request import MusicRequest
from ...api.money.job import SANDBOX, Job, State
from ...api.money.ledger import Ledger

PRICE = 0.006
CASES = [
    (State.FAILED, 0.5, 0.5, "charged $0.50"),
    (State.FAILED, 0.0, 0.0, "not charged"),
    (State.FAILED, None, 0.0, "not charged"),
    (State.CANCELLED, 0.5, 0.5, "charged $0.50"),
    (State.CANCELLED, None, 0.0, "not charged"),
    (State.LOST, 0.5, 0.5, "charged $0.50"),
    (State.LOST, None, PRICE, "costs $0.006"),
    (State.UNCERTAIN, 0.5, 0.5, "charged $0.50"),
    (State.UNCERTAIN, None, PRICE, "may have been charged with $0.006"),
    (State.QUEUED, None, PRICE, "costs $0.006"),
    (State.COMPLETED, 0.5, 0.5, "paid $0.50"),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        yield ledger


def add(ledger: Ledger, state: State, charged: float | None, *, take: int = 1) -> Job:
    request = MusicRequest("piano", take=take)
    job, _ = ledger.create("test", request, run="run", price=PRICE)
    ledger.release(job)
    return ledger.update(job.local_id, state=state, charged=charged, job_id=f"job_{take}")


@pytest.mark.parametrize(("state", "charged", "charge", "bill"), CASES)
def test_a_job_and_the_sum_of_the_ledger_say_the_same(
    ledger: Ledger, state: State, charged: float | None, charge: float, bill: str
) -> None:
    job = add(ledger, state, charged)
    assert (job.charge, job.bill) == (charge, bill)
    assert ledger.spent() == charge
    if state.is_dead:
        error = job.as_error()
        assert (error.charge, error.bill) == (charge, bill)
        assert ("The gateway charged $0.50 for it" in str(error)) == bool(charge)
        noted = error.noting("No take is good.")
        assert isinstance(noted, DeadJobError)
        assert (noted.charge, noted.bill) == (charge, bill)


def test_the_list_puts_the_dearest_first_by_what_jobs_cost(ledger: Ledger) -> None:
    for take, (state, charged, _, _) in enumerate(CASES):
        add(ledger, state, charged, take=take)
    rows = ledger.page(sort="dearest", limit=100).rows
    charges = [job.charge or 0.0 for job in rows]
    assert charges == sorted(charges, reverse=True)
    assert len(rows) == len(CASES)


def test_a_dead_sketch_is_free(ledger: Ledger) -> None:
    job, _ = ledger.create(SANDBOX, MusicRequest("piano"), run="run", price=0.0)
    dead = ledger.fail(job.local_id, "The service has lost the job.")
    assert (dead.charge, dead.bill, dead.as_error().bill) == (0.0, "free", "free")
