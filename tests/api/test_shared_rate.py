"""The rate of one key that machines share: as one machine would keep it, over a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ...api.account import Account
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.farm.farm import Farm
from ...api.farm.shared_rate import SharedRateLimiter, SharedSlots
from ...api.money.job import State
from ...api.money.ledger import Ledger
from ...api.settings import Settings
from ...api.wire.rate_limit import Rate
from ...sandbox.profile import Profile
from ..gateway import SCALE, account_on, running
from ..ledgers import Address, new_schema

pytestmark = [pytest.mark.slow, pytest.mark.farm]

TIMING = Timing()
WINDOW, LIMIT = TIMING.rate_window, TIMING.rate_limit
# Seconds after which a request asks again that was only too early for the first answer.
SOON = 0.1


@pytest.fixture
def address(postgres: str, tmp_path: Path) -> Address:
    return Address(tmp_path, new_schema(postgres))


@pytest.fixture
def ledgers(address: Address) -> Iterator[list[Ledger]]:
    """The ledgers of three machines."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(address.ledger(TIMING))) for _ in range(3)]


@pytest.fixture
def machines(ledgers: list[Ledger]) -> list[SharedSlots]:
    """The slots as three machines see them; the account of each has a new limit to learn."""
    return [slots_of(ledger) for ledger in ledgers]


def slots_of(ledger: Ledger) -> SharedSlots:
    assert isinstance(ledger.peers, Farm)
    return ledger.peers.slots("test", TIMING)


async def taken(slots: SharedSlots, most: int = 10_000, *, is_poll: bool = False) -> list[int]:
    """Take so many slots, as far as they are open."""
    numbers: list[int] = []
    while len(numbers) < most:
        number, opens_in = await slots.take(is_poll=is_poll)
        if number is not None:
            numbers.append(number)
        elif opens_in > SOON:
            break
    return numbers


def pass_time(ledger: Ledger, seconds: float) -> None:
    ledger.engine.execute("UPDATE slots SET until = until - ?", seconds)


async def answered(
    slots: SharedSlots, number: int | None, rate: Rate, closed_for: float = 0.0
) -> None:
    """As an account tells it, and wait until the ledger has it."""
    await asyncio.wrap_future(slots.answered(number, rate, closed_for))


async def test_machines_take_no_more_slots_than_the_rate_has(
    machines: list[SharedSlots],
) -> None:
    all_of_them = await asyncio.gather(*(taken(slots) for slots in machines))
    assert sorted(itertools.chain(*all_of_them)) == list(range(1, LIMIT + 1))
    refused = await machines[0].take(is_poll=False)
    assert refused.number is None
    assert 0 < refused.opens_in <= 2 * WINDOW


async def test_a_slot_opens_one_window_after_its_answer(
    machines: list[SharedSlots], ledgers: list[Ledger]
) -> None:
    one, other, _ = machines
    first, second, *_ = await taken(one)
    await answered(one, first, Rate())
    pass_time(ledgers[0], WINDOW / 2)
    await answered(one, second, Rate())
    pass_time(ledgers[0], WINDOW / 2 + 1)
    assert await taken(other) == [first]
    pass_time(ledgers[0], WINDOW / 2)
    assert await taken(other) == [second]


async def test_polls_leave_a_fifth_to_all_else(machines: list[SharedSlots]) -> None:
    one, other, _ = machines
    assert len(await taken(one, is_poll=True)) == LIMIT * 4 // 5
    assert len(await taken(other)) == LIMIT // 5


async def test_all_else_takes_first_what_polls_leave(machines: list[SharedSlots]) -> None:
    one, other, _ = machines
    assert len(await taken(one, LIMIT // 5)) == LIMIT // 5
    assert len(await taken(other, is_poll=True)) == LIMIT * 4 // 5


@pytest.mark.parametrize("limit", [1, 4, 30, 600])
async def test_the_limit_that_one_learns_is_the_limit_of_all(
    machines: list[SharedSlots], limit: int
) -> None:
    one, *others = machines
    # With a limit of one, the slot that is held is not one of those that go.
    number = (await taken(one, LIMIT))[-1]
    await answered(one, number, Rate(limit=limit))
    left = [len(await taken(other)) for other in others]
    assert sum(left) == max(0, limit - LIMIT)


async def test_a_429_closes_the_gate_for_all(
    machines: list[SharedSlots], ledgers: list[Ledger]
) -> None:
    one, other, _ = machines
    (number,) = await taken(one, 1)
    await answered(one, number, Rate(exceeded=True), closed_for=100.0)
    for is_poll in (False, True):
        refused = await other.take(is_poll=is_poll)
        assert refused.number is None
        assert 99 < refused.opens_in <= 100
    pass_time(ledgers[0], 100.0)
    assert len(await taken(other)) == LIMIT


async def test_what_others_use_of_the_key_is_left_to_them(
    machines: list[SharedSlots], ledgers: list[Ledger]
) -> None:
    one, other, _ = machines
    (number,) = await taken(one, 1)
    await answered(one, number, Rate(limit=LIMIT, remaining=3, reset=20.0))
    assert len(await taken(other)) == 3
    pass_time(ledgers[0], 20.0)
    assert len(await taken(other)) == LIMIT - 4


async def test_what_is_on_its_way_is_not_counted_twice(machines: list[SharedSlots]) -> None:
    one, other, _ = machines
    first, *_ = await taken(one, 4)
    await answered(one, first, Rate(limit=LIMIT, remaining=LIMIT - 1, reset=WINDOW))
    assert len(await taken(other)) == LIMIT - 4


async def test_a_process_that_dies_with_a_slot_does_not_hold_it_for_ever(
    machines: list[SharedSlots], ledgers: list[Ledger]
) -> None:
    one, other, _ = machines
    await taken(one)
    pass_time(ledgers[0], 2 * WINDOW)
    assert len(await taken(other)) == LIMIT


# The schedule of a machine


def limiter_of(slots: SharedSlots) -> SharedRateLimiter:
    return SharedRateLimiter(TIMING, asyncio.get_running_loop().time, slots)


async def test_a_submit_goes_before_the_polls_of_other_machines(
    machines: list[SharedSlots], ledgers: list[Ledger]
) -> None:
    one, other, another = machines
    (*_, number) = await taken(one)
    await answered(one, number, Rate(limit=1))
    pass_time(ledgers[0], WINDOW - 0.5)

    async def sent(slots: SharedSlots, *, is_poll: bool) -> None:
        async with limiter_of(slots).slot(due=0.0, is_poll=is_poll):
            pass

    poll = asyncio.ensure_future(sent(other, is_poll=True))
    await asyncio.sleep(0)
    submit = asyncio.ensure_future(sent(another, is_poll=False))
    done, _ = await asyncio.wait({poll, submit}, return_when=asyncio.FIRST_COMPLETED)
    poll.cancel()
    assert done == {submit}


async def test_a_request_that_waits_for_a_slot_says_how_long(
    machines: list[SharedSlots],
) -> None:
    one, other, _ = machines
    limiter, asked = limiter_of(other), asyncio.Event()
    await taken(one)
    take = other.take

    async def watched(*, is_poll: bool) -> object:
        slot = await take(is_poll=is_poll)
        asked.set()
        return slot

    other.take = watched  # type: ignore[method-assign]

    async def sent() -> None:
        async with limiter.slot(due=0.0):
            pass

    waiting = asyncio.ensure_future(sent())
    await asyncio.wait_for(asked.wait(), 60)
    await asyncio.sleep(0)
    assert WINDOW < limiter.held_for <= 2 * WINDOW
    waiting.cancel()
    await asyncio.wait({waiting})
    assert limiter.held_for <= 0


async def test_a_request_that_is_cancelled_before_a_slot_opens_leaves_its_turn_to_the_next(
    machines: list[SharedSlots], ledgers: list[Ledger]
) -> None:
    one, other, _ = machines
    limiter = limiter_of(other)
    await taken(one)

    async def sent() -> None:
        async with limiter.slot(due=0.0):
            pass

    gone = [asyncio.ensure_future(sent()) for _ in range(LIMIT)]
    await asyncio.sleep(0)
    for request in gone:
        request.cancel()
    await asyncio.wait(gone)
    pass_time(ledgers[0], 2 * WINDOW)
    await asyncio.wait_for(asyncio.gather(*(sent() for _ in range(LIMIT))), WINDOW / 2)


async def test_a_slot_that_is_taken_for_a_cancelled_request_opens_again(
    machines: list[SharedSlots], ledgers: list[Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, _ = machines
    await taken(one, LIMIT - 1)
    engine, asked, gone = ledgers[1].engine, threading.Event(), threading.Event()
    execute = engine.execute

    def slowly(*values: Any) -> Any:
        asked.set()
        assert gone.wait(60)
        return execute(*values)

    monkeypatch.setattr(engine, "execute", slowly)
    asks = asyncio.ensure_future(other.take(is_poll=False))
    await asyncio.to_thread(asked.wait, 60)
    asks.cancel()
    await asyncio.wait({asks})
    assert asks.cancelled()
    gone.set()
    # The thread does one after the other.
    await answered(other, None, Rate())
    assert len(await taken(one)) == 1


async def test_while_the_ledger_is_away_each_machine_keeps_its_own_pace(
    machines: list[SharedSlots], address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    await taken(machines[0])
    ledger = address.ledger(TIMING._replace(ledger_patience=0.2))

    def refuse(*values: Any, **options: Any) -> Any:
        raise psycopg.OperationalError("the network is down")

    monkeypatch.setattr(psycopg.Connection, "execute", refuse)
    limiter = limiter_of(slots_of(ledger))
    async with contextlib.AsyncExitStack() as held:
        held.callback(ledger.close)
        for _ in range(LIMIT):
            await held.enter_async_context(limiter.slot(due=0.0))
        waiting = asyncio.ensure_future(held.enter_async_context(limiter.slot(due=0.0)))
        await asyncio.sleep(0)
        assert limiter.held_for > 0
        waiting.cancel()


# The whole client


async def test_machines_together_keep_the_rate_of_their_key(address: Address) -> None:
    timing = Timing().scaled(SCALE)
    profile = Profile(queue=5.0, run=25.0, limit=40).scaled(SCALE)
    with running(profile) as sandbox, contextlib.ExitStack() as stack:
        accounts = [
            stack.enter_context(
                account_on(
                    sandbox,
                    address.directory / name,
                    key="k",
                    timing=timing,
                    ledger_url=address.url,
                )
            )
            for name in "abcd"
        ]

        async def bought(account: Account, take: int) -> State:
            request = MusicRequest("piano", 5.0, format="wav", take=take)
            job = await account.submit(request, Settings(), run="run")
            return (await account.wait(job, timeout=600, progress=lambda progress: None)).state

        jobs = zip(accounts * 4, range(16), strict=True)
        states = await asyncio.gather(*(bought(account, take) for account, take in jobs))
        bill = sandbox.bill()
    assert states == [State.COMPLETED] * 16
    assert len(bill["jobs"]) == 16
    assert (bill["rejected"], bill["early_polls"]) == (0, 0)
