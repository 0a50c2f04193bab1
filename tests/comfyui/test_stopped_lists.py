"""Lists that are stopped in the middle, and lists on two servers: nothing is bought again."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ...sandbox.profile import Profile, now
from ...sandbox.server import Sandbox, SandboxThread
from ...scripts.lib import graph
from .client import Browser, Event, browse
from .conftest import WORKFLOW, Example, Host, add_list_nodes
from .server import running, supported
from .test_lists import jobs, linked, named, saved
from .test_running import REQUEST, succeeded

pytestmark = pytest.mark.xdist_group("comfyui")


async def own_example(browser: Browser, **values: Any) -> graph.Prompt:
    prompt = graph.to_prompt(graph.load(WORKFLOW), await browser.node_info())
    prompt[graph.node_of(prompt, REQUEST)]["inputs"].update(values)
    return prompt


def finished(gateway: Sandbox, word: str) -> int:
    """The jobs of prompts with `word` that are over at the gateway."""
    bought = gateway.bill()["jobs"]
    return sum(word in job["prompt"] and job["ends"] < now() - 0.5 for job in bought)


@pytest.mark.parametrize("good", [1, 2, 5])
async def test_what_was_finished_at_an_interrupt_is_saved_without_an_order(
    host: Host, browser: Browser, example: Example, good: int
):
    word = f"stopped{good}"
    prompts = [f"{word} {number}" for number in range(good)]
    whole = linked(example(duration=5), prompt=[f"{word} sandbox:slow=8", *prompts], take=[1])
    outcome = await browser.run(whole, lambda _: finished(host.gateway, word) >= good)
    assert outcome.ending.kind == "execution_interrupted"
    before = jobs(host)
    part = linked(example(duration=5), prompt=prompts, take=[1])
    assert len(saved(succeeded(await browser.run(part)), part)) == good
    # The slow one goes on at the gateway, and the next run of the whole list has it.
    assert len(saved(succeeded(await browser.run(whole)), whole)) == good + 1
    assert jobs(host) == before


@pytest.mark.parametrize(("bought", "asked"), [(1, 22), (2, 25), (3, 40)])
async def test_what_was_bought_before_a_limit_is_saved_without_an_order(
    host: Host, browser: Browser, example: Example, bought: int, asked: int
):
    values = {"duration": 240, "prompt": f"limit {bought}"}
    some = linked(example(**values), take=list(range(bought)))
    succeeded(await browser.run(some))
    before = jobs(host)
    more = linked(example(**values), take=list(range(asked)))
    assert len(saved(succeeded(await browser.run(more)), more)) == bought
    again = linked(example(**values), take=list(range(bought)))
    assert len(saved(succeeded(await browser.run(again)), again)) == bought
    assert jobs(host) == before


@pytest.mark.parametrize("count", [2, 3, 6])
async def test_a_kill_in_a_list_costs_nothing_and_loses_nothing(tmp_path: Path, count: int):
    folder = supported()
    add_list_nodes(tmp_path)
    gateway = SandboxThread(Sandbox(Profile().scaled(0.1)))
    settings = {"AIGATEWAY_BASE_URL": gateway.base_url}
    takes = list(range(count))
    values = {"prompt": "killed sandbox:slow=4", "duration": 5.0}
    try:
        with (
            running(folder, tmp_path, settings) as server,
            contextlib.suppress(aiohttp.ClientError),
        ):
            async with browse(server.url) as browser:
                prompt = linked(await own_example(browser, **values), take=takes)
                all_bought = asyncio.Event()

                def hear(event: Event) -> bool:
                    if len(gateway.sandbox.bill()["jobs"]) == count:
                        all_bought.set()
                    return False

                run = asyncio.ensure_future(browser.run(prompt, hear))
                await all_bought.wait()
                server.kill()
                run.cancel()
        with running(folder, tmp_path, settings) as server:
            async with browse(server.url) as browser:
                prompt = linked(await own_example(browser, **values), take=takes)
                assert len(saved(succeeded(await browser.run(prompt)), prompt)) == count
        assert len(gateway.sandbox.bill()["jobs"]) == count
    finally:
        gateway.stop()


@pytest.mark.parametrize("count", [2, 5, 8])
async def test_two_servers_number_the_files_of_one_folder_without_a_gap(tmp_path: Path, count: int):
    folder = supported()
    add_list_nodes(tmp_path)
    gateway = SandboxThread(Sandbox(Profile().scaled(0.05)))
    settings = {"AIGATEWAY_BASE_URL": gateway.base_url}
    takes = list(range(1, count + 1))
    try:
        with (
            running(folder, tmp_path, settings) as first,
            running(folder, tmp_path, settings) as second,
        ):
            async with browse(first.url) as one, browse(second.url) as other:
                example = await own_example(one, prompt="servers", duration=5.0)
                prompt = named(linked(example, take=takes), "servers/t")
                outcomes = await asyncio.gather(one.run(prompt), other.run(prompt))
        lists = [saved(succeeded(outcome), prompt) for outcome in outcomes]
        assert all(names == sorted(names) for names in lists)
        numbers = sorted(name.rpartition(".")[0] for names in lists for name in names)
        assert numbers == [f"t_{number:05}_" for number in range(1, 2 * count + 1)]
        assert len(gateway.sandbox.bill()["jobs"]) == count
    finally:
        gateway.stop()
