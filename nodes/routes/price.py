"""The price of a run, and whether a limit refuses it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...api.errors import InputError, MissingKeyError
from ...api.request import MAX_COUNT, MAX_TAKE, MusicRequest
from .. import host, session
from . import answers

if TYPE_CHECKING:
    from aiohttp import web

_MAX_HINTS = 3


MOST_TRACKS = 10_000
"""Tracks of a run, and runs, whose price is asked for."""


async def price(request: web.Request) -> web.Response:
    """The price of a run's tracks, and whether `runs` runs are refused.

    A whole request comes as JSON, because it may be too long for an address. Then the answer also
    says whether the tracks were bought before. Each value may be a list: ComfyUI runs lists to the
    end of the longest, and repeats the last item of a shorter one. `count` is the least number of
    items, and `takes` how many tracks each of them makes.
    """
    from aiohttp import web

    given = request.query if request.method == "GET" else await answers.body(request)
    count = answers.whole(str(given.get("count", 1)), "count", 1, MOST_TRACKS)
    runs = answers.whole(str(given.get("runs", 1)), "runs", 1, MOST_TRACKS)
    names = [*MusicRequest._fields, "takes"]
    values = {name: _listed(given[name]) for name in names if name in given}
    requests = await asyncio.to_thread(_requests, values, count)
    # Without a prompt, the requests are examples for a price.
    hints = await _hints(requests) if "prompt" in values else []
    return web.json_response({**await _answer(requests, runs), "hints": hints})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) and value else [value]


def _requests(values: Mapping[str, list[Any]], count: int) -> list[MusicRequest]:
    """The requests of one run. A request that is not known gets a take that no other has."""
    longest = max(map(len, values.values()), default=1)
    if longest > MOST_TRACKS:
        raise InputError(f"The run has {longest} tracks: the most is {MOST_TRACKS}.")
    known = longest if "prompt" in values else 0
    requests = []
    for index in range(max(count, longest)):
        item = {name: items[min(index, len(items) - 1)] for name, items in values.items()}
        takes = item.pop("takes", 1)
        # The price does not depend on the prompt, which may be empty still.
        item["prompt"] = str(item.get("prompt") or "").strip() or "…"
        if index >= known:
            item["take"] = MAX_TAKE - MAX_COUNT * (index + 1)
        requests += MusicRequest(**item).takes(takes)
    return requests


async def _hints(requests: list[MusicRequest]) -> list[dict[str, Any]]:
    hints = await (await session.library()).hints(requests, session.settings().service)
    return [{"kind": hint.kind, "values": hint.values} for hint in hints[:_MAX_HINTS]]


async def _answer(requests: list[MusicRequest], runs: int) -> dict[str, Any]:
    current = session.settings()
    quote = await (await session.library()).quote(requests, current, runs=runs)
    refused = quote.refusal._asdict() if quote.refusal else None
    try:
        current.require_key(host.data_directory())
    except MissingKeyError:
        # A bought track is free, but Poll Job needs the key.
        refused = {"reason": "no_key"}
    return {
        "free": current.is_sandbox,
        "each": quote.each,
        "at_most": quote.is_at_most,
        "total": quote.total,
        "tracks": len(requests),
        "refused": None if quote.is_bought else refused,
        "bought": quote.is_bought,
    }
