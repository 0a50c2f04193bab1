"""Never pay twice, never lose a paid track: one request's way through good and bad days."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ...api.account import Account
from ...api.base.errors import (
    BudgetError,
    CreditsError,
    GatewayError,
    InputError,
    JobCancelledError,
    JobFailedError,
    MissingFileError,
    NotFoundError,
    SpendLimitError,
    UncertainSubmitError,
    UnreachableError,
    WaitTimeoutError,
)
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.library import Library
from ...api.money.job import SANDBOX, Job, State
from ...api.money.ledger import Ledger
from ...api.money.wait import Progress
from ...api.settings import Settings
from ...sandbox.profile import Dialect, Profile
from ...sandbox.server import Sandbox
from ..gateway import SCALE, TIMING, account_on, rows_of, running
from . import raw_server


def piece(prompt: str, **changes: object) -> MusicRequest:
    return MusicRequest(prompt, 5.0, format="wav")._replace(**changes)  # type: ignore[arg-type]


async def buy(
    account: Account, prompt: str, settings: Settings | None = None, **changes: object
) -> Job:
    request = piece(prompt, **changes)
    return await account.submit(request, settings or Settings(), run="run")


async def finish(account: Account, job: Job, timeout: float = 30.0) -> Job:
    return await account.wait(job, timeout=timeout, progress=lambda progress: None)


async def content(account: Account, job: Job) -> bytes:
    assert job.result_url is not None
    track = await account.open(job.result_url, Settings(max_download_mb=1))
    await account.download(track)
    path, _ = await account.store(track, Settings())
    assert path is not None
    return path.read_bytes()


def charged(sandbox: Sandbox) -> int:
    return len(sandbox.bill()["jobs"])


@pytest.mark.slow
async def test_a_request_becomes_a_track(account: Account, sandbox: Sandbox) -> None:
    job = await buy(account, "piano")
    assert job.state is State.QUEUED
    assert job.job_id is not None
    done = await finish(account, job)
    assert done.state is State.COMPLETED
    assert done.price == done.charged == pytest.approx(0.001)
    assert (await content(account, done))[:4] == b"RIFF"
    assert charged(sandbox) == 1


@pytest.mark.slow
async def test_the_same_request_is_bought_once(account: Account, sandbox: Sandbox) -> None:
    first, second = await asyncio.gather(buy(account, "piano"), buy(account, "piano"))
    assert first.job_id == second.job_id
    await finish(account, first)
    third = await buy(account, "piano")
    assert third.state is State.COMPLETED
    other = await buy(account, "piano", take=2)
    assert other.job_id != first.job_id
    assert charged(sandbox) == 2


@pytest.mark.slow
async def test_a_finished_track_needs_no_network(tmp_path: Path) -> None:
    with running() as sandbox, account_on(sandbox, tmp_path) as account:
        first = await content(account, await finish(account, await buy(account, "piano")))
    # The gateway is gone now, and so is the process that bought the track.
    with account_on(sandbox, tmp_path) as account:
        again = await finish(account, await buy(account, "piano"))
        assert await content(account, again) == first


@pytest.mark.slow
async def test_a_job_survives_the_process_that_asked_for_it(tmp_path: Path) -> None:
    with running() as sandbox:
        with account_on(sandbox, tmp_path) as account:
            job = await buy(account, "piano")
        with account_on(sandbox, tmp_path) as account:
            again = await buy(account, "piano")
            assert again.job_id == job.job_id
            assert (await finish(account, again)).state is State.COMPLETED
        assert charged(sandbox) == 1


@pytest.mark.slow
@pytest.mark.parametrize("card", ["429=2", "500=2", "503=2"])
async def test_what_created_nothing_is_repeated(
    account: Account, sandbox: Sandbox, card: str
) -> None:
    done = await finish(account, await buy(account, f"sandbox:{card}"))
    assert done.state is State.COMPLETED
    assert done.repeats == 0
    assert charged(sandbox) == 1


@pytest.mark.slow
async def test_an_unreachable_gateway_charges_nothing_and_may_be_tried_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    # A submit that nobody takes ends long before one that the gateway refuses for now.
    patient = Timing(rate_limit=600, submit_patience=1e9).scaled(SCALE)
    live = sandbox.base_url
    sandbox.base_url = "http://127.0.0.1:9/v1"
    with (
        account_on(sandbox, tmp_path, timing=patient) as account,
        pytest.raises(UnreachableError, match="Nothing was sent"),
    ):
        await asyncio.wait_for(buy(account, "piano"), 20)
    sandbox.base_url = live
    with account_on(sandbox, tmp_path) as account:
        assert (await finish(account, await buy(account, "piano"))).state is State.COMPLETED
    assert charged(sandbox) == 1


@pytest.mark.slow
@pytest.mark.parametrize("card", ["502", "504", "drop", "html", "noid"])
async def test_what_may_have_been_charged_is_repeated_once(
    account: Account, sandbox: Sandbox, card: str
) -> None:
    done = await finish(account, await buy(account, f"sandbox:{card}=1"))
    assert done.state is State.COMPLETED
    assert done.repeats == 1
    assert charged(sandbox) == 1


@pytest.mark.slow
@pytest.mark.parametrize("card", ["502", "504", "drop", "html", "noid"])
async def test_twice_without_an_answer_is_named_and_not_sent_again(
    account: Account, sandbox: Sandbox, card: str
) -> None:
    for _ in range(2):
        with pytest.raises(UncertainSubmitError, match=r"\$0\.001") as caught:
            await buy(account, f"sandbox:{card}=9")
        assert "another take" in str(caught.value)
    submits = [seen for seen in sandbox.seen if seen.method == "POST"]
    assert len(submits) == 2


@pytest.mark.parametrize("limit", [0.0, 0.0009])
async def test_the_user_decides_what_may_be_repeated(
    account: Account, sandbox: Sandbox, limit: float
) -> None:
    careful = Settings(uncertain_limit=limit)
    with pytest.raises(UncertainSubmitError):
        await buy(account, "sandbox:drop=1", careful)
    assert len([seen for seen in sandbox.seen if seen.method == "POST"]) == 1
    # Raising the limit is one of the ways out.
    assert (await buy(account, "sandbox:drop=1")).job_id is not None
    assert charged(sandbox) == 1


async def test_a_gateway_without_idempotency_charges_the_repeat_and_it_is_counted(
    tmp_path: Path,
) -> None:
    profile = Profile(dialect=Dialect(honours_idempotency_key=False)).scaled(SCALE)
    with running(profile) as sandbox, account_on(sandbox, tmp_path) as account:
        job = await buy(account, "sandbox:drop=1")
        assert charged(sandbox) == 2
        assert account.library.ledger.spent(since=0) == pytest.approx(0.002)
        assert job.repeats == 1


@pytest.mark.slow
async def test_a_submit_interrupted_by_a_crash_is_uncertain(tmp_path: Path) -> None:
    with running() as sandbox:
        ledger = Ledger(tmp_path)
        lost, _ = ledger.create("test", piece("piano").validated(), run="r", price=0.001)
        ledger.close()
        with account_on(sandbox, tmp_path) as account:
            with pytest.raises(UncertainSubmitError):
                await buy(account, "piano", Settings(uncertain_limit=0))
            assert (await account.current(lost)).state is State.UNCERTAIN
            done = await finish(account, await buy(account, "piano"))
        assert (done.local_id, done.repeats) == (lost.local_id, 1)
        assert charged(sandbox) == 1


@pytest.mark.slow
async def test_stopping_the_submit_does_not_lose_its_job(
    account: Account, sandbox: Sandbox
) -> None:
    waiting = asyncio.ensure_future(buy(account, "piano"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await finish(account, await buy(account, "piano"))).state is State.COMPLETED
    assert charged(sandbox) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("card", ["fail", "fail=plain"])
async def test_a_failed_job_gives_its_reason_and_may_be_bought_again(
    account: Account, sandbox: Sandbox, card: str
) -> None:
    job = await buy(account, f"sandbox:{card}")
    with pytest.raises(JobFailedError, match="could not make music") as caught:
        await finish(account, job)
    assert caught.value.job_id == job.job_id
    assert "not charged" in str(caught.value)
    assert account.library.ledger.dead_attempts(job.fingerprint) == 1
    again = await buy(account, f"sandbox:{card}")
    assert again.job_id != job.job_id
    assert charged(sandbox) <= 1
    assert account.library.ledger.spent(since=0) == pytest.approx(0.001)


@pytest.mark.slow
async def test_a_job_cancelled_elsewhere_ends_the_wait(account: Account) -> None:
    job = await buy(account, "sandbox:cancelled")
    with pytest.raises(JobCancelledError) as caught:
        await finish(account, job)
    assert caught.value.job_id == job.job_id


@pytest.mark.slow
@pytest.mark.parametrize(
    "cards",
    [
        "sandbox:poll-500=3",
        "sandbox:poll-503=2 sandbox:poll-html=2",
        "sandbox:poll-drop=3",
        "sandbox:poll-404=2",
        "sandbox:poll-429=2",
        "sandbox:unknown",
    ],
)
async def test_a_blip_is_no_failure(account: Account, sandbox: Sandbox, cards: str) -> None:
    done = await finish(account, await buy(account, cards))
    assert done.state is State.COMPLETED
    assert sandbox.bill()["early_polls"] == 0


@pytest.mark.slow
async def test_a_timeout_ends_the_wait_and_not_the_job(account: Account, sandbox: Sandbox) -> None:
    job = await buy(account, "sandbox:slow=0.5")
    with pytest.raises(WaitTimeoutError, match=str(job.job_id)) as caught:
        await finish(account, job, timeout=0.01)
    assert caught.value.job_id == job.job_id
    assert (
        await finish(account, (await account.pick_up(str(job.job_id))))
    ).state is State.COMPLETED
    assert charged(sandbox) == 1


@pytest.mark.slow
async def test_time_in_the_queue_does_not_count_as_running(account: Account) -> None:
    job = await buy(account, "sandbox:queue=0.6")
    assert (await finish(account, job, timeout=0.4)).state is State.COMPLETED


async def test_a_queue_without_end_ends_the_wait_too(sandbox: Sandbox, tmp_path: Path) -> None:
    timing = Timing(rate_limit=600, queue_limit=6.0).scaled(SCALE)
    with account_on(sandbox, tmp_path, timing=timing) as account:
        job = await buy(account, "sandbox:queue=60")
        with pytest.raises(WaitTimeoutError, match=str(job.job_id)):
            await finish(account, job)


async def test_cancel_tells_the_truth(account: Account, sandbox: Sandbox) -> None:
    queued = await buy(account, "sandbox:queue=60")
    assert (await account.cancel(queued)).state is State.CANCELLED
    running_job = await buy(account, "sandbox:queue=0 sandbox:slow=60")
    assert (await account.cancel(running_job)).state is State.RUNNING
    assert charged(sandbox) == 1
    assert account.library.ledger.spent(since=0) == pytest.approx(0.001)


@pytest.mark.slow
async def test_a_job_made_elsewhere_is_picked_up_by_its_id(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with (
        account_on(sandbox, tmp_path / "here") as here,
        account_on(sandbox, tmp_path / "there") as there,
    ):
        job = await buy(here, "piano")
        assert job.job_id is not None
        done = await finish(there, (await there.pick_up(job.job_id)))
        assert await content(there, done) == await content(here, await finish(here, job))
    assert charged(sandbox) == 1


@contextlib.asynccontextmanager
async def answering(
    answer: bytes, folder: Path
) -> AsyncIterator[tuple[Account, list[int], list[str]]]:
    """An account on a gateway of one answer, the rows of its ledger at each answer, and the
    requests."""
    library = Library(folder, TIMING)
    rows: list[int] = []

    def count() -> None:
        rows.append(library.ledger.page(limit=1).total)

    async with raw_server.gateway(answer, before=count) as (base_url, asked):
        account = Account("test", base_url, None, library, TIMING)
        try:
            yield account, rows, asked
        finally:
            account.close()
            library.close()


async def test_an_unknown_id_is_said_at_once_and_leaves_no_row(tmp_path: Path) -> None:
    unknown = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    async with answering(unknown, tmp_path) as (account, rows, asked):
        with pytest.raises(NotFoundError, match=r"job_of_nobody.*Check the id"):
            await account.pick_up("job_of_nobody")
        assert (rows, len(asked)) == ([0], 1)
        assert rows_of(account) == []


async def test_the_row_of_a_job_made_elsewhere_comes_after_the_gateways_answer(
    tmp_path: Path,
) -> None:
    async with answering(raw_server.as_http(raw_server.QUEUED), tmp_path) as (account, rows, _):
        job = await account.pick_up("job_1")
        assert (rows, job.state, job.job_id) == ([0], State.QUEUED, "job_1")
        assert rows_of(account) == [job]
        # The ledger has it now.
        assert await account.pick_up("job_1") == job
        assert rows == [0]


@pytest.mark.slow
async def test_a_job_that_was_picked_up_and_then_forgotten_by_the_gateway_is_lost(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with (
        account_on(sandbox, tmp_path / "here") as here,
        account_on(sandbox, tmp_path / "there") as there,
    ):
        job = await there.pick_up(str((await buy(here, "sandbox:slow=60")).job_id))
    with running() as forgetful, account_on(forgetful, tmp_path / "there") as there:
        with pytest.raises(NotFoundError, match="keeps jobs and their files for 7 days"):
            await finish(there, job)
        assert (await there.current(job)).state is State.LOST


@pytest.mark.slow
async def test_a_free_job_that_its_gateway_forgot_is_made_anew(tmp_path: Path) -> None:
    timing = Timing(rate_limit=600, not_found_grace=0.0).scaled(SCALE)
    with running() as forgetful, account_on(forgetful, tmp_path, name=SANDBOX) as account:
        lost = await buy(account, "piano")
    with (
        running() as sandbox,
        account_on(sandbox, tmp_path, name=SANDBOX, timing=timing) as account,
    ):
        again = await finish(account, await buy(account, "piano"))
        assert again.state is State.COMPLETED
        assert again.job_id != lost.job_id
        assert await buy(account, "piano") == again
    assert charged(sandbox) == 1


@pytest.mark.slow
@pytest.mark.parametrize("keeps", [True, False], ids=["it knows the job", "it forgot the job"])
async def test_a_sketch_whose_address_is_gone_is_got_from_the_sandbox_of_now(
    tmp_path: Path, keeps: bool
) -> None:
    state = tmp_path / "sandbox.json"
    with running(state=state) as gone, account_on(gone, tmp_path, name=SANDBOX) as account:
        done = await finish(account, await buy(account, "piano"))
    if not keeps:
        state.unlink()
    with running(state=state) as sandbox, account_on(sandbox, tmp_path, name=SANDBOX) as account:
        assert len(await content(account, done)) > 44
    assert charged(sandbox) == 1


@pytest.mark.slow
async def test_a_paid_job_that_its_gateway_forgot_is_not_bought_again_unasked(
    tmp_path: Path,
) -> None:
    timing = Timing(rate_limit=600, not_found_grace=0.0).scaled(SCALE)
    with running() as forgetful, account_on(forgetful, tmp_path) as account:
        await buy(account, "piano")
    with running() as sandbox, account_on(sandbox, tmp_path, timing=timing) as account:
        for _ in range(2):
            with pytest.raises(NotFoundError, match="set another take"):
                await finish(account, await buy(account, "piano"))
    assert charged(sandbox) == 0


@pytest.mark.slow
async def test_an_expired_address_is_renewed_through_its_job(
    account: Account, sandbox: Sandbox
) -> None:
    done = await finish(account, await buy(account, "sandbox:expire"))
    assert len(await content(account, done)) > 44
    renewed = await account.current(done)
    assert renewed.result_url != done.result_url
    # The old address still means this track, from the store now.
    before = len(sandbox.seen)
    assert len(await content(account, done)) > 44
    assert len(sandbox.seen) == before


async def test_a_refused_request_is_charged_nothing_and_may_be_asked_again(
    account: Account, sandbox: Sandbox
) -> None:
    for _ in range(2):
        with pytest.raises(CreditsError):
            await buy(account, "sandbox:402")
    assert charged(sandbox) == 0
    assert account.library.ledger.spent(since=0) == 0


async def test_bad_input_never_leaves(account: Account, sandbox: Sandbox) -> None:
    with pytest.raises(InputError):
        await buy(account, "  ")
    assert sandbox.seen == []


async def test_a_dear_model_is_refused_before_the_post(account: Account, sandbox: Sandbox) -> None:
    with pytest.raises(SpendLimitError, match=r"\$24\.00.*spend_limit_per_run"):
        await buy(account, "piano", model="elevenlabs/elevenlabs-music", duration=30.0)
    assert not any(seen.method == "POST" for seen in sandbox.seen)


async def test_the_takes_of_a_run_count_together(account: Account, sandbox: Sandbox) -> None:
    settings = Settings(spend_limit_per_run=0.0025)
    takes = [buy(account, "piano", settings, take=take) for take in range(1, 5)]
    results = await asyncio.gather(*takes, return_exceptions=True)
    refused = [result for result in results if isinstance(result, SpendLimitError)]
    assert len(refused) == 2
    assert charged(sandbox) == 2


async def test_an_unknown_price_counts_as_over_any_limit(account: Account) -> None:
    model = "fal-ai/stable-audio-25/text-to-audio"
    with pytest.raises(SpendLimitError, match="allow_unknown_price"):
        await buy(account, "piano", model=model)
    allowed = Settings(allow_unknown_price=True)
    assert (await buy(account, "piano", allowed, model=model)).price is None


@pytest.mark.slow
async def test_the_first_look_comes_when_the_job_is_likely_done(
    account: Account, sandbox: Sandbox
) -> None:
    for take in range(1, 4):
        await finish(account, await buy(account, "piano", take=take))
    heard: list[Progress] = []
    job = await buy(account, "piano", take=4)
    await account.wait(job, timeout=30, progress=heard.append)
    expected = heard[0].expected
    assert expected is not None
    truth = (Profile().queue + Profile().run + 5 * Profile().run_per_second) * SCALE
    assert expected == pytest.approx(truth, abs=4 * Profile().poll_floor * SCALE)


@pytest.mark.slow
async def test_a_wait_reports_where_it_is(account: Account) -> None:
    heard: list[Progress] = []
    job = await buy(account, "sandbox:queue=0.2 sandbox:slow=0.5")
    await account.wait(job, timeout=30, progress=heard.append)
    assert heard
    assert [progress.elapsed for progress in heard] == sorted(p.elapsed for p in heard)


@pytest.mark.slow
async def test_errors_of_a_wait_name_the_job(sandbox: Sandbox, tmp_path: Path) -> None:
    timing = Timing(rate_limit=600, blip_patience=3.0).scaled(SCALE)
    with account_on(sandbox, tmp_path, timing=timing) as account:
        job = await buy(account, "sandbox:poll-500=999")
        with pytest.raises(GatewayError, match=f"{job.job_id} is kept in the ledger") as caught:
            await finish(account, job)
        assert caught.value.job_id == job.job_id


@pytest.mark.slow
async def test_a_completed_job_may_name_its_file_a_little_later(account: Account) -> None:
    done = await finish(account, await buy(account, "sandbox:nofile=2"))
    assert done.state is State.COMPLETED
    assert done.result_url is not None


@pytest.mark.slow
async def test_a_completed_job_that_never_names_its_file_ends_the_wait(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    timing = TIMING._replace(file_grace=0.3)
    with account_on(sandbox, tmp_path, timing=timing) as account:
        job = await buy(account, "sandbox:nofile=999")
        with pytest.raises(MissingFileError, match=f"{job.job_id} has completed and is paid"):
            await finish(account, job)
        # It is asked again, and not bought again.
        assert (await buy(account, "sandbox:nofile=999")).job_id == job.job_id
    assert charged(sandbox) == 1


async def test_the_budget_of_a_key_is_told_apart_from_an_empty_account(account: Account) -> None:
    with pytest.raises(BudgetError, match=r"spending cap .* does not help.*request \w+-0"):
        await buy(account, "sandbox:budget")
    with pytest.raises(CreditsError, match=r"top up.*request \w+-0"):
        await buy(account, "sandbox:402")


async def test_support_finds_a_request_by_its_id(account: Account) -> None:
    job = await buy(account, "piano")
    assert job.request_id == job.idempotency_key
    with pytest.raises(UncertainSubmitError, match=r"request \w+-0"):
        await buy(account, "sandbox:html=2")
