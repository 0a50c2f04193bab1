"""The ledger's rows: listed, searched, cancelled, bought again, played."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...api.errors import InputError
from .. import gateway
from . import answers

if TYPE_CHECKING:
    from aiohttp import web

    from ...api.ledger import Job
    from ...api.service import Service

PAGE = 100
MAX_PAGE = 500


async def tracks(request: web.Request) -> web.Response:
    from aiohttp import web

    query = request.query
    limit = answers.whole(query.get("limit", str(PAGE)), "limit", 1, MAX_PAGE)
    offset = answers.whole(query.get("offset", "0"), "offset", 0, 1_000_000_000)
    search = query.get("search", "").strip()
    return web.json_response(await asyncio.to_thread(_tracks_answer, search, limit, offset))


def _tracks_answer(search: str, limit: int, offset: int) -> dict[str, Any]:
    ledger = gateway.ledger()
    jobs, total = ledger.page(search, limit=limit, offset=offset)
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "tracks": [_shown(job) for job in jobs],
        "total": total,
        "active": ledger.count_active(),
        "spent": {
            "today": ledger.spent(since=today.timestamp()),
            "month": ledger.spent(since=today.replace(day=1).timestamp()),
        },
        "now": time.time(),
    }


def _shown(job: Job) -> dict[str, Any]:
    """What the browser sees of a row."""
    return {
        "local_id": job.local_id,
        "job_id": job.remote_id,
        "service": job.service,
        "model": job.model,
        "prompt": job.prompt,
        "lyrics": job.lyrics,
        "duration": job.result_duration or job.duration,
        "asked_duration": job.duration,
        "format": job.format,
        "take": job.take,
        "state": job.state.value,
        "is_dead": job.state.is_dead,
        "price": job.price if job.charged is None else job.charged,
        "free": job.service == gateway.SANDBOX,
        "created": job.created,
        "error": job.error,
        "stored": job.file is not None,
    }


async def track(request: web.Request) -> web.Response:
    from aiohttp import web

    return web.json_response(_shown(await job_of(request)))


async def cancel(request: web.Request) -> web.Response:
    from aiohttp import web

    job = await job_of(request)
    service = await _service_of(job)
    return web.json_response(_shown(await service.cancel(job)))


async def buy_again(request: web.Request) -> web.Response:
    from aiohttp import web

    job = await job_of(request)
    service = await _service_of(job)
    current = gateway.settings()
    gateway.require_key(current)
    return web.json_response(_shown(await service.buy_again(job, settings=current)))


async def audio(request: web.Request) -> web.StreamResponse:
    from aiohttp import web

    return web.FileResponse(await stored(await job_of(request)))


async def job_of(request: web.Request) -> Job:
    local_id = request.match_info["local_id"]
    try:
        return await asyncio.to_thread(lambda: gateway.ledger().get(local_id))
    except KeyError:
        raise answers.NotHereError("There is no such track in the ledger.") from None


async def stored(job: Job) -> Path:
    path = await asyncio.to_thread(gateway.stored_track, job)
    if path is None:
        raise answers.NotHereError(
            "This track is not on this machine: pick it up to load it again."
        )
    return path


async def _service_of(job: Job) -> Service:
    current = await asyncio.to_thread(gateway.settings)
    name = gateway.service_name(current)
    if job.service != name:
        raise InputError(
            f"This track belongs to the service “{job.service}”, and the settings name “{name}”: "
            "change the mode or the key first."
        )
    return await asyncio.to_thread(gateway.service, current)
