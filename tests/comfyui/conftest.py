"""One gateway and one ComfyUI for all tests of the group, which xdist keeps on one worker."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox, SandboxThread
from ...scripts.lib import comfyui, graph
from .client import Browser, browse
from .server import running, supported

WORKFLOW = comfyui.pack.ROOT / "example_workflows" / "Text to Music.json"
Example = Callable[..., graph.Prompt]


class Host(NamedTuple):
    server: comfyui.ComfyUI
    gateway: Sandbox
    start_log: str
    """What ComfyUI logged until it was ready: errors that tests provoke come later."""


def add_list_nodes(base: Path) -> None:
    """Give a ComfyUI whose data is in `base` the nodes of lists."""
    (base / "custom_nodes").mkdir()
    shutil.copy(Path(__file__).with_name("list_nodes.py"), base / "custom_nodes")


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """ComfyUI with the pack, asking a quick gateway of the tests' own."""
    folder = supported()
    gateway = SandboxThread(Sandbox(Profile().scaled(0.05)))
    settings = {"AIGATEWAY_BASE_URL": gateway.base_url, "AIGATEWAY_API_KEY": "sk-aig-tests"}
    try:
        base = tmp_path_factory.mktemp("comfyui")
        add_list_nodes(base)
        with running(folder, base, settings) as server:
            yield Host(server, gateway.sandbox, server.log_text())
    finally:
        gateway.stop()


@pytest.fixture
async def browser(host: Host) -> AsyncIterator[Browser]:
    async with browse(host.server.url) as opened:
        yield opened


@pytest.fixture
async def example(browser: Browser) -> Example:
    """Makes the example workflow's prompt; keywords change the request's values."""
    info = await browser.node_info()
    canvas: dict[str, Any] = json.loads(WORKFLOW.read_text("utf-8"))

    def make(**changes: Any) -> graph.Prompt:
        prompt = graph.to_prompt(canvas, info)
        prompt[graph.node_of(prompt, "AIGatewayPromptToMusic")]["inputs"].update(changes)
        return prompt

    return make
