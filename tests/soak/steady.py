"""Run the nodes for minutes, interrupt some, and measure the values that must stay flat.

As in ComfyUI, each graph runs in a loop of its own, and another loop answers the page meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import psutil
from aiohttp import web

from ...api.base.errors import GatewayError
from ...api.base.threads import LoopThread
from ...api.base.timing import Timing
from ...scripts.lib import headless, pack
from ..sandbox_process import SandboxProcess
from .heartbeat import BOUND, Heartbeat, Idle
from .interrupts import EVERY, Interrupts
from .plan import SCALE

AT_ONCE = 4
# Most requests are good; some come again, and some meet a fault.
CARDS = ("", "", "", "sandbox:fail", "", "sandbox:drop", "sandbox:429", "sandbox:cut")
WARM_UP = 0.15
"""Part of the time before the first sample: caches and pools fill."""
GROWTH = 1.15
"""Factor that the memory may grow by between the first sample and the last one."""
SPARE = 8
"""Files, threads and tasks that a moment of work may have more than another."""


class Sample(NamedTuple):
    """The state of the process after `seconds`."""

    seconds: float
    graphs: int
    megabytes: float
    files: int
    threads: int
    tasks: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:8.0f} s {self.graphs:8} {self.megabytes:9.1f} MB {self.files:8} files "
            f"{self.threads:5} threads {self.tasks:5} tasks"
        )


def steady(gateway: SandboxProcess, folder: Path, minutes: float) -> list[str]:
    """Run graphs for `minutes`; print the samples, and return the faults, a sentence each."""
    beats = {"graphs": Heartbeat(), "page": Heartbeat()}
    idle = Idle()
    samples: list[Sample] = []
    began = time.monotonic()

    def sample(ended: int) -> None:
        for heartbeat in beats.values():
            heartbeat.disturbed()
        samples.append(_sample(time.monotonic() - began, ended))
        for heartbeat in beats.values():
            heartbeat.disturbed()
        if len(samples) > 1:
            return
        print("while everything is used for the first time:")
        for name, heartbeat in beats.items():
            print(heartbeat.report(name))
            heartbeat.reset()
        idle.reset()

    def collected(phase: str, info: Mapping[str, int]) -> None:
        # Python's full collection stops all threads, the longer the more objects torch has made.
        if info["generation"] == 2:
            for heartbeat in beats.values():
                heartbeat.disturbed()

    with _collections(collected), _host(gateway, folder), _page(beats["page"]):
        graphs = asyncio.run(_nodes())
        interrupts = graphs.interrupts(folder)

        def interrupt() -> None:
            with beats["graphs"].ignored(), beats["page"].ignored():
                interrupts.one()

        graphs.run_for(60 * minutes, folder, beats["graphs"], sample, interrupt)
    machine = idle.longest()
    print("after that:")
    problems = _growth(samples[0], samples[-1]) + interrupts.problems
    print(*interrupts.report(), sep="\n")
    for name, heartbeat in beats.items():
        heartbeat.close()
        print(heartbeat.report(name))
        if heartbeat.busy > BOUND:
            problems.append(f"The loop of the {name} computed for {heartbeat.busy:.3f} s.")
        if heartbeat.longest > 2 * max(BOUND, machine):
            problems.append(f"The loop of the {name} was late by {heartbeat.longest:.3f} s.")
    print(f"an idle process beside them was late by up to {1000 * machine:.0f} ms")
    print("    time   graphs that ended, memory, open files, threads, tasks of all loops")
    print(*samples, sep="\n")
    return problems


@contextlib.contextmanager
def _collections(callback: Callable[[str, Mapping[str, int]], None]) -> Iterator[None]:
    gc.callbacks.append(callback)
    try:
        yield
    finally:
        gc.callbacks.remove(callback)


def _growth(first: Sample, last: Sample) -> list[str]:
    problems = []
    if last.megabytes > GROWTH * first.megabytes:
        problems.append(f"Memory grew from {first.megabytes:.0f} to {last.megabytes:.0f} MB.")
    for name in ("files", "threads", "tasks"):
        before, after = getattr(first, name), getattr(last, name)
        if after > before + SPARE:
            problems.append(f"The number of {name} grew from {before} to {after}.")
    return problems


@contextlib.contextmanager
def _host(gateway: SandboxProcess, folder: Path) -> Iterator[None]:
    """A host without a server, whose settings name the gateway."""
    os.environ |= {
        "AIGATEWAY_DATA_DIR": str(folder / "data"),
        "AIGATEWAY_BASE_URL": gateway.base_url,
        "AIGATEWAY_SPEND_LIMIT_PER_RUN": "1000000",
        "AIGATEWAY_SPEND_LIMIT_PER_DAY": "1000000",
        "AIGATEWAY_STORE_LIMIT_GB": "0.02",
    }
    headless.configure(folder / "output", folder / "comfyui")
    logging.getLogger("aigateway").setLevel(logging.CRITICAL)
    session: Any = importlib.import_module(f"{pack.load().__name__}.nodes.session")
    session.timing_of = lambda settings: Timing(rate_limit=6000, first_poll=5.0).scaled(SCALE)
    yield


@contextlib.contextmanager
def _page(heartbeat: Heartbeat) -> Iterator[None]:
    """A loop that answers the page's requests, and a page that asks all the time."""
    server = LoopThread("soak-server")
    asked = server.start(_serve(heartbeat))
    try:
        yield
    finally:
        asked.cancel()
        server.close()


async def _serve(heartbeat: Heartbeat) -> None:
    routes = importlib.import_module(f"{pack.NAME}.nodes.routes")
    table = web.RouteTableDef()
    routes.add_to(table)
    app = web.Application()
    app.add_routes(table)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}/aigateway"
    price = {"prompt": "piano", "duration": 5.0, "format": "wav", "count": 4}
    async with heartbeat.beating(), aiohttp.ClientSession() as http:
        headers = {"X-AIgateway-Page": "1"}
        while True:
            for path in ("/tracks?search=request&limit=50", "/settings"):
                async with http.get(root + path, headers=headers) as answer:
                    await answer.read()
            async with http.post(f"{root}/price", headers=headers, json=price) as answer:
                await answer.read()
            await asyncio.sleep(0.1)


class _Graphs:
    def __init__(self, nodes: headless.Nodes) -> None:
        self._nodes = nodes
        self._number = 0

    def interrupts(self, folder: Path) -> Interrupts:
        return Interrupts(self._run, folder)

    def run_for(
        self,
        seconds: float,
        folder: Path,
        heartbeat: Heartbeat,
        sample: Callable[[int], None],
        interrupt: Callable[[], None],
    ) -> None:
        began = time.monotonic()
        marks = [seconds * part for part in (WARM_UP, 0.3, 0.5, 0.7, 0.85, 1.0)]
        next_interrupt = 0.0
        while marks:
            asyncio.run(self._one(heartbeat))
            if time.monotonic() - began >= next_interrupt:
                interrupt()
                next_interrupt = time.monotonic() - began + EVERY
            for folder_ in (folder / "output", folder / "comfyui" / "temp"):
                shutil.rmtree(folder_, ignore_errors=True)
            if time.monotonic() - began >= marks[0]:
                marks.pop(0)
                sample(self._number)

    async def _one(self, heartbeat: Heartbeat) -> None:
        async with heartbeat.beating():
            ended = await asyncio.gather(
                *(self._track(number) for number in range(AT_ONCE)), return_exceptions=True
            )
        self._number += 1
        for error in ended:
            if error is not None and not isinstance(error, GatewayError):
                raise error

    async def _track(self, item: int) -> None:
        number = AT_ONCE * self._number + item
        card = CARDS[number % len(CARDS)]
        prompt = f"request {number - number % 3} {card}"
        job, _ = await self._run("PromptToMusic", prompt=prompt, duration=5.0, format="wav")
        url, *_ = await self._run("PollJob", job=job)
        as_it_is = {"sample_rate": "original", "channels": "original"}
        audio, *_ = await self._run("LoadAudioURL", url=url, **as_it_is)
        await self._run(
            "SaveAudio", audio=audio, filename_prefix=f"a{item}", format={"format": "flac"}
        )

    async def _run(self, name: str, **inputs: Any) -> tuple[Any, ...]:
        clone = self._nodes[f"AIGateway{name}"].PREPARE_CLASS_CLONE({"hidden_inputs": {}})
        return (await clone.EXECUTE_NORMALIZED_ASYNC(**inputs)).result


async def _nodes() -> _Graphs:
    return _Graphs(await headless.load_nodes())


def _sample(seconds: float, graphs: int) -> Sample:
    gc.collect()
    process: Any = psutil.Process()
    # Windows counts handles.
    files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    found = (one for one in gc.get_objects() if type(one) is asyncio.Task)
    tasks = sum(not task.done() for task in found)
    megabytes = process.memory_info().rss / 1e6
    return Sample(seconds, graphs, megabytes, files, threading.active_count(), tasks)
