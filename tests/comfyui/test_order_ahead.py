"""Runs wait behind a long one, and their music is ordered at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox, SandboxThread
from ...scripts.lib import graph
from .client import Browser, browse
from .conftest import WORKFLOW, add_list_nodes
from .server import running, supported
from .test_running import REQUEST, succeeded

pytestmark = pytest.mark.xdist_group("comfyui")


async def ordered_ahead(browser: Browser, tracks: int) -> dict[str, Any]:
    """What the Music tab says of orders, once it has so many tracks."""
    for _ in range(600):
        ahead = (await browser.get("/aigateway/tracks"))["ahead"]
        if ahead["tracks"] == tracks:
            return ahead
        await asyncio.sleep(0.1)
    raise TimeoutError


async def test_the_music_of_queued_runs_is_ordered_at_once(tmp_path: Path) -> None:
    folder, door = supported(), tmp_path / "door"
    gateway = SandboxThread(Sandbox(Profile().scaled(0.1)))
    settings = {"AIGATEWAY_BASE_URL": gateway.base_url, "AIGATEWAY_ORDER_AHEAD": "true"}
    base = tmp_path / "comfyui"
    base.mkdir()
    add_list_nodes(base)

    def orders() -> list[str]:
        return sorted(job["prompt"] for job in gateway.sandbox.bill()["jobs"])

    try:
        with running(folder, base, settings) as server:
            async with browse(server.url) as browser:
                info = await browser.node_info()
                slow = {"gate": {"class_type": "TestGate", "inputs": {"file": str(door)}}}
                first = await browser.queue(slow)
                runs = []
                for number in range(3):
                    prompt = graph.to_prompt(graph.load(WORKFLOW), info)
                    words = {"prompt": f"calm piano {number}", "duration": 8.0}
                    prompt[graph.node_of(prompt, REQUEST)]["inputs"].update(words)
                    runs.append(await browser.queue(prompt))
                # The first run goes on, and all music is ordered.
                ahead = await ordered_ahead(browser, 3)
                assert (ahead["runs"], ahead["kept"]) == (3, 0)
                assert len(orders()) == 3
                assert ahead["price"] == pytest.approx(0.0048)

                await browser.unqueue(runs[2])
                door.touch()
                for run in (first, *runs[:2]):
                    succeeded(await asyncio.wait_for(browser.follow(run), 120))
                answer = await browser.get("/aigateway/tracks")
        assert orders() == [f"calm piano {number}" for number in range(3)]
        # The order of the run that was removed is kept, and said.
        assert (answer["ahead"]["runs"], answer["ahead"]["kept"]) == (0, 1)
        assert answer["ahead"]["kept_price"] == pytest.approx(0.0016)
        assert answer["total"] == 3
    finally:
        gateway.stop()
