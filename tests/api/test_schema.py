"""A ledger of an earlier version is brought to the newest one with all its rows, or stays as it is.

The step to the next version is made up here: this is the first version.
"""

from __future__ import annotations

import contextlib

import pytest

from ...api.base.errors import LedgerError
from ...api.base.request import MusicRequest
from ...api.money import schema
from ..ledgers import Address

PIANO = MusicRequest("piano", 5.0)
STEP = (
    "ALTER TABLE jobs ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'",
    "CREATE INDEX by_mood ON jobs (mood)",
)


def test_the_next_step_is_run_once_and_as_a_whole(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(address.ledger()) as ledger:
        job, _ = ledger.create("test", PIANO, run="run", price=0.001)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", (*schema.STEPS, (*STEP, "no statement")))
        with pytest.raises(LedgerError, match="cannot be used"):
            address.ledger()
    with contextlib.closing(address.ledger()) as ledger:
        assert ledger.get(job.local_id) == job
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, STEP))
    for _ in range(2):
        with contextlib.closing(address.ledger()) as ledger:
            assert ledger.loss is None
            assert ledger.get(job.local_id) == job
            assert ledger.create("test", PIANO, run="run", price=0.001) == (job, False)
            assert ledger.engine.execute("SELECT mood FROM jobs") == [("calm",)]


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(schema, "STEPS", (*schema.STEPS, STEP))
        with contextlib.closing(address.ledger()) as ledger:
            job, _ = ledger.create("test", PIANO, run="run", price=0.001)
    with pytest.raises(LedgerError, match="A newer version of this pack"):
        address.ledger()
    assert address.seen("SELECT local_id, mood FROM jobs") == [(job.local_id, "calm")]
