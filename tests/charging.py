"""A gateway on loopback whose jobs die at their first poll, and which may charge for them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web


@contextlib.asynccontextmanager
async def charging(status: str, dollars: float) -> AsyncIterator[str]:
    """The base URL of a gateway.

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
