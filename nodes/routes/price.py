"""The price of a run, and whether a limit refuses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...api.errors import MissingKeyError
from ...api.request import DEFAULT_MODEL, MusicRequest
from .. import host, session
from . import answers

if TYPE_CHECKING:
    from aiohttp import web


async def price(request: web.Request) -> web.Response:
    """The price of one track, and whether `count` of them in each of `runs` are refused.

    A whole request comes as JSON, because it may be too long for an address. Then the answer also
    says whether the track was bought before.
    """
    from aiohttp import web

    given = request.query if request.method == "GET" else await answers.body(request)
    count = answers.whole(str(given.get("count", 1)), "count", 1, 10_000)
    runs = answers.whole(str(given.get("runs", 1)), "runs", 1, 10_000)
    track = MusicRequest(
        prompt=str(given.get("prompt") or "…"),
        duration=answers.number(str(given.get("duration", 30)), "duration"),
        lyrics=str(given.get("lyrics", "")),
        format=str(given.get("format", "mp3")),
        model=str(given.get("model", DEFAULT_MODEL)),
        take=answers.whole(str(given.get("take", 1)), "take", 0, 1_000_000_000),
    ).validated()
    return web.json_response(await _answer(track, count, runs))


async def _answer(track: MusicRequest, count: int, runs: int) -> dict[str, Any]:
    current = session.settings()
    quote = await (await session.library()).quote(track, current, count=count, runs=runs)
    refused = quote.refusal._asdict() if quote.refusal else None
    try:
        current.require_key(host.data_directory())
    except MissingKeyError:
        # A bought track is handed out, but not without the key that polls its job.
        refused = {"reason": "no_key"}
    return {
        "free": current.is_sandbox,
        "each": quote.each,
        "total": quote.total,
        "refused": None if quote.is_bought else refused,
        "bought": quote.is_bought,
    }
