"""A ComfyUI that dies in the middle of a job, and the same graph again."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import pytest

from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox, SandboxThread
from ...scripts.lib import graph
from .client import Browser, Event, browse
from .conftest import WORKFLOW
from .server import running, supported
from .test_running import POLL, REQUEST, SAVE, read, succeeded

pytestmark = pytest.mark.xdist_group("comfyui")


async def prompt_for(browser: Browser) -> graph.Prompt:
    prompt = graph.to_prompt(graph.load(WORKFLOW), await browser.node_info())
    values = {"prompt": "calm piano sandbox:slow=4", "duration": 8.0}
    prompt[graph.node_of(prompt, REQUEST)]["inputs"].update(values)
    return prompt


async def test_a_crash_costs_nothing_and_loses_nothing(tmp_path: Path) -> None:
    folder = supported()
    gateway = SandboxThread(Sandbox(Profile().scaled(0.1)))
    sandbox = gateway.sandbox
    settings = {"AIGATEWAY_BASE_URL": gateway.base_url}
    try:
        with (
            running(folder, tmp_path, settings) as server,
            contextlib.suppress(aiohttp.ClientError),
        ):
            async with browse(server.url) as browser:
                prompt = await prompt_for(browser)
                waiting, is_bought = graph.node_of(prompt, POLL), asyncio.Event()

                def hear(event: Event) -> bool:
                    if event.kind == "executing" and event.data["node"] == waiting:
                        is_bought.set()
                    return False

                graph_run = asyncio.ensure_future(browser.run(prompt, hear))
                await is_bought.wait()
                server.kill()
                graph_run.cancel()
        bought = sandbox.bill()["jobs"]
        with running(folder, tmp_path, settings) as server:
            async with browse(server.url) as browser:
                prompt = await prompt_for(browser)
                outcome = succeeded(await browser.run(prompt))
                (file,) = outcome.outputs[graph.node_of(prompt, SAVE)]["audio"]
                frames, rate = await read(browser, file)
        assert frames == 8 * rate
        assert sandbox.bill()["jobs"] == bought
        assert len(bought) == 1
        # A third ComfyUI has everything on its disk.
        sandbox.seen.clear()
        with running(folder, tmp_path, settings) as server:
            async with browse(server.url) as browser:
                succeeded(await browser.run(await prompt_for(browser)))
        assert sandbox.seen == []
    finally:
        gateway.stop()
