"""What a run would cost, and whether a limit would refuse it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from ...api.protocol import DEFAULT_MODEL, MusicRequest
from .. import gateway, host
from . import answers

if TYPE_CHECKING:
    from aiohttp import web

# Asked for once more, these are handed out again.
_BOUGHT = ("queued", "running", "completed")
_DAY = 24 * 3600.0


async def price(request: web.Request) -> web.Response:
    """The price of one piece, and whether `count` of them in each of `runs` would be refused.

    A whole request, which may be too long for an address, comes as JSON; then it is known whether
    it was bought before, too.
    """
    from aiohttp import web

    given = request.query if request.method == "GET" else await answers.body(request)
    count = answers.whole(str(given.get("count", 1)), "count", 1, 10_000)
    runs = answers.whole(str(given.get("runs", 1)), "runs", 1, 10_000)
    piece = MusicRequest(
        prompt=str(given.get("prompt") or "…"),
        duration=answers.number(str(given.get("duration", 30)), "duration"),
        lyrics=str(given.get("lyrics", "")),
        format=str(given.get("format", "mp3")),
        model=str(given.get("model", DEFAULT_MODEL)),
        take=answers.whole(str(given.get("take", 1)), "take", 0, 1_000_000_000),
    ).validated()
    return web.json_response(await asyncio.to_thread(_price_answer, piece, count, runs))


def _price_answer(piece: MusicRequest, count: int, runs: int) -> dict[str, Any]:
    from ...api.ledger import exceeds
    from ...api.pricing import Catalogue

    current = gateway.settings()
    if current.is_sandbox:
        return {"free": True, "each": 0.0, "total": 0.0, "refused": None, "bought": False}
    name = gateway.service_name(current)
    each = Catalogue(host.data_directory(), name).price(piece)
    refused = None
    alive = gateway.ledger().alive(name, piece) if count * runs == 1 else None
    if alive is not None and alive.state.value in _BOUGHT:
        return {"free": False, "each": each, "total": 0.0, "refused": None, "bought": True}
    if current.api_key is None and name == gateway.LIVE:
        refused = {"reason": "no_key"}
    elif each is None:
        refused = None if current.allow_unknown_price else {"reason": "unknown_price"}
    elif exceeds(each * count, current.spend_limit_per_run):
        refused = {"reason": "per_run", "limit": current.spend_limit_per_run}
    else:
        spent = gateway.ledger().spent(since=time.time() - _DAY)
        if exceeds(spent + each * count * runs, current.spend_limit_per_day):
            refused = {
                "reason": "per_day",
                "limit": current.spend_limit_per_day,
                "spent": spent,
            }
    total = None if each is None else each * count * runs
    return {"free": False, "each": each, "total": total, "refused": refused, "bought": False}
