"""Pictures of the waveforms of tracks and files, each drawn once."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ...files.atomic import write_file
from .. import host, session
from . import answers
from .tracks import job_of, stored

if TYPE_CHECKING:
    from aiohttp import web

_SIZE = (800, 120)
_KEPT_PICTURES = 1000

# One decode at a time: the others keep a processor.
_drawing = asyncio.Semaphore(1)


async def of_track(request: web.Request) -> web.StreamResponse:
    job = await job_of(request)
    # The name of a stored track is a hash of its content. Its time changes at each use.
    return await _waveform_of(await stored(job), str(job.file))


async def of_file(request: web.Request) -> web.StreamResponse:
    """The picture of a file that ComfyUI shows, named as in `/view`."""
    query = request.query
    path = host.shown_file(
        query.get("filename", ""), query.get("subfolder", ""), query.get("type", "output")
    )
    if path is None:
        raise answers.NotHereError("The file does not exist.")
    status = await asyncio.to_thread(path.stat)
    return await _waveform_of(path, f"{path}|{status.st_size}|{status.st_mtime_ns}")


async def _waveform_of(path: Path, identity: str) -> web.StreamResponse:
    from aiohttp import web

    name = hashlib.sha256(identity.encode()).hexdigest()
    picture = host.data_directory() / "waveforms" / f"{name}.png"
    async with _drawing:
        await asyncio.to_thread(_draw, path, picture)
    return web.FileResponse(picture, headers={"Cache-Control": "private, max-age=3600"})


def _draw(path: Path, picture: Path) -> None:
    from ...audio.draw import draw_file

    if picture.exists():
        return
    width, height = _SIZE
    minutes = session.settings().max_audio_minutes
    with path.open("rb") as file:
        content = draw_file(file, max_minutes=minutes, width=width, height=height)
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_file(picture, content, durable=False)
    kept = sorted(picture.parent.glob("*.png"), key=lambda each: each.stat().st_mtime)
    for old in kept[:-_KEPT_PICTURES]:
        old.unlink(missing_ok=True)
