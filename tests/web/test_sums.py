"""The parts of a request have one bound together, and its work ends with its client."""

from __future__ import annotations

from typing import Any

import pytest

from ...api.base.request import MusicRequest
from .test_routes import Client, client, data

__all__ = ["client", "data"]

Body = dict[str, Any]
MANY = {"duration": 30, "count": 10_000, "takes": 16}
LONG: dict[str, Body] = {
    "takes of many tracks": MANY,
    "many nodes": {"nodes": [MANY] * 20},
    "nodes of one track": {"nodes": [{}] * 10_001},
    "one track too many": {"nodes": [{"count": 9_985}, {"takes": 16}]},
    "a list of takes": {"takes": [16] * 626},
    "a list of lengths": {"duration": [30] * 10_001},
    "a long prompt of many tracks": {"prompt": "la " * 200_000, "count": 10_000},
    "a long model of many tracks": {"model": "m" * 900_000, "takes": 16, "count": 600},
}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[MusicRequest]:
    """The requests that are checked, one by one."""
    checked: list[MusicRequest] = []
    takes = MusicRequest.takes

    def counting(request: MusicRequest, count: Any) -> list[MusicRequest]:
        made = takes(request, count)
        checked.extend(made)
        return made

    monkeypatch.setattr(MusicRequest, "takes", counting)
    return checked


@pytest.mark.parametrize("name", LONG)
async def test_a_run_that_is_too_long_is_refused_in_one_sentence(
    client: Client, built: list[MusicRequest], name: str
) -> None:
    async with client.post("/aigateway/price", json=LONG[name]) as answer:
        assert answer.status == 400
        sentence = (await answer.json())["error"]
    assert "divide it into several" in sentence
    assert sentence.count(". ") == 0
    assert len(built) <= 10_016
    assert sum(len(each.prompt) + len(each.model) for each in built) <= 16 * 21_000_000


async def test_the_longest_run_has_a_price(client: Client) -> None:
    body = {"nodes": [{"count": 625, "takes": 8, "duration": 5}] * 2, "runs": 10_000}
    async with client.post("/aigateway/price", json=body) as answer:
        assert (answer.status, (await answer.json())["tracks"]) == (200, 10_000)
