"""Jobs that nobody waits for are found, and their tracks are fetched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ...api.account import Account
from ...api.base.errors import JobFailedError, WaitTimeoutError
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.library import Library
from ...api.money.job import Job, State
from ...api.settings import Settings
from ...sandbox.server import Sandbox
from ..gateway import TIMING, running

RULES = Settings(spend_limit_per_run=1e6, spend_limit_per_day=1e6)
QUICK = TIMING._replace(collect_floor=0.05, collect_max=0.2)


class Watched:
    """An account whose background is watched; `news` are the jobs that it told of."""

    def __init__(self, sandbox: Sandbox, directory: Path, timing: Timing) -> None:
        self.library = Library(directory, timing)
        self.account = Account("gateway", sandbox.base_url, None, self.library, timing)
        self.news: list[Job] = []
        self.told = threading.Event()
        self._is_open = True

    def collect(self) -> None:
        def tell(job: Job) -> None:
            self.news.append(job)
            self.told.set()

        self.account.collect(RULES, tell)

    async def one(self) -> Job:
        """The next job that is told of."""
        assert await asyncio.to_thread(self.told.wait, 60)
        self.told.clear()
        return self.news[-1]

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.account.close()
            self.library.close()


@pytest.fixture
def watched(tmp_path: Path) -> Any:
    opened: list[Watched] = []

    def open_one(sandbox: Sandbox, timing: Timing = QUICK) -> Watched:
        made = Watched(sandbox, tmp_path, timing)
        opened.append(made)
        return made

    yield open_one
    for each in opened:
        each.close()


Open = Callable[..., Watched]


async def test_a_finished_job_is_fetched_and_told_of(watched: Open) -> None:
    with running() as sandbox:
        here = watched(sandbox)
        here.collect()
        job = await here.account.submit(MusicRequest("calm", 5.0), RULES, run="r")
        found = await here.one()
        assert (found.local_id, found.state) == (job.local_id, State.COMPLETED)
        assert await here.library.stored_track(found, RULES)
        assert await here.library.arrived() == 1
        await here.library.see_arrived()
        assert await here.library.arrived() == 0


async def test_it_goes_on_after_a_restart(watched: Open) -> None:
    with running() as sandbox:
        before = watched(sandbox)
        job = await before.account.submit(MusicRequest("calm", 5.0), RULES, run="r")
        before.close()
        here = watched(sandbox)
        assert await here.library.has_open_jobs("gateway")
        here.collect()
        assert (await here.one()).local_id == job.local_id
        assert len(sandbox.bill()["jobs"]) == 1


@pytest.mark.slow
async def test_a_job_that_a_node_waits_for_is_left_to_it(watched: Open) -> None:
    # The job runs for longer than the time after which it would be looked at, and a busy machine
    # begins to wait for it, and loads it, well within that time.
    timing = QUICK._replace(collect_floor=1.5)
    with running() as sandbox:
        here = watched(sandbox, timing)
        here.collect()
        job = await here.account.submit(MusicRequest("calm sandbox:slow=3", 5.0), RULES, run="r")
        done = await here.account.wait(job, timeout=60, progress=lambda _: None)
        audio = await here.account.open(done.result_url or "", RULES)
        await here.account.download(audio)
        await here.account.store(audio, RULES)
        assert here.news == []
        assert await here.library.arrived() == 0


@pytest.mark.slow
async def test_a_wait_that_ended_too_early_is_taken_over(watched: Open) -> None:
    with running() as sandbox:
        here = watched(sandbox)
        here.collect()
        request = MusicRequest("calm sandbox:slow=2", 5.0)
        job = await here.account.submit(request, RULES, run="r")
        with pytest.raises(WaitTimeoutError):
            await here.account.wait(job, timeout=0.01, progress=lambda _: None)
        assert (await here.one()).state is State.COMPLETED


async def test_a_failed_job_is_told_of_and_has_no_track(watched: Open) -> None:
    with running() as sandbox:
        here = watched(sandbox)
        here.collect()
        job = await here.account.submit(MusicRequest("calm sandbox:fail", 5.0), RULES, run="r")
        found = await here.one()
        assert found.state is State.FAILED
        assert await here.library.arrived() == 0
        with pytest.raises(JobFailedError):
            await here.account.wait(found, timeout=1, progress=lambda _: None)
        assert job.local_id == found.local_id


@pytest.mark.slow
async def test_a_job_that_the_gateway_no_longer_knows_is_over(watched: Open) -> None:
    with running() as sandbox:
        before = watched(sandbox)
        await before.account.submit(MusicRequest("calm sandbox:queue=60", 5.0), RULES, run="r")
        before.close()
    with running() as other:
        # Another gateway under the same name knows no job of the first.
        here = watched(other)
        here.collect()
        lost = await here.one()
        assert lost.state is State.LOST
        assert "404" in (lost.error or "") or "know" in (lost.error or "")
        totals = await here.library.totals(today=0.0, month=0.0)
        assert totals.active == 0
        # It was paid, so it still counts as spent, and the same request does not buy it again.
        assert totals.spent_today > 0
        assert not await here.library.has_open_jobs("gateway")


async def test_an_idle_account_asks_for_nothing(watched: Open) -> None:
    with running() as sandbox:
        here = watched(sandbox)
        here.collect()
        job = await here.account.submit(MusicRequest("calm", 5.0), RULES, run="r")
        assert (await here.one()).local_id == job.local_id
        sandbox.seen.clear()
        here.collect()
        assert not await here.library.has_open_jobs("gateway")
        # A request that is answered after the watcher looked shows what it did.
        await here.account.balance()
        assert [path for path in map(str, sandbox.seen) if "/jobs/" in path] == []


async def test_two_processes_have_one_watcher(watched: Open, tmp_path: Path) -> None:
    with running() as sandbox:
        here = watched(sandbox)
        with Library(tmp_path, QUICK).watching:
            here.collect()
            await here.account.submit(MusicRequest("calm", 5.0), RULES, run="r")
            polls = [seen for seen in sandbox.seen if "/jobs/" in str(seen)]
            assert polls == []
        assert (await here.one()).state is State.COMPLETED
