"""A submit without an answer is looked up in the gateway's lists before it is bought once more."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ...api.account import Account
from ...api.base.errors import ProtocolError, UncertainSubmitError
from ...api.base.request import MusicRequest
from ...api.money.job import Job, State
from ...api.settings import Settings
from ...api.wire.protocol import Charge, charge_by_tag, charge_in_recent
from ...sandbox.profile import Dialect, Profile
from ...sandbox.server import Sandbox
from ..gateway import SCALE, TIMING, account_on, rows_of, running

BOTH, RECENT, BY_TAG, NONE = ("recent", "by-tag"), ("recent",), ("by-tag",), ()
FAULTS = ("drop", "502", "504", "html", "noid")
PRICE = 0.001


def piano(words: str) -> MusicRequest:
    return MusicRequest(f"piano {words}", 5.0, format="wav")


@contextlib.contextmanager
def gateway(
    routes: tuple[str, ...] = BOTH,
    label: str = "tag",
    is_bare: bool = False,
    takes_id: bool = True,
    **profile: Any,
) -> Iterator[Sandbox]:
    # Without idempotency, each submit is a purchase of its own.
    dialect = Dialect(
        usage_routes=routes,
        usage_label=label,
        usage_is_bare=is_bare,
        honours_idempotency_key=False,
        takes_request_id=takes_id,
    )
    with running(Profile(dialect=dialect).scaled(SCALE)._replace(**profile)) as sandbox:
        yield sandbox


@contextlib.contextmanager
def account(sandbox: Sandbox, folder: Path, **options: Any) -> Iterator[Account]:
    with account_on(sandbox, folder, **{"cost_tag": "tests", **options}) as account:
        yield account


async def uncertain(
    account: Account, request: MusicRequest, settings: Settings | None = None
) -> UncertainSubmitError:
    with pytest.raises(UncertainSubmitError) as caught:
        await account.submit(request, settings or Settings(), run="run")
    return caught.value


def count(sandbox: Sandbox, method: str, path: str = "") -> int:
    return sum(seen.method == method and path in seen.path for seen in sandbox.seen)


def row(account: Account) -> Job:
    (row,) = rows_of(account)
    return row


@pytest.mark.slow
@pytest.mark.parametrize(
    ("routes", "label", "is_bare"),
    list(itertools.product((BOTH, RECENT, BY_TAG), ("tag", "label"), (False, True))),
)
async def test_what_is_listed_in_any_dialect_is_not_bought_again(
    tmp_path: Path, routes: tuple[str, ...], label: str, is_bare: bool
) -> None:
    with gateway(routes, label, is_bare) as sandbox, account(sandbox, tmp_path) as ours:
        request = piano("sandbox:drop sandbox:listed")
        error = await uncertain(ours, request)
        assert f"has charged ${PRICE} for this track" in str(error)
        assert "does not buy it again" in str(error)
        found = row(ours)
        assert (found.state, found.is_listed) == (State.UNCERTAIN, True)
        assert found.charged == pytest.approx(PRICE)
        assert ours.library.ledger.spent() == pytest.approx(PRICE)
        if "recent" in routes:
            # Support asks for it.
            assert found.request_id == found.idempotency_key
            assert f"name the request {found.request_id}" in str(error)
        # Asking again buys nothing, and asks the gateway nothing.
        before = len(sandbox.seen)
        assert str(await uncertain(ours, request)) == str(error)
        assert len(sandbox.seen) == before
        assert len(sandbox.bill()["jobs"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
async def test_every_kind_of_lost_answer_is_looked_up(tmp_path: Path, fault: str) -> None:
    with gateway() as sandbox, account(sandbox, tmp_path) as ours:
        await uncertain(ours, piano(f"sandbox:{fault} sandbox:listed"))
        assert row(ours).is_listed
        assert count(sandbox, "POST") == 1


@pytest.mark.slow
async def test_a_charge_that_is_listed_late_is_still_found(tmp_path: Path) -> None:
    late = TIMING.lookup_wait * 2
    with gateway(usage_delay=late) as sandbox, account(sandbox, tmp_path) as ours:
        await uncertain(ours, piano("sandbox:drop"))
        assert row(ours).is_listed
        assert count(sandbox, "POST") == 1
        assert count(sandbox, "GET", "/usage/recent") > 1


@pytest.mark.slow
async def test_what_is_not_listed_proves_nothing(tmp_path: Path) -> None:
    with gateway() as sandbox, account(sandbox, tmp_path) as ours:
        # Within the bounded rule it is sent once more.
        job = await ours.submit(piano("sandbox:drop"), Settings(), run="run")
        assert (job.state, job.repeats) == (State.QUEUED, 1)
        # Outside of it, the user decides.
        request = piano("two sandbox:drop")
        error = await uncertain(ours, request, Settings(uncertain_limit=0))
        assert "not known whether this track was bought" in str(error)


async def test_a_gateway_without_the_lists_is_asked_once_each(tmp_path: Path) -> None:
    with gateway(NONE) as sandbox, account(sandbox, tmp_path) as ours:
        for words in ("one", "two"):
            job = await ours.submit(piano(f"{words} sandbox:drop"), Settings(), run="run")
            assert job.repeats == 1
        assert count(sandbox, "GET", "/usage/recent") == 1
        assert count(sandbox, "GET", "/usage/by-tag") == 1


async def test_without_a_tag_the_id_that_was_sent_is_looked_up(tmp_path: Path) -> None:
    with gateway() as sandbox, account(sandbox, tmp_path, cost_tag="") as ours:
        error = await uncertain(ours, piano("sandbox:drop sandbox:listed"))
        assert row(ours).is_listed
        assert f"name the request {row(ours).idempotency_key}" in str(error)
        assert count(sandbox, "GET", "/usage/by-tag") == 0
        assert count(sandbox, "POST") == 1


async def test_without_a_tag_a_gateway_with_ids_of_its_own_lists_nothing_of_ours(
    tmp_path: Path,
) -> None:
    with gateway(takes_id=False) as sandbox, account(sandbox, tmp_path, cost_tag="") as ours:
        job = await ours.submit(piano("sandbox:drop sandbox:listed"), Settings(), run="run")
        assert (job.state, job.repeats) == (State.QUEUED, 1)


@pytest.mark.slow
async def test_a_gateway_with_ids_of_its_own_lists_the_tag(tmp_path: Path) -> None:
    with gateway(takes_id=False) as sandbox, account(sandbox, tmp_path) as ours:
        await uncertain(ours, piano("sandbox:drop sandbox:listed"))
        assert re.fullmatch(r"req_\w+", row(ours).request_id or "")


async def test_many_submits_share_their_looks(tmp_path: Path) -> None:
    slower = TIMING._replace(lookup_wait=2.0, lookup_patience=4.0)
    with gateway() as sandbox, account(sandbox, tmp_path, timing=slower) as ours:
        await asyncio.gather(
            *(uncertain(ours, piano(f"{n} sandbox:504 sandbox:listed")) for n in range(20))
        )
        assert all(row.is_listed for row in rows_of(ours))
        assert count(sandbox, "POST") == 20
        assert count(sandbox, "GET", "/usage") < 10


async def test_after_a_restart_one_look_is_enough(tmp_path: Path) -> None:
    request, careful = piano("sandbox:drop"), Settings(uncertain_limit=0)
    hasty = TIMING._replace(lookup_patience=0.0)
    with gateway() as sandbox:
        with account(sandbox, tmp_path, timing=hasty) as ours:
            await uncertain(ours, request, careful)
            assert not row(ours).is_listed
        (use,) = sandbox._usage._uses
        sandbox._usage._uses[0] = use._replace(listed=0.0)
        before = len(sandbox.seen)
        with account(sandbox, tmp_path, timing=hasty) as ours:
            await uncertain(ours, request)
            assert row(ours).is_listed
        assert len(sandbox.seen) == before + 1


async def test_a_person_may_buy_again_what_is_listed(tmp_path: Path) -> None:
    with gateway() as sandbox, account(sandbox, tmp_path) as ours:
        await uncertain(ours, piano("sandbox:drop sandbox:listed"))
        again = await ours.buy_again(row(ours), Settings())
        assert again.state is State.QUEUED
        assert len(sandbox.bill()["jobs"]) == 2
        # Both purchases count.
        assert ours.library.ledger.spent() == pytest.approx(2 * PRICE)


TAG, SENT, NOW = "tests/0123456789abcdef", "0123456789abcdef-0", 1_780_000_000.0
LISTED = {"tag": TAG, "request_id": "req_1", "cost_cents": 0.6, "created_at": NOW}


@pytest.mark.parametrize(
    ("row", "charge"),
    [
        ({}, Charge(0.006, "req_1")),
        ({"status": 200}, Charge(0.006, "req_1")),
        ({"cost_cents": "0.6"}, Charge(0.006, "req_1")),
        ({"cost_cents": None}, Charge(None, "req_1")),
        ({"request_id": None}, Charge(0.006, None)),
        ({"request_id": "two words\n", "cost_cents": -1}, None),
        ({"tag": "tests/of another request"}, None),
        ({"tag": "", "request_id": SENT}, Charge(0.006, SENT)),
        ({"tag": None, "request_id": SENT, "status": "failed"}, None),
        ({"tag": "", "request_id": "0123456789abcdef-1"}, None),
        *(({"status": status}, None) for status in ("failed", "Cancelled", 500, "503")),
        ({"created_at": "2026-05-28T20:26:40Z"}, Charge(0.006, "req_1")),
        ({"created_at": "2026-05-28T20:26:40"}, Charge(0.006, "req_1")),
        ({"created_at": NOW * 1000}, Charge(0.006, "req_1")),
        ({"created_at": "yesterday"}, Charge(0.006, "req_1")),
        # Another ledger has bought the same track some days ago.
        ({"created_at": NOW - 3 * 24 * 3600}, None),
        ({"created_at": (NOW - 3 * 24 * 3600) * 1000}, None),
    ],
)
def test_a_row_of_recent_use_is_read(row: dict[str, Any], charge: Charge | None) -> None:
    for body in ([{**LISTED, **row}], {"data": [None, {**LISTED, **row}]}):
        assert charge_in_recent(body, TAG, SENT, since=NOW) == charge


def test_several_submits_under_one_tag_are_summed() -> None:
    assert charge_in_recent([LISTED, LISTED], TAG, SENT, since=NOW) == Charge(0.012, "req_1")


def test_a_sum_without_money_is_no_charge() -> None:
    # A submit that was refused may be counted among the requests.
    assert charge_by_tag([{"label": TAG, "cost_cents": 0, "requests": 2}], TAG) is None
    assert charge_by_tag({"data": [{"label": TAG, "cost_cents": 0.6}]}, TAG) == Charge(0.006)


@pytest.mark.parametrize("body", [None, "no", {}, {"data": {}}])
def test_an_answer_without_a_list_is_a_fault(body: object) -> None:
    for read in (
        lambda: charge_by_tag(body, TAG),
        lambda: charge_in_recent(body, TAG, SENT, since=NOW),
    ):
        with pytest.raises(ProtocolError, match="not a list"):
            read()
