"""The price of a run, and whether a limit refuses it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...api.errors import InputError, MissingKeyError
from ...api.request import MusicRequest
from .. import host, session
from ..cue_sheet import items_of_output
from ..pricing import MOST_TRACKS, requests_from
from . import serving

if TYPE_CHECKING:
    from aiohttp import web

_MAX_HINTS = 3


async def price(request: web.Request) -> web.Response:
    """The price of a run's tracks, and whether `runs` runs are refused.

    A whole request comes as JSON, because it may be too long for an address. Then the answer also
    says whether the tracks were bought before. Each value may be a list: ComfyUI runs lists to the
    end of the longest, and repeats the last item of a shorter one. A list that a cue sheet gives is
    an object with its `table`, its `file` and the number of its `output`. `count` is the least
    number of items, and `takes` how many tracks each of them makes. `pieces` is a list of such
    requests, one for each node of one run.
    """
    from aiohttp import web

    given = request.query if request.method == "GET" else await serving.body(request)
    pieces = given.get("pieces", [given])
    if not isinstance(pieces, list) or not all(isinstance(piece, Mapping) for piece in pieces):
        raise InputError("The pieces have to be a list of JSON objects.")
    runs = _number(given, "runs")
    requests = await asyncio.to_thread(_requests, pieces)
    # Without a prompt, the requests are examples for a price.
    hints = await _hints(requests) if "prompt" in given else []
    return web.json_response({**await _answer(requests, runs), "hints": hints})


async def model_prices(request: web.Request) -> web.Response:
    """What a track of `duration` seconds is expected to cost with each model of the account."""
    from aiohttp import web

    current = session.settings()
    models = await asyncio.to_thread(session.model_choices)
    requests = requests_from({"model": models, "duration": [request.query.get("duration")]}, 1)
    prices = await (await session.library()).prices(requests, current.service)
    of_models = {
        model: {"each": price.amount, "at_most": price.is_at_most}
        for model, price in zip(models, prices, strict=True)
    }
    return web.json_response({"free": current.is_sandbox, "models": of_models})


def _requests(pieces: Sequence[Mapping[str, Any]]) -> list[MusicRequest]:
    requests: list[MusicRequest] = []
    for piece in pieces:
        names = [*MusicRequest._fields, "takes"]
        values = {name: _listed(piece[name]) for name in names if name in piece}
        requests += requests_from(values, _number(piece, "count"), len(requests))
    return requests


def _number(piece: Mapping[str, Any], name: str) -> int:
    return serving.whole(str(piece.get(name, 1)), name, 1, MOST_TRACKS)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        output = serving.whole(str(value.get("output")), "output", 0, MOST_TRACKS)
        value = items_of_output(output, value)
    return value if isinstance(value, list) and value else [value]


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
        "uncertain": list(quote.uncertain),
    }
