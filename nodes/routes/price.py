"""Routes for the price of a run. They also say whether a spending limit refuses the run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...api.base.errors import InputError, MissingKeyError
from ...api.base.models import lengths_of, makes_sounds
from ...api.base.request import MusicRequest
from .. import host, session
from ..pricing import MOST_TRACKS, Run, requests_of_nodes
from ..shared_inputs import whole
from . import serving

if TYPE_CHECKING:
    from aiohttp import web

    from ...api.library import Price

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
    """The expected price of a track of `duration` seconds with each model of the account.

    A model that makes no audio of this length has its own lengths, and no price.
    """
    current = session.settings()
    models = await asyncio.to_thread(session.model_choices)
    seconds = request.query.get("duration")
    fitting = [model for model in models if _makes(model, seconds)]
    run = Run()
    # If no model makes it, the error names the length.
    run.add({"model": fitting or models, "duration": [seconds]})
    prices = await (await session.library()).prices(run.requests, current.service)
    known = dict(zip(fitting, prices, strict=True))
    return {"free": current.is_sandbox, "models": {each: _of_model(each, known) for each in models}}


def _makes(model: str, seconds: str | None) -> bool:
    try:
        MusicRequest("…", seconds, model=model).validated()  # type: ignore[arg-type]
    except InputError:
        return False
    return True


def _of_model(model: str, known: Mapping[str, Price]) -> dict[str, Any]:
    answer: dict[str, Any] = {"each": None, "at_most": False}
    if model in known:
        answer = {"each": known[model].amount, "at_most": known[model].is_at_most}
    else:
        answer["lengths"] = list(lengths_of(model))
    return {**answer, "sounds": True} if makes_sounds(model) else answer


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
