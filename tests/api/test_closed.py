"""A gateway that asks to be left alone for a day: said, waited for within bounds, and stoppable."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from ...api.account import Account
from ...api.base.errors import RateLimitError, StatusError, UnavailableError, WaitTimeoutError
from ...api.base.request import MusicRequest
from ...api.library import Library
from ...api.money.job import State
from ...api.money.wait import Progress
from ...api.settings import Settings
from ..gateway import TIMING, rows_of

PIANO = MusicRequest("calm piano", duration=20.0)
DAY = [
    {"Retry-After": "86400"},
    {"Retry-After": "Fri, 02 Jan 2026 00:00:00 GMT", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"},
    {"Retry-After": "1e9"},
]


class Gateway:
    """Answers each request with the next status of its method (0: never), the last for ever."""

    def __init__(self, asked: dict[str, str]) -> None:
        self.asked = asked
        self.posts = [200]
        self.gets = [200]
        self.seen = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        statuses = self.posts if request.method == "POST" else self.gets
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        self.seen.set()
        if status == 0:
            await asyncio.sleep(3600)
        if status != 200:
            return web.json_response({}, status=status, headers=self.asked)
        job = {"id": "job_1", "status": "queued", "balance": 3, "data": []}
        return web.json_response(job)


@contextlib.asynccontextmanager
async def account_at(gateway: Gateway, directory: Path) -> AsyncIterator[Account]:
    runner = web.ServerRunner(web.Server(gateway.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    library = Library(directory)
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    account = Account("test", url, None, library, TIMING)
    try:
        yield account
    finally:
        await asyncio.to_thread(account.close)
        library.close()
        await runner.cleanup()


@pytest.mark.slow
@pytest.mark.parametrize("asked", DAY)
@pytest.mark.parametrize(("status", "kind"), [(429, RateLimitError), (503, UnavailableError)])
async def test_a_submit_ends_and_says_until_when(
    tmp_path: Path, asked: dict[str, str], status: int, kind: type[StatusError]
) -> None:
    gateway = Gateway(asked)
    gateway.posts = [status]
    async with account_at(gateway, tmp_path) as account:
        with pytest.raises(kind, match=r"try again after .*\d:\d"):
            await account.submit(PIANO, Settings(), run="run")
        assert account.closed_until
        assert [job.state for job in rows_of(account)] == [State.FAILED]
        # The word of the gateway is no law: the next request is sent, and may be taken.
        gateway.posts = [200]
        assert (await account.submit(PIANO, Settings(), run="run")).state is State.QUEUED
        assert not account.closed_until


@pytest.mark.parametrize("asked", DAY)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_connection_test_ends_at_once(
    tmp_path: Path, asked: dict[str, str], status: int
) -> None:
    gateway = Gateway(asked)
    gateway.gets = [status]
    async with account_at(gateway, tmp_path) as account:
        with pytest.raises(StatusError, match="try again after"):
            await account.balance()


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 500, 502, 503, 404, 0])
async def test_a_timeout_bounds_a_wait_whose_polls_bring_no_record(
    tmp_path: Path, status: int
) -> None:
    gateway = Gateway({})
    async with account_at(gateway, tmp_path) as account:
        job = await account.submit(PIANO, Settings(), run="run")
        gateway.gets = [status]
        waits = (
            lambda: account.wait(job, timeout=0.2, progress=lambda _: None),
            lambda: account.pick_up("job_of_another_machine", timeout=0.2),
        )
        for wait in waits[: 1 if status == 404 else 2]:
            with pytest.raises(WaitTimeoutError, match=r"not done after 0\.2 s") as caught:
                # `blip_patience` is 20 s here, and the longest wait in a queue 120 s.
                await asyncio.wait_for(wait(), 10)
            assert caught.value.job_id
        assert (await account.current(job)).state is State.QUEUED


async def test_a_timeout_counts_from_the_poll_that_brought_nothing(tmp_path: Path) -> None:
    gateway = Gateway({})
    async with account_at(gateway, tmp_path) as account:
        job = await account.submit(PIANO, Settings(), run="run")
        # 3 s of queue that the gateway tells are no part of the timeout.
        gateway.gets = [200] * 12 + [503]
        seen: list[Progress] = []
        with pytest.raises(WaitTimeoutError, match="The last poll failed: The gateway is not av"):
            await asyncio.wait_for(account.wait(job, timeout=0.5, progress=seen.append), 20)
        assert len(gateway.gets) == 1
        assert seen[-1].elapsed > 1.0


@pytest.mark.slow
@pytest.mark.parametrize("asked", DAY)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_says_until_when_and_can_be_stopped(
    tmp_path: Path, asked: dict[str, str], status: int
) -> None:
    gateway = Gateway(asked)
    async with account_at(gateway, tmp_path) as account:
        job = await account.submit(PIANO, Settings(), run="run")
        gateway.gets = [status]
        gateway.seen.clear()
        waiting = asyncio.ensure_future(account.wait(job, timeout=900, progress=lambda _: None))
        await gateway.seen.wait()
        while not account.closed_until:  # noqa: ASYNC110 - no event says that the answer is read
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await account.current(job)).state is State.QUEUED
