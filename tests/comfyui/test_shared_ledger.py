"""Two ComfyUI servers of one machine, with one ledger: a file of SQLite."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...sandbox.profile import Dialect, Profile
from ...sandbox.server import Sandbox, SandboxThread
from ...scripts.lib import comfyui, graph
from .client import browse
from .server import running, supported
from .test_farm import SECONDS, prompt_for
from .test_running import SAVE, read, succeeded

pytestmark = [pytest.mark.xdist_group("comfyui")]


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    """A gateway that buys again for a repeated key."""
    profile = Profile(dialect=Dialect(honours_idempotency_key=False)).scaled(0.1)
    thread = SandboxThread(Sandbox(profile))
    yield thread.sandbox
    thread.stop()


@pytest.fixture
def servers(gateway: Sandbox, tmp_path: Path) -> Iterator[list[comfyui.ComfyUI]]:
    settings = {
        "AIGATEWAY_BASE_URL": gateway.base_url,
        "AIGATEWAY_API_KEY": "sk-aig-tests",
        "AIGATEWAY_DATA_DIR": str(tmp_path / "ledger"),
    }
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(running(supported(), _folder(tmp_path / name), settings))
            for name in ("one", "two")
        ]


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


async def test_one_graph_on_two_servers_at_once_is_one_purchase_and_two_files(
    servers: list[comfyui.ComfyUI], gateway: Sandbox
) -> None:
    async with browse(servers[0].url) as one, browse(servers[1].url) as two:
        for words in ("calm piano", "slow strings sandbox:slow=3"):
            prompts = [await prompt_for(page, words) for page in (one, two)]
            # Both servers have the prompt before either answers.
            outcomes = await asyncio.gather(
                *(page.run(prompt) for page, prompt in zip((one, two), prompts, strict=True))
            )
            for page, prompt, outcome in zip((one, two), prompts, outcomes, strict=True):
                (file,) = succeeded(outcome).outputs[graph.node_of(prompt, SAVE)]["audio"]
                frames, rate = await read(page, file)
                assert frames == SECONDS * rate
        assert len(gateway.bill()["jobs"]) == 2
        for page in (one, two):
            assert (await page.get("/aigateway/tracks"))["total"] == 2
