"""What a dead job cost, as each screen says it: take, list, card, news and page."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest

from ...api.base.errors import DeadJobError
from ..gateway import TIMING, charging
from .test_machine import panel
from .test_nodes import Node, run, submit

__all__ = ["panel"]

STATES = ["failed", "cancelled"]
CASES = [(state, dollars) for state in STATES for dollars in (0.5, 0.0)]
TYPES = {"failed": "JobFailedError", "cancelled": "JobCancelledError"}


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} for {case[1]:g}")
async def case(
    request: pytest.FixtureRequest, session: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, float]]:
    """The state in which the jobs of the gateway end, and what it charges for each."""
    state, dollars = request.param
    async with charging(state, dollars) as base_url:
        monkeypatch.setenv("AIGATEWAY_BASE_URL", base_url)
        monkeypatch.setattr(session, "timing_of", lambda settings: TIMING)
        yield state, dollars


@pytest.fixture
def told(nodes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[tuple[str, Any]]:
    """The events that reach the pages, by their names."""
    server = importlib.import_module("server")
    events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    loop = asyncio.get_event_loop()

    def send(event: str, data: Any, client: str | None) -> None:
        loop.call_soon_threadsafe(events.put_nowait, (event, data))

    monkeypatch.setattr(server.PromptServer.instance, "send_sync", send, raising=False)
    return events


async def next_of(told: asyncio.Queue[tuple[str, Any]], name: str) -> Any:
    while True:
        event, data = await asyncio.wait_for(told.get(), 20)
        if event == name:
            return data


def bill(dollars: float) -> str:
    return "charged $0.50" if dollars else "not charged"


async def test_the_error_of_a_node_and_its_card(
    node: Node, case: tuple[str, float], told: asyncio.Queue[Any], nodes: ModuleType
) -> None:
    state, dollars = case
    job, _ = await submit(node)
    with pytest.raises(DeadJobError) as raised:
        await run(node, "PollJob", job=job)
    assert ("The gateway charged $0.50 for it" in str(raised.value)) == bool(dollars)
    card = await next_of(told, "aigateway_error")
    assert (card["type"], card["charge"]) == (TYPES[state], dollars)
    title = importlib.import_module(f"{nodes.__name__}.error_report").title(raised.value)
    assert title.key == f"error_{TYPES[state]}{'_charged' if dollars else ''}"
    assert ("$0.50" in str(title)) == bool(dollars)
    assert ("not charged" in str(title)) == (state == "failed" and not dollars)


async def test_the_lines_of_takes(node: Node, case: tuple[str, float]) -> None:
    state, dollars = case
    inputs = {"prompt": "piano", "duration": 5.0, "format": "wav", "count": 2}
    with pytest.raises(DeadJobError) as raised:
        await run(node, "Takes", **inputs)
    lines = "; ".join(f"take {take} {state}, {bill(dollars)}" for take in (1, 2))
    assert f"No take is good: {lines}." in str(raised.value)


async def test_the_summary_of_a_list(
    node: Node, case: tuple[str, float], nodes: ModuleType
) -> None:
    _, dollars = case
    job, _ = await submit(node)
    with pytest.raises(DeadJobError) as raised:
        await run(node, "PollJob", job=job)
    batch = importlib.import_module(f"{nodes.__name__}.lists").Batch()
    good, dead = batch.join(), batch.join()
    good.end(output=())
    dead.end(error=raised.value)
    assert batch.summary.startswith(f"1 of 2 failed: item 2, {bill(dollars)}: The job job_1")


async def test_the_news_and_the_rows_of_the_page(
    node: Node, case: tuple[str, float], told: asyncio.Queue[Any], session: Any, panel: Any
) -> None:
    state, dollars = case
    # Nobody waits for this job.
    await submit(node, "forgotten tune")
    news = await next_of(told, "aigateway_news")
    ended = {"what": state, "title": "forgotten tune", "charge": dollars}
    assert news == {**ended, "count": 0}
    _, page = await panel("/tracks")
    (track,) = page["tracks"]
    assert (track["state"], track["is_dead"], track["charge"]) == (state, True, dollars)
    assert page["spent"]["today"] == dollars
