"""Routes for the price of a run. They also say whether a spending limit refuses the run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...api.base.errors import InputError, MissingKeyError
from ...api.base.request import MusicRequest
from .. import host, session
from ..pricing import MOST_TRACKS, Run, requests_of_nodes
from ..shared_inputs import whole
from . import serving

if TYPE_CHECKING:
    from aiohttp import web

_MAX_HINTS = 3
# Many threads at once would delay the event loop, which needs the same interpreter lock.
_reading = asyncio.Semaphore(1)


async def price(request: web.Request) -> dict[str, Any]:
    """The price of a run's tracks, and whether a limit refuses `runs` runs.

    A complete request comes as JSON, because it may be too long for an address. Then the answer
    also says whether the tracks were bought before. Each value may be a list: ComfyUI uses lists up
    to the end of the longest, and repeats the last item of a shorter list. `nodes` is a list of
    such requests, one for each node of one run; see `requests_of_nodes`.
    """
    given = request.query if request.method == "GET" else await serving.body(request)
    nodes = given.get("nodes", [given])
    if not isinstance(nodes, list) or not all(isinstance(node, Mapping) for node in nodes):
        raise InputError("The nodes have to be a list of JSON objects.")
    runs = whole(str(given.get("runs", 1)), "runs", 1, MOST_TRACKS)
    async with _reading:
        requests = await asyncio.to_thread(requests_of_nodes, nodes)
    hints = await _hints(requests, is_whole="prompt" in given)
    return {**await _answer(requests, runs), "hints": hints}


async def model_prices(request: web.Request) -> dict[str, Any]:
    """The expected price of a track of `duration` seconds with each model of the account."""
    current = session.settings()
    models = await asyncio.to_thread(session.model_choices)
    run = Run()
    run.add({"model": models, "duration": [request.query.get("duration")]})
    prices = await (await session.library()).prices(run.requests, current.service)
    of_models = {
        model: {"each": price.amount, "at_most": price.is_at_most}
        for model, price in zip(models, prices, strict=True)
    }
    return {"free": current.is_sandbox, "models": of_models}


async def _hints(requests: list[MusicRequest], *, is_whole: bool) -> list[dict[str, Any]]:
    """The hints on requests. Without a prompt, only hints on the price are returned."""
    hints = await (await session.library()).hints(requests, session.settings().service)
    hints = [hint for hint in hints if is_whole or hint.kind == "price"]
    return [{"kind": hint.kind, "values": hint.values} for hint in hints[:_MAX_HINTS]]


async def _answer(requests: list[MusicRequest], runs: int) -> dict[str, Any]:
    current = session.settings()
    quote = await (await session.library()).quote(requests, current, runs=runs)
    refused = quote.refusal._asdict() if quote.refusal else None
    try:
        current.require_key(host.data_directory())
    except MissingKeyError:
        # A track that was bought before costs nothing, but Poll Job needs the key.
        refused = {"reason": "no_key"}
    return {
        "free": current.is_sandbox,
        "forced": session.sandbox_choice(current),
        "each": quote.each,
        "at_most": quote.is_at_most,
        "total": quote.total,
        "tracks": len(requests),
        "refused": None if quote.is_bought else refused,
        "bought": quote.is_bought,
        "uncertain": list(quote.uncertain),
    }
