"""The pack's routes with their worst requests: the time that each takes from ComfyUI.

Busy: the longest time that the event loop's thread computes without a pause. Work: the processor
time of all threads for one request. The ledger has 100,000 tracks (`--rows N`).
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ..api.base.request import MusicRequest
from ..api.money.ledger import Ledger
from ..scripts.lib import headless, pack
from ..tests.soak.heartbeat import Heartbeat
from .report import Row, arguments, compare, report

_BUSY, _WORK = 50.0, 2000.0
"""Milliseconds that one request may take of the loop, and of threads."""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(_measured(Path(folder), 200 if options.small else options.rows))
    report(rows, options.json)
    return 0


def _requests() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """By a name: method, path and what aiohttp takes."""
    words = " ".join(f"w{number}" for number in range(200))
    node = {"prompt": ["piano " * 150] * 500, "duration": 30.0, "lyrics": "la la\n" * 100}
    return {
        "settings": ("GET", "settings", {}),
        "price, 16 takes of 60 requests": (
            "POST",
            "price",
            {"json": {"prompt": ["piano"] * 60, "duration": 30.0, "count": 16}},
        ),
        "price, long texts in a body of nearly 1 MB": ("POST", "price", {"json": node}),
        "price, too many tracks": (
            "POST",
            "price",
            {"json": {"nodes": [{"prompt": ["x"] * 200, "count": 16}] * 400}},
        ),
        "model prices": ("GET", "model-prices?duration=30", {}),
        "tracks, the last 500": ("GET", "tracks?limit=500&offset=99000", {}),
        "tracks, a search of 200 words": ("GET", "tracks", {"params": {"search": words}}),
        "tracks, a search of one letter": ("GET", "tracks", {"params": {"search": "a"}}),
        "tracks, dearest first": ("GET", "tracks?sort=dearest&limit=500", {}),
        "news": ("GET", "news", {}),
        "the waveform of an hour": ("GET", "waveform?filename=hour.flac&type=output", {}),
    }


async def _measured(folder: Path, count: int) -> list[Row]:
    headless.configure(folder / "output", folder / "comfyui")
    # An address where nothing listens.
    os.environ |= {
        "AIGATEWAY_DATA_DIR": str(folder / "data"),
        "AIGATEWAY_BASE_URL": "http://127.0.0.1:9/v1",
        "AIGATEWAY_API_KEY": "sk-aig-benchmark",
    }
    _fill(folder / "data", count)
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000 * (60 if count < 1000 else 3600))
    (folder / "output").mkdir(exist_ok=True)
    soundfile.write(folder / "output" / "hour.flac", noise.astype(np.float32), 16_000)
    routes: Any = importlib.import_module(f"{pack.NAME}.nodes.routes")
    table = web.RouteTableDef()
    routes.add_to(table)
    app = web.Application()
    app.add_routes(table)
    rows: list[Row] = []
    heartbeat = Heartbeat()
    async with TestClient(TestServer(app), headers={"X-AIgateway-Page": "1"}) as client:
        # Modules are imported once in a process.
        for path in ("settings", "tracks", "news"):
            await (await client.get(f"/aigateway/{path}")).read()
        async with heartbeat.beating():
            for name, (method, path, more) in _requests().items():
                heartbeat.reset()
                await asyncio.sleep(0.05)
                heartbeat.reset()
                worked = time.process_time()
                async with client.request(method, f"/aigateway/{path}", **more) as answer:
                    await answer.read()
                worked = 1000 * (time.process_time() - worked)
                await asyncio.sleep(0.05)
                name = f"{name} ({answer.status})"
                rows += [
                    compare(f"{name}: busy, ms; bound", 1000 * heartbeat.busy, _BUSY, 1.0),
                    compare(f"{name}: work, ms; bound", worked, _WORK, 1.0),
                ]
    heartbeat.close()
    return rows


def _fill(folder: Path, count: int) -> None:
    """A ledger of `count` tracks: copies of one row with other words."""
    ledger = Ledger(folder)
    request = MusicRequest("calm piano and strings", lyrics="let every window shine")
    ledger.create("elsewhere", request, run="", price=0.006)
    ledger.close()
    (path,) = (
        p for p in folder.rglob("*") if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3"
    )
    connection = sqlite3.connect(path)
    with connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
        (row,) = connection.execute("SELECT * FROM jobs").fetchall()
        own = {columns.index("local_id"), columns.index("fingerprint")}
        rows = ([f"{v}{n}" if i in own else v for i, v in enumerate(row)] for n in range(count))
        marks = ",".join("?" * len(columns))
        connection.executemany(f"INSERT INTO jobs VALUES ({marks})", rows)  # noqa: S608 marks only
    connection.close()
