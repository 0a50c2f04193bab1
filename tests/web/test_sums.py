"""The parts of a request have one bound together, and its work ends with its client."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from ...api.base.request import MusicRequest
from ...audio.stopping import look
from ...scripts.lib import pack
from ..audio import make
from .test_routes import Client, client, data

__all__ = ["client", "data"]

Body = dict[str, Any]
MANY = {"duration": 30, "count": 10_000, "takes": 16}
LONG: dict[str, Body] = {
    "takes of many tracks": MANY,
    "takes as text": {**MANY, "takes": "16"},
    "many nodes": {"nodes": [MANY] * 20},
    "nodes of one track": {"nodes": [{}] * 10_001},
    "one track too many": {"nodes": [{"count": 9_985}, {"takes": 16}]},
    "a list of takes": {"takes": [16] * 626},
    "a list of lengths": {"duration": [30] * 10_001},
    "a long prompt of many tracks": {"prompt": "la " * 200_000, "count": 10_000},
    "a long model of many tracks": {"model": "m" * 900_000, "takes": 16, "count": 600},
}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[MusicRequest]:
    """The requests that are checked, one by one."""
    checked: list[MusicRequest] = []
    takes = MusicRequest.takes

    def counting(request: MusicRequest, count: Any) -> list[MusicRequest]:
        made = takes(request, count)
        checked.extend(made)
        return made

    monkeypatch.setattr(MusicRequest, "takes", counting)
    return checked


@pytest.mark.parametrize("name", ["takes of many tracks", "many nodes"])
async def test_tracks_are_counted_before_any_is_built(
    client: Client, built: list[MusicRequest], name: str
) -> None:
    async with client.post("/aigateway/price", json=LONG[name]) as answer:
        assert answer.status == 400
    assert built == []


@pytest.mark.parametrize("name", LONG)
async def test_a_run_that_is_too_long_is_refused_in_one_sentence(
    client: Client, built: list[MusicRequest], name: str
) -> None:
    async with client.post("/aigateway/price", json=LONG[name]) as answer:
        assert answer.status == 400
        sentence = (await answer.json())["error"]
    assert "divide it into several" in sentence
    assert sentence.count(". ") == 0
    assert len(built) <= 10_016
    assert sum(len(each.prompt) + len(each.model) for each in built) <= 16 * 21_000_000


async def test_the_longest_run_has_a_price(client: Client) -> None:
    body = {"nodes": [{"count": 625, "takes": 8, "duration": 5}] * 2, "runs": 10_000}
    async with client.post("/aigateway/price", json=body) as answer:
        assert (answer.status, (await answer.json())["tracks"]) == (200, 10_000)


# Work ends with its client


@pytest.fixture
async def left(client: Client) -> AsyncIterator[ClientSession]:
    """A page of its own, which is closed while it waits for an answer."""
    async with ClientSession(client.make_url("/"), headers=client.session.headers) as session:
        yield session


class Work:
    """A handler that works until it is told to end."""

    def __init__(self) -> None:
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self, request: web.Request) -> dict[str, Any]:
        self.began.set()
        try:
            await self.may_end.wait()
            self.outcome.set_result("done")
        except asyncio.CancelledError:
            self.outcome.set_result("cancelled")
            raise
        return {}


@pytest.mark.parametrize("changes", [False, True])
async def test_only_a_change_goes_on_when_its_client_is_gone(client: Client, changes: bool) -> None:
    serving = importlib.import_module(f"{pack.NAME}.nodes.routes.serving")
    work = Work()
    app = web.Application()
    app.router.add_get("/work", serving.answering(work, changes=changes))
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
        asked = asyncio.ensure_future(session.get("/work", headers={"X-AIgateway-Page": "1"}))
        await work.began.wait()
        asked.cancel()
        if changes:
            work.may_end.set()
        assert await work.outcome == ("done" if changes else "cancelled")


class Drawings:
    """Drawings of files that never end by themselves."""

    def __init__(self) -> None:
        self.began, self.ended = threading.Event(), threading.Event()

    def draw_file(self, file: Any, **options: Any) -> bytes:
        self.began.set()
        try:
            while True:
                look()
        finally:
            self.ended.set()


@pytest.fixture
def files(data: Path) -> list[str]:
    """The addresses of the pictures of three files that ComfyUI shows."""
    folder = data.parent / "output"
    folder.mkdir(exist_ok=True)
    names = ["drawn.wav", "long.wav", "next.wav"]
    for name in names:
        sound = make.sound_file(np.zeros((1, 800), np.float32), 8000, "WAV")
        (folder / name).write_bytes(sound)
    return [f"/aigateway/waveform?filename={name}" for name in names]


async def test_a_drawing_ends_with_its_client_and_no_finished_one_waits_for_it(
    client: Client, left: ClientSession, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, long, next_one = files
    async with client.get(drawn) as answer:
        assert (answer.status, answer.content_type) == (200, "image/png")
    drawings = Drawings()
    draw = importlib.import_module(f"{pack.NAME}.audio.draw")
    with monkeypatch.context() as patch:
        patch.setattr(draw, "draw_file", drawings.draw_file)
        asked = asyncio.ensure_future(left.get(long))
        await asyncio.to_thread(drawings.began.wait)
        async with client.get(drawn) as answer:
            assert answer.status == 200
        assert not drawings.ended.is_set()
        asked.cancel()
        await asyncio.to_thread(drawings.ended.wait)
    for path in (next_one, long):
        async with client.get(path) as answer:
            assert answer.status == 200


async def test_pictures_of_a_foreign_page_are_neither_drawn_nor_waited_for(
    client: Client, left: ClientSession, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = Drawings()
    draw = importlib.import_module(f"{pack.NAME}.audio.draw")
    monkeypatch.setattr(draw, "draw_file", drawings.draw_file)
    # Plain http: neither Fetch Metadata nor an origin.
    del left.headers["X-AIgateway-Page"]
    for path in files * 2:
        async with left.get(path, headers={"Referer": "http://evil.example/"}) as answer:
            assert answer.status == 403
    assert not drawings.began.is_set()
