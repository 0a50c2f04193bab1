"""Routes that list, search, mark, cancel, buy again, play and draw the ledger's tracks."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...api.base.errors import InputError
from ...audio.stopping import Stop
from ...files.atomic import write_file
from .. import host, order_ahead, session
from ..prefix import TITLE_LENGTH
from ..shared_inputs import whole
from . import serving

if TYPE_CHECKING:
    from aiohttp import web

    from ...api.account import Account
    from ...api.money.job import Job
    from ...api.money.listing import Group
    from ...api.settings import Settings

PAGE = 100
MAX_PAGE = 500
_WAVEFORM_SIZE = (800, 120)
_MOST_WAVEFORMS = 1000

_NOT_IN_NAMES = re.compile(
    r'[\\/:*?"<>|\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+'
)


async def tracks(request: web.Request) -> dict[str, Any]:
    query = request.query
    limit = whole(query.get("limit", str(PAGE)), "limit", 1, MAX_PAGE)
    offset = whole(query.get("offset", "0"), "offset", 0, 1_000_000_000)
    library = await session.library()
    page = await library.page(
        query.get("search", ""),
        show=query.get("show", "all"),
        sort=query.get("sort", "newest"),
        limit=limit,
        offset=offset,
        opened=query["opened"].split(",") if "opened" in query else None,
    )
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    sums = await library.totals(today=today.timestamp(), month=today.replace(day=1).timestamp())
    return {
        "tracks": [_listed(job, page.groups.get(job.local_id)) for job in page.rows],
        "total": page.total,
        "counts": page.counts,
        "active": sums.active,
        "spent": {"today": sums.spent_today, "month": sums.spent_this_month},
        "ahead": order_ahead.summary(),
        "loss": None if sums.loss is None else serving.without_folder(sums.loss),
        "now": time.time(),
    }


def _listed(job: Job, group: Group | None) -> dict[str, Any]:
    return _shown(job) | ({} if group is None else {"group": group._asdict()})


def _shown(job: Job) -> dict[str, Any]:
    """A track in the form that the browser reads."""
    return {
        "local_id": job.local_id,
        "job_id": job.job_id,
        "service": job.service,
        "model": job.model,
        "prompt": job.prompt,
        "lyrics": job.lyrics,
        "duration": job.result_duration or job.duration,
        "asked_duration": job.duration,
        "format": job.format,
        "take": job.take,
        "words": job.words,
        "state": job.state.value,
        "charge": job.charge,
        "free": job.is_free,
        "is_dead": job.state.is_dead,
        "created": job.created,
        "error": job.error,
        "listed": job.is_listed,
        "repeats": job.repeats,
        "request_id": job.request_id,
        "stored": job.file is not None,
        "is_open": job.state.is_open,
        "starred": job.starred is not None,
        "hidden": job.hidden is not None,
    }


async def news(request: web.Request) -> dict[str, Any]:
    """The number of tracks that completed while no node waited. Starts polls of open jobs."""
    await session.collect()
    return {"count": await (await session.library()).arrived()}


async def see_news(request: web.Request) -> dict[str, Any]:
    await (await session.library()).see_arrived()
    return {"count": 0}


async def track(request: web.Request) -> dict[str, Any]:
    return _shown(await job_of(request))


async def accept_loss(request: web.Request) -> dict[str, Any]:
    """The user has confirmed the loss of the ledger: allow purchases again."""
    await (await session.library()).accept_loss()
    return {"loss": None}


async def star(request: web.Request) -> dict[str, Any]:
    """Make the track a favorite, or an ordinary track: `{"value": true}`, or false."""
    job, is_on = await job_of(request), await serving.switch(request)
    return _shown(await (await session.library()).star(job.local_id, is_on=is_on))


async def hide(request: web.Request) -> dict[str, Any]:
    """Leave the track out of the list, or show it again: `{"value": true}`, or false."""
    job, is_on = await job_of(request), await serving.switch(request)
    return _shown(await (await session.library()).hide(job.local_id, is_on=is_on))


async def cancel(request: web.Request) -> dict[str, Any]:
    job = await job_of(request)
    account = await _account_of(job, session.settings())
    return _shown(await account.cancel(job))


async def buy_again(request: web.Request) -> dict[str, Any]:
    job = await job_of(request)
    current = session.settings(needs_key=True)
    account = await _account_of(job, current)
    return _shown(await account.buy_again(job, current))


async def audio(request: web.Request) -> web.StreamResponse:
    from aiohttp import web

    job = await job_of(request)
    path = await stored(job)
    named = f"inline; filename*=UTF-8''{quote(_file_name(job, path), safe='')}"
    return web.FileResponse(path, headers={"Content-Disposition": named})


def _file_name(job: Job, path: Path) -> str:
    """The name of a downloaded track: the first words of its prompt, and its take."""
    title = " ".join(_NOT_IN_NAMES.sub(" ", job.prompt).split())[:TITLE_LENGTH].strip(" .")
    return f"{title} - take {job.take}{path.suffix}" if title else f"{job.job_id}{path.suffix}"


async def job_of(request: web.Request) -> Job:
    local_id = request.match_info["local_id"]
    try:
        return await (await session.library()).job(local_id)
    except KeyError:
        raise serving.NotHereError("The ledger does not have this track.") from None


async def stored(job: Job) -> Path:
    path = await (await session.library()).stored_track(job, session.settings())
    if path is None:
        raise serving.NotHereError(
            "The file of this track is not on this machine: pick the track up to load it again."
        )
    return path


async def _account_of(job: Job, current: Settings) -> Account:
    if job.service != current.service:
        raise InputError(
            f"This track belongs to the service “{job.service}”, and the settings name "
            f"“{current.service}”: change the mode or the key first."
        )
    return await session.account(current)


# Pictures of the waveforms. Each is drawn once

# One decode at a time leaves a processor core for other work.
_decode = asyncio.Semaphore(1)


async def waveform_of_track(request: web.Request) -> web.StreamResponse:
    job = await job_of(request)
    # The name of a stored track is a hash of its content. Each use changes the file's time.
    return await _waveform_of(await stored(job), str(job.file))


async def waveform_of_file(request: web.Request) -> web.StreamResponse:
    """The picture of a file that ComfyUI shows. The query names the file as in `/view`."""
    query = request.query
    path = host.shown_file(
        query.get("filename", ""), query.get("subfolder", ""), query.get("type", "output")
    )
    if path is None:
        raise serving.NotHereError("The file does not exist.")
    status = await asyncio.to_thread(path.stat)
    return await _waveform_of(path, f"{path}|{status.st_size}|{status.st_mtime_ns}")


async def _waveform_of(path: Path, identity: str) -> web.StreamResponse:
    from aiohttp import web

    name = hashlib.sha256(identity.encode()).hexdigest()
    picture = host.data_directory() / "waveforms" / f"{name}.png"
    if not picture.exists():
        async with _decode:
            await _drawn(path, picture)
    return web.FileResponse(picture, headers={"Cache-Control": "private, max-age=3600"})


async def _drawn(path: Path, picture: Path) -> None:
    """Draw in a thread. A cancelled drawing ends at its next block of sound."""
    stop = Stop()
    drawing = asyncio.ensure_future(asyncio.to_thread(stop.run, lambda: _draw(path, picture)))
    try:
        await asyncio.shield(drawing)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(drawing, return_exceptions=True)
        raise


def _draw(path: Path, picture: Path) -> None:
    from ...audio.draw import draw_file

    if picture.exists():
        return
    width, height = _WAVEFORM_SIZE
    minutes = session.settings().max_audio_minutes
    with path.open("rb") as file:
        content = draw_file(file, max_minutes=minutes, width=width, height=height)
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_file(picture, content, durable=False)
    drawn = sorted(picture.parent.glob("*.png"), key=lambda each: each.stat().st_mtime)
    for old in drawn[:-_MOST_WAVEFORMS]:
        old.unlink(missing_ok=True)
