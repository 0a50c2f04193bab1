"""The wall clock of a machine is wrong at times: nothing waits for it, and no limit hangs on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

import pytest

from ...api.account import Account
from ...api.base.errors import NotFoundError, SpendLimitError
from ...api.base.request import MusicRequest
from ...api.media.track_store import TrackStore, name_of
from ...api.money.job import Job, State
from ...api.money.ledger import DAY, Ledger
from ...api.money.spending import SpendingRules
from ...api.settings import Settings
from ...sandbox.job_book import QUEUED, JobBook, SketchRequest
from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox
from ..gateway import account_on

PIANO = MusicRequest("calm piano", duration=20.0)
HOUR = 3600.0
AHEAD = [2 * HOUR, DAY, 400 * DAY]


async def submitted(account: Account, prompt: str, ahead: float) -> Job:
    """A job that was submitted while the clock was `ahead`."""
    job = await account.submit(PIANO._replace(prompt=prompt), Settings(), run="run")
    moment = time.time() + ahead
    return account.library.ledger.update(job.local_id, created=moment, submitted=moment)


async def finished(account: Account, job: Job) -> Job:
    waiting = account.wait(job, timeout=900, progress=lambda progress: None)
    # A test that waits for the clock would wait for hours.
    return await asyncio.wait_for(waiting, 60)


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [*AHEAD, -2 * HOUR, -400 * DAY])
@pytest.mark.parametrize("restarts", [False, True], ids=["same process", "after a restart"])
async def test_a_job_is_polled_whatever_the_clock_was_at_its_submit(
    sandbox: Sandbox, tmp_path: Path, ahead: float, restarts: bool
) -> None:
    with account_on(sandbox, tmp_path) as account:
        job = await submitted(account, "piano", ahead)
        if not restarts:
            assert (await finished(account, job)).state is State.COMPLETED
    if restarts:
        with account_on(sandbox, tmp_path) as account:
            assert (await finished(account, job)).state is State.COMPLETED


@pytest.mark.slow
@pytest.mark.parametrize("ahead", AHEAD)
async def test_the_time_that_is_shown_does_not_run_backwards(
    account: Account, ahead: float
) -> None:
    job = await submitted(account, "piano", ahead)
    shown: list[float] = []
    await account.wait(job, timeout=900, progress=lambda progress: shown.append(progress.elapsed))
    assert 0 <= shown[0] < 60
    assert shown == sorted(shown)


@pytest.mark.slow
@pytest.mark.parametrize("ahead", AHEAD)
async def test_a_job_that_is_lost_is_said_to_be_lost_whatever_the_clock_is(
    sandbox: Sandbox, tmp_path: Path, ahead: float
) -> None:
    with account_on(sandbox, tmp_path) as account:
        job = await submitted(account, "sandbox:poll-404=1000000", ahead)
        with pytest.raises(NotFoundError, match="set another take"):
            await finished(account, job)


@pytest.mark.slow
@pytest.mark.parametrize("behind", [2 * HOUR, 400 * DAY])
async def test_a_clock_that_jumps_ahead_gives_up_no_new_job(
    account: Account, behind: float
) -> None:
    # The gateway knows the job a moment later than its id.
    job = await submitted(account, "sandbox:poll-404=1", -behind)
    assert (await finished(account, job)).state is State.COMPLETED


def spent(ledger: Ledger, created: float) -> None:
    job, _ = ledger.create("test", PIANO, run="run", price=5.0)
    ledger.update(job.local_id, created=created, state=State.COMPLETED)


@pytest.mark.parametrize("ahead", AHEAD)
def test_a_row_of_the_future_does_not_block_the_daily_limit(tmp_path: Path, ahead: float) -> None:
    rules = SpendingRules(per_run=10.0, per_day=5.0)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        spent(ledger, time.time() + ahead)
        assert ledger.spent(since=0) == 0
        assert ledger.quote("test", [1.0], rules).refusal is None
        assert ledger.create("test", PIANO._replace(take=2), run="x", price=1.0, rules=rules)[1]


@pytest.mark.parametrize("age", [-5.0, 0.0, HOUR, DAY - 60])
def test_a_row_of_today_counts_also_where_two_clocks_differ_a_little(
    tmp_path: Path, age: float
) -> None:
    rules = SpendingRules(per_run=10.0, per_day=5.0)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        spent(ledger, time.time() - age)
        with pytest.raises(SpendLimitError):
            ledger.create("test", PIANO._replace(take=2), run="x", price=1.0, rules=rules)


@pytest.mark.parametrize("ahead", AHEAD)
def test_a_track_used_in_the_future_is_not_in_use_for_ever(tmp_path: Path, ahead: float) -> None:
    store = TrackStore(tmp_path, in_use=60.0)
    content = b"RIFF....WAVE" * 100
    path = store.put(name_of(content), content, 1e9)
    then = time.time() + ahead
    os.utime(path, (then, then))
    store.evict(0.0)
    assert not path.exists()


@pytest.mark.parametrize("ahead", AHEAD)
def test_the_sandbox_does_not_keep_a_job_of_the_future_waiting(
    tmp_path: Path, ahead: float
) -> None:
    profile, path = Profile(queue=0.0), tmp_path / "sandbox.json"
    asked = SketchRequest("piano", 5.0, "", "wav", "ace-step/ace-step-prompt-to-audio", "key")
    job = JobBook(profile, path, lambda: 1e9 + ahead).create(asked)
    again = JobBook(profile, path, lambda: 1e9).get(job.id)
    assert again is not None
    assert again.state(1e9) != QUEUED
