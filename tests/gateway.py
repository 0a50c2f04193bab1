"""Gateways on loopback and accounts on them, with all times compressed alike."""

from __future__ import annotations

import contextlib
import io
import itertools
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from ..api.account import Account
from ..api.base.timing import Timing
from ..api.farm.shared_addresses import LedgerUrl
from ..api.library import Library
from ..api.money.job import Job
from ..api.wire.key import ApiKey
from ..sandbox.job_book import SketchRequest
from ..sandbox.profile import Profile
from ..sandbox.server import Sandbox, SandboxThread

SCALE = 1 / 30
TIMING = Timing(rate_limit=600).scaled(SCALE)
SAMPLE_RATE = 8000


def tone(request: SketchRequest) -> bytes:
    """A small WAV that differs from request to request, in no time."""
    level = request.seed % 20_000 + 100
    frames = int(request.duration * SAMPLE_RATE)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(level.to_bytes(2, "little") * frames)
    return out.getvalue()


def rows_of(account: Account) -> list[Job]:
    """All rows of the account's ledger, newest first."""
    return account.library.ledger.page(limit=1000)[0]


@contextlib.contextmanager
def running(profile: Profile | None = None, *, state: Path | None = None) -> Iterator[Sandbox]:
    """A sandbox that serves tones on loopback."""
    sandbox = Sandbox(profile or Profile().scaled(SCALE), render=tone, state_path=state)
    thread = SandboxThread(sandbox)
    try:
        yield sandbox
    finally:
        thread.stop()


@contextlib.contextmanager
def account_on(
    sandbox: Sandbox,
    directory: Path,
    *,
    name: str = "test",
    key: str | None = None,
    timing: Timing | None = None,
    ledger_url: LedgerUrl | None = None,
    cost_tag: str = "",
    skip_cache: bool = True,
) -> Iterator[Account]:
    """An account of its own, as a new ComfyUI process would have it."""
    library = Library(directory, timing or TIMING, ledger_url=ledger_url)
    account = Account(
        name,
        sandbox.base_url,
        None if key is None else ApiKey(key, "a test"),
        library,
        timing or TIMING,
        cost_tag,
        file_origins=(sandbox.files_root,),
        skip_cache=skip_cache,
    )
    try:
        yield account
    finally:
        account.close()
        library.close()


@contextlib.asynccontextmanager
async def charging(status: str, dollars: float) -> AsyncIterator[str]:
    """The base URL of a gateway whose jobs die at their first poll, and which may charge for them.

    Args:
        status: of each job: `failed` or `cancelled`.
        dollars: what its record says that the job cost.
    """
    numbers = itertools.count(1)

    async def submit(request: web.Request) -> web.Response:
        record = {"id": f"job_{next(numbers)}", "status": "queued"}
        return web.json_response(record, status=202)

    async def job(request: web.Request) -> web.Response:
        record: dict[str, Any] = {"id": request.match_info["id"], "status": status}
        return web.json_response({**record, "usage": {"cost": dollars}})

    app = web.Application()
    app.router.add_post("/v1/audio/music", submit)
    app.router.add_get("/v1/jobs/{id}", job)
    app.router.add_post("/v1/jobs/{id}/cancel", job)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
