"""One service and one key: the price that is shown, a slow disk, and an account that is left."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ...api.account import Account
from ...api.base.errors import GatewayError, SpendLimitError
from ...api.base.request import MusicRequest
from ...api.money.job import State
from ...api.money.sqlite import FILE_NAME
from ...api.settings import Settings
from ...api.wire.protocol import Model
from ...sandbox.server import Sandbox
from ..gateway import account_on

PIANO = MusicRequest("piano", 5.0, format="wav")


# The price line and the refusal


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    price=st.one_of(st.none(), st.sampled_from([0.0, 0.0002, 0.1, 0.8])),
    spent=st.sampled_from([0.0, 0.5, 0.99, 5.0]),
    per_run=st.sampled_from([0.0, 0.001, 0.5, 4.0]),
    per_day=st.sampled_from([0.001, 1.0, 9.0]),
    allow_unknown=st.booleans(),
)
def test_what_the_price_line_refuses_is_refused_and_nothing_else(
    sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
    price: float | None,
    spent: float,
    per_run: float,
    per_day: float,
    allow_unknown: bool,
) -> None:
    request = PIANO._replace(model="some/model")
    rules = Settings(
        base_url=sandbox.base_url,
        spend_limit_per_run=per_run,
        spend_limit_per_day=per_day,
        allow_unknown_price=allow_unknown,
    )
    folder = tmp_path_factory.mktemp("prices")
    with account_on(sandbox, folder, name=rules.service) as account:
        account.library.catalogue(rules.service).replace([Model("some/model", price)])
        account.library.ledger.create(rules.service, PIANO, run="earlier", price=spent)
        quote = asyncio.run(account.library.quote([request], rules))
        # The gateway knows no such model: an order that passes the rules fails there.
        with pytest.raises(GatewayError) as failed:
            asyncio.run(account.submit(request, rules, run="this"))
    assert isinstance(failed.value, SpendLimitError) == (quote.refusal is not None)


async def test_a_bought_track_is_quoted_as_free(account: Account) -> None:
    rules = Settings(base_url="http://127.0.0.1:9/v1")
    job, _ = account.library.ledger.create(rules.service, PIANO, run="run", price=0.001)
    account.library.ledger.update(job.local_id, state=State.QUEUED)
    quote = await account.library.quote([PIANO], rules)
    assert (quote.total, quote.refusal, quote.is_bought) == (0.0, None, True)


# A slow disk


async def test_a_ledger_that_another_process_holds_stops_no_poll(
    account: Account, tmp_path: Path
) -> None:
    held = sqlite3.connect(account.library.directory / FILE_NAME, isolation_level=None)
    with contextlib.closing(held):
        held.execute("BEGIN IMMEDIATE")
        submitting = asyncio.ensure_future(account.submit(PIANO, Settings(), run="run"))
        # The account's loop answers while the submit waits for the disk.
        for _ in range(3):
            assert await asyncio.wait_for(account.balance(), 5.0) is not None
        assert not submitting.done()
        held.execute("ROLLBACK")
        assert (await submitting).state is State.QUEUED


# An account that is left


def threads() -> int:
    return sum(thread.name == "aigateway" for thread in threading.enumerate())


async def test_a_retired_account_ends_its_thread(sandbox: Sandbox, tmp_path: Path) -> None:
    before = threads()
    with account_on(sandbox, tmp_path) as account:
        await account.balance()
        account.retire()
        await asyncio.to_thread(account._thread._thread.join, 10.0)
        assert threads() == before


@pytest.mark.slow
async def test_a_retired_account_finishes_what_is_on_its_way(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with account_on(sandbox, tmp_path) as account:
        job = await account.submit(PIANO, Settings(), run="run")
        waiting = asyncio.ensure_future(
            account.wait(job, timeout=30, progress=lambda progress: None)
        )
        await asyncio.sleep(0)
        account.retire()
        assert (await waiting).state is State.COMPLETED
        await asyncio.to_thread(account._thread._thread.join, 10.0)
        assert not account._thread.is_alive
