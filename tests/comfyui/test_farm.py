"""Two ComfyUI servers with folders of their own, one ledger, one bucket."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from ...sandbox.profile import Dialect, Profile
from ...sandbox.server import Sandbox, SandboxThread
from ...scripts.lib import comfyui, graph
from ..api.conftest import postgres  # noqa: F401
from ..buckets import SECRET, SERVERS, BucketServer, serving
from ..ledgers import new_schema
from .client import Browser, Event, browse
from .conftest import WORKFLOW
from .server import running, supported
from .test_running import POLL, REQUEST, SAVE, read, succeeded

pytestmark = [pytest.mark.xdist_group("comfyui"), pytest.mark.farm]

SECONDS = 8


class Farm(NamedTuple):
    folder: Path
    gateway: Sandbox
    bucket: BucketServer
    settings: Mapping[str, str]


@pytest.fixture(params=SERVERS)
def farm(
    request: pytest.FixtureRequest,
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> Iterator[Farm]:
    """What the workers share, with a gateway that buys again for a repeated key."""
    folder = supported()
    python = comfyui.python(folder)
    if subprocess.call([str(python), "-c", "import obstore, psycopg"], stderr=subprocess.DEVNULL):
        pytest.skip(f"{python} does not have the packages of requirements-farm.txt")
    gateway = SandboxThread(
        Sandbox(Profile(dialect=Dialect(honours_idempotency_key=False)).scaled(0.1))
    )
    try:
        with serving(request.param, tmp_path / "bucket") as bucket:
            secret = tmp_path / "store_url"
            secret.write_text(f"{bucket.address()}\n", "utf-8")
            settings = {
                "AIGATEWAY_BASE_URL": gateway.base_url,
                "AIGATEWAY_API_KEY": "sk-aig-tests",
                "AIGATEWAY_LEDGER_URL": new_schema(postgres).reveal(),
                "AIGATEWAY_STORE_URL_FILE": str(secret),
            }
            yield Farm(folder, gateway.sandbox, bucket, settings)
    finally:
        gateway.stop()


@contextlib.contextmanager
def worker(farm: Farm, base: Path) -> Iterator[comfyui.ComfyUI]:
    base.mkdir()
    with running(farm.folder, base, farm.settings) as server:
        yield server


async def prompt_for(browser: Browser, words: str) -> graph.Prompt:
    prompt = graph.to_prompt(graph.load(WORKFLOW), await browser.node_info())
    values = {"prompt": words, "duration": float(SECONDS)}
    prompt[graph.node_of(prompt, REQUEST)]["inputs"].update(values)
    return prompt


async def track_of(server: comfyui.ComfyUI, words: str) -> bytes:
    """Run the example workflow; the bytes of the file that it saves."""
    async with browse(server.url) as browser:
        prompt = await prompt_for(browser, words)
        outcome = succeeded(await browser.run(prompt))
        (file,) = outcome.outputs[graph.node_of(prompt, SAVE)]["audio"]
        frames, rate = await read(browser, file)
        assert frames == SECONDS * rate
        return await browser.view(file)


async def test_the_same_graph_on_two_servers_buys_once_and_outlives_one(
    farm: Farm, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with worker(farm, second) as survivor:
        with worker(farm, first) as victim:
            # Both ask at the same moment.
            both = [track_of(server, "calm piano sandbox:slow=3") for server in (victim, survivor)]
            await asyncio.gather(*both)
            assert len(farm.gateway.bill()["jobs"]) == 1
            assert len(farm.bucket.objects()) == 1

            # One of them alone makes another track, and dies with its disk.
            await track_of(victim, "slow strings")
            bought = farm.gateway.bill()["jobs"]
            assert len(bought) == 2
            assert len(farm.bucket.objects()) == 2
            assert victim.log_text().count("The gateway has the job") >= 1
            victim.kill()
        shutil.rmtree(first)
        farm.gateway.seen.clear()
        await track_of(survivor, "slow strings")
        assert farm.gateway.seen == []
        assert farm.gateway.bill()["jobs"] == bought
        for secret in (SECRET, farm.settings["AIGATEWAY_LEDGER_URL"]):
            assert secret not in survivor.log_text()


async def test_a_server_that_dies_while_its_job_runs_leaves_it_to_the_other_one(
    farm: Farm, tmp_path: Path
) -> None:
    first, words = tmp_path / "first", "calm piano sandbox:slow=6"
    with worker(farm, tmp_path / "second") as survivor:
        with worker(farm, first) as victim, contextlib.suppress(aiohttp.ClientError):
            async with browse(victim.url) as browser:
                prompt = await prompt_for(browser, words)
                waiting, is_bought = graph.node_of(prompt, POLL), asyncio.Event()

                def hear(event: Event) -> bool:
                    if event.kind == "executing" and event.data["node"] == waiting:
                        is_bought.set()
                    return False

                run = asyncio.ensure_future(browser.run(prompt, hear))
                await is_bought.wait()
                victim.kill()
                run.cancel()
        shutil.rmtree(first)
        await track_of(survivor, words)
    assert len(farm.gateway.bill()["jobs"]) == 1
    assert len(farm.bucket.objects()) == 1
