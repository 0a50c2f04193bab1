"""What the browser asks the server for, under `/aigateway/`. The API key is in no answer.

Whatever is heavy is imported inside the handlers, and whatever blocks runs in a thread.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import settings as api_settings
from ..api.errors import GatewayError, InputError, SettingsError
from ..api.protocol import DEFAULT_MODEL, MusicRequest
from ..api.settings import Settings
from . import gateway, host

if TYPE_CHECKING:
    from aiohttp import web

    from ..api.ledger import Job

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE = 100
MAX_PAGE = 500
# What the panel may change. The address of the gateway is not among it: the key is sent there.
PANEL = (
    "mode",
    "on_interrupt",
    "spend_limit_per_run",
    "spend_limit_per_day",
    "uncertain_limit",
    "allow_unknown_price",
    "store_limit_gb",
)
# Asked for once more, these are handed out again.
_BOUGHT = ("queued", "running", "completed")
_WAVEFORM = (800, 120)
_KEPT_PICTURES = 1000
_DAY = 24 * 3600.0

# One decode at a time: a track of four minutes takes 85 MB.
_drawing = asyncio.Semaphore(1)


def add_to(table: web.RouteTableDef) -> None:
    """Add the pack's routes to ComfyUI's; again is harmless."""
    if any(getattr(route, "path", "").startswith("/aigateway/") for route in table):
        return
    table.get("/aigateway/settings")(_answering(_get_settings))
    table.put("/aigateway/settings")(_answering(_put_setting))
    table.post("/aigateway/test-connection")(_answering(_test_connection))
    table.get("/aigateway/price")(_answering(_price))
    table.post("/aigateway/price")(_answering(_price))
    table.get("/aigateway/tracks")(_answering(_tracks))
    table.get("/aigateway/tracks/{local_id}")(_answering(_track))
    table.post("/aigateway/tracks/{local_id}/cancel")(_answering(_cancel))
    table.post("/aigateway/tracks/{local_id}/buy-again")(_answering(_buy_again))
    table.get("/aigateway/tracks/{local_id}/audio")(_answering(_audio))
    table.get("/aigateway/tracks/{local_id}/waveform")(_answering(_track_waveform))
    table.get("/aigateway/waveform")(_answering(_file_waveform))


def _answering(handler: Handler) -> Handler:
    """Answer every error of the pack with its sentence."""

    @functools.wraps(handler)
    async def answering(request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        # A page of another site can post a form, but not JSON, without asking the server first.
        if request.method != "GET" and request.content_type != "application/json":
            return web.json_response({"error": "The request has to be JSON."}, status=415)
        try:
            return await handler(request)
        except _NotHereError as error:
            return web.json_response({"error": str(error)}, status=404)
        except (GatewayError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return answering


class _NotHereError(Exception):
    """No such track, or its file is not on this machine."""


# Settings


async def _get_settings(request: web.Request) -> web.Response:
    from aiohttp import web

    return web.json_response(await asyncio.to_thread(_settings_answer))


def _settings_answer() -> dict[str, Any]:
    current = gateway.settings()
    key = current.api_key
    values = {name: getattr(current, name) for name in PANEL}
    defaults = {name: getattr(Settings(), name) for name in PANEL}
    fixed = [name for name in (*PANEL, "api_key") if api_settings.is_from_environment(name)]
    return {
        "service": gateway.service_name(current),
        "sandbox": current.is_sandbox,
        "key": None if key is None else {"source": key.source, "hint": key.hint},
        "values": values,
        "defaults": defaults,
        "environment": fixed,
        "file": str(host.data_directory() / api_settings.FILE_NAME),
    }


async def _put_setting(request: web.Request) -> web.Response:
    from aiohttp import web

    body = await _body(request)
    name, value = body.get("name"), body.get("value")
    if name != "api_key" and name not in PANEL:
        raise InputError(f"“{name}” is no setting of the panel.")
    if name == "api_key":
        if value is not None and not isinstance(value, str):
            raise SettingsError("The API key has to be text.")
        value = (value or "").strip() or None
    if api_settings.is_from_environment(name):
        raise SettingsError(
            f"AIGATEWAY_{name.upper()} is set in the server's environment and decides: change it "
            "there."
        )
    await asyncio.to_thread(api_settings.write, host.data_directory(), name, value)
    return web.json_response(await asyncio.to_thread(_settings_answer))


async def _test_connection(request: web.Request) -> web.Response:
    from aiohttp import web

    current = await asyncio.to_thread(gateway.settings)
    if current.is_sandbox:
        return web.json_response({"sandbox": True, "balance": None})
    gateway.require_key(current)
    service = await asyncio.to_thread(gateway.service, current)
    return web.json_response({"sandbox": False, "balance": await service.balance()})


# Price


async def _price(request: web.Request) -> web.Response:
    """The price of one piece, and whether `count` of them in each of `runs` would be refused.

    A whole request, which may be too long for an address, comes as JSON; then it is known whether
    it was bought before, too.
    """
    from aiohttp import web

    given = request.query if request.method == "GET" else await _body(request)
    count = _whole(str(given.get("count", 1)), "count", 1, 10_000)
    runs = _whole(str(given.get("runs", 1)), "runs", 1, 10_000)
    piece = MusicRequest(
        prompt=str(given.get("prompt") or "…"),
        duration=_number(str(given.get("duration", 30)), "duration"),
        lyrics=str(given.get("lyrics", "")),
        format=str(given.get("format", "mp3")),
        model=str(given.get("model", DEFAULT_MODEL)),
        take=_whole(str(given.get("take", 1)), "take", 0, 1_000_000_000),
    ).validated()
    return web.json_response(await asyncio.to_thread(_price_answer, piece, count, runs))


def _price_answer(piece: MusicRequest, count: int, runs: int) -> dict[str, Any]:
    from ..api.ledger import exceeds
    from ..api.pricing import Catalogue

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


# Tracks


async def _tracks(request: web.Request) -> web.Response:
    from aiohttp import web

    query = request.query
    limit = _whole(query.get("limit", str(PAGE)), "limit", 1, MAX_PAGE)
    offset = _whole(query.get("offset", "0"), "offset", 0, 1_000_000_000)
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
        "price": job.price if job.charged is None else job.charged,
        "free": job.service == gateway.SANDBOX,
        "created": job.created,
        "error": job.error,
        "stored": job.file is not None,
    }


async def _track(request: web.Request) -> web.Response:
    from aiohttp import web

    return web.json_response(_shown(await _job(request)))


async def _cancel(request: web.Request) -> web.Response:
    from aiohttp import web

    job = await _job(request)
    service = await _service_of(job)
    return web.json_response(_shown(await service.cancel(job)))


async def _buy_again(request: web.Request) -> web.Response:
    from aiohttp import web

    job = await _job(request)
    service = await _service_of(job)
    current = gateway.settings()
    gateway.require_key(current)
    return web.json_response(_shown(await service.buy_again(job, settings=current)))


async def _audio(request: web.Request) -> web.StreamResponse:
    from aiohttp import web

    return web.FileResponse(await _stored(await _job(request)))


async def _track_waveform(request: web.Request) -> web.StreamResponse:
    job = await _job(request)
    # A stored track is named by its content, and its time says when it was last used.
    return await _waveform_of(await _stored(job), str(job.file))


async def _file_waveform(request: web.Request) -> web.StreamResponse:
    """The picture of a file that ComfyUI shows, named as in `/view`."""
    query = request.query
    path = host.shown_file(
        query.get("filename", ""), query.get("subfolder", ""), query.get("type", "output")
    )
    if path is None:
        raise _NotHereError("There is no such file.")
    status = await asyncio.to_thread(path.stat)
    return await _waveform_of(path, f"{path}|{status.st_size}|{status.st_mtime_ns}")


async def _waveform_of(path: Path, identity: str) -> web.StreamResponse:
    from aiohttp import web

    from ..audio.buffer import AudioError

    picture = host.data_directory() / "waveforms" / f"{_digest(identity)}.png"
    async with _drawing:
        try:
            await asyncio.to_thread(_draw, path, picture)
        except AudioError as error:
            raise InputError(str(error)) from error
    return web.FileResponse(picture, headers={"Cache-Control": "private, max-age=3600"})


def _digest(name: str) -> str:
    import hashlib

    return hashlib.sha256(name.encode()).hexdigest()


def _draw(path: Path, picture: Path) -> None:
    from ..audio.decode import decode
    from ..audio.picture import draw_waveform

    if picture.exists():
        return
    with path.open("rb") as file:
        waveform, sample_rate = decode(file, max_minutes=gateway.settings().max_audio_minutes)
    width, height = _WAVEFORM
    content = draw_waveform(waveform, sample_rate, width=width, height=height)
    picture.parent.mkdir(parents=True, exist_ok=True)
    temporary = picture.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, picture)
    kept = sorted(picture.parent.glob("*.png"), key=lambda each: each.stat().st_mtime)
    for old in kept[:-_KEPT_PICTURES]:
        old.unlink(missing_ok=True)


# Of use to several


async def _job(request: web.Request) -> Job:
    local_id = request.match_info["local_id"]
    try:
        return await asyncio.to_thread(lambda: gateway.ledger().get(local_id))
    except KeyError:
        raise _NotHereError("There is no such track in the ledger.") from None


async def _stored(job: Job) -> Path:
    path = await asyncio.to_thread(gateway.stored_track, job)
    if path is None:
        raise _NotHereError("This track is not on this machine: pick it up to load it again.")
    return path


async def _service_of(job: Job) -> Any:
    current = await asyncio.to_thread(gateway.settings)
    name = gateway.service_name(current)
    if job.service != name:
        raise InputError(
            f"This track belongs to the service “{job.service}”, and the settings name “{name}”: "
            "change the mode or the key first."
        )
    return await asyncio.to_thread(gateway.service, current)


async def _body(request: web.Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise InputError("The request has to be a JSON object.")
    return body


def _number(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"The {name} is “{text}”, but it has to be a number.")
    return number


def _whole(text: str, name: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise InputError(f"The {name} is “{text}”, but it has to be {low} to {high}.")
    return int(text)
