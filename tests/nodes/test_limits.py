"""The limits, through the nodes: wrong prices in a list, and charges for jobs without a track."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ...api.base.errors import DeadJobError, SpendLimitError
from ...api.base.request import MusicRequest
from ...api.money.job import State
from ...api.money.prices import FILE_NAME
from ...sandbox.profile import PRICES, Profile
from ...sandbox.server import Sandbox
from ..gateway import SCALE, TIMING, charging, running
from .test_machine import panel
from .test_nodes import Node, run, submit

__all__ = ["panel"]

DEAREST = "elevenlabs/elevenlabs-music"
OTHER = "fal-ai/stable-audio-25/text-to-audio"
"""A model without a built-in price."""
WRONG = [
    0,
    0.0,
    "0",
    "0.00",
    1e-12,
    -0.8,
    "-1",
    float("nan"),
    float("inf"),
    "free",
    "1e-9",
    True,
    [],
]
TINY = [0.00001, "0.00001", 0.0002, 0.79]


@pytest.fixture
def listing(session: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A gateway whose list has a price for a model, and charges the true one."""

    @contextmanager
    def started(model: str, price: object) -> Iterator[Sandbox]:
        with running(Profile(listed={**PRICES, model: price}).scaled(SCALE)) as sandbox:
            monkeypatch.setenv("AIGATEWAY_BASE_URL", sandbox.base_url)
            monkeypatch.setattr(session, "timing_of", lambda settings: TIMING)
            yield sandbox

    return started


@pytest.mark.parametrize("price", [*WRONG, *TINY], ids=repr)
async def test_no_price_in_the_list_lets_three_dear_tracks_pass(
    node: Node, listing: Any, price: object
) -> None:
    """Each track costs $192, and the limit is $1."""
    track = {"model": DEAREST, "duration": 240.0, "format": "wav"}
    with listing(DEAREST, price) as sandbox:
        for take in (1, 2, 3):
            with pytest.raises(SpendLimitError, match=r"about \$192\.00\. .* limit of \$1\.00"):
                await submit(node, take=take, **track)
        with pytest.raises(SpendLimitError, match=r"about \$576\.00"):
            await run(node, "Takes", prompt="piano", count=3, **track)
        assert sandbox.bill()["jobs"] == []


@pytest.mark.parametrize("price", WRONG, ids=repr)
async def test_a_price_that_is_none_is_not_known(node: Node, listing: Any, price: object) -> None:
    with listing(OTHER, price) as sandbox:
        with pytest.raises(SpendLimitError, match="is not known, so it counts as over your limit"):
            await submit(node, model=OTHER)
        assert sandbox.bill()["jobs"] == []


async def test_what_a_listed_price_of_a_model_that_is_not_known_allows(
    node: Node, listing: Any
) -> None:
    with listing(OTHER, 0.0001) as sandbox:
        await submit(node, model=OTHER)
        assert len(sandbox.bill()["jobs"]) == 1


async def test_a_price_that_falls_in_the_list_of_this_run_does_not_count_yet(
    node: Node, listing: Any, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The price line has shown the price of the list before."""
    monkeypatch.setenv("AIGATEWAY_SPEND_LIMIT_PER_RUN", "1")
    with listing(OTHER, 0.0001) as sandbox:
        old = {"service": session.settings().service, "fetched": 0, "models": [[OTHER, 0.5]]}
        folder = session.host.data_directory()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE_NAME).write_text(json.dumps(old), "utf-8")
        with pytest.raises(SpendLimitError, match=r"about \$2\.50"):
            await submit(node, model=OTHER)
        assert sandbox.bill()["jobs"] == []
        await submit(node, model=OTHER)
        assert len(sandbox.bill()["jobs"]) == 1


@pytest.fixture(params=["failed", "cancelled"])
async def charged(
    request: pytest.FixtureRequest, session: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """A gateway that charges half a dollar for each job, and then makes nothing of it."""
    async with charging(request.param, 0.5) as base_url:
        monkeypatch.setenv("AIGATEWAY_BASE_URL", base_url)
        monkeypatch.setattr(session, "timing_of", lambda settings: TIMING)
        yield


CHARGED = [state for state in State if not state.is_open]
"""The states in which a job may have been charged."""


@pytest.mark.usefixtures("sandbox")
async def test_charges_in_every_state_are_in_the_sums_the_limits_and_the_rows(
    session: Any, panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = (await session.library()).ledger
    service = session.settings().service
    for take, state in enumerate(CHARGED):
        request = MusicRequest("piano", 5.0, take=take)
        job, _ = ledger.create(service, request, run="run", price=0.001)
        ledger.release(job)
        ledger.update(job.local_id, state=state, charged=0.25)
    total = 0.25 * len(CHARGED)
    spent = [ledger.spent(), ledger.spent(run="run"), ledger.spent(since=time.time() - 3600)]
    assert spent == [total] * 3
    assert ledger.counted(1.0, run="run") == ledger.counted(1.0, since=0.0) == total
    _, page = await panel("/tracks")
    assert page["spent"] == {"today": total, "month": total}
    assert [track["charge"] for track in page["tracks"]] == [0.25] * len(CHARGED)
    monkeypatch.setenv("AIGATEWAY_SPEND_LIMIT_PER_DAY", str(total))
    _, price = await panel("/price", "POST", {"duration": 5})
    assert (price["refused"]["reason"], price["refused"]["spent"]) == ("per_day", total)


@pytest.mark.usefixtures("charged")
@pytest.mark.parametrize("limit", ["RUN", "DAY"])
async def test_charges_for_nothing_fill_the_limits_and_the_sums(
    node: Node, panel: Any, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setenv(f"AIGATEWAY_SPEND_LIMIT_PER_{limit}", "1.0")
    for take in (1, 2):
        job, _ = await submit(node, take=take)
        with pytest.raises(DeadJobError, match=r"charged \$0\.50"):
            await run(node, "PollJob", job=job)
    with pytest.raises(SpendLimitError, match=r"With \$1\.00 of .* limit of \$1\.00"):
        await submit(node, take=3)
    _, page = await panel("/tracks")
    assert page["spent"] == {"today": 1.0, "month": 1.0}
    assert [track["charge"] for track in page["tracks"]] == [0.5, 0.5]
