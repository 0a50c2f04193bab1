"""One schedule for all: inside the account's rate, fair, and never faster than the floor.

The rules of the schedule itself are tested in virtual time: a loop that jumps to the next timer
instead of waiting for it, so that an hour passes at once and no other process on the machine
matters. The whole client is tested against a sandbox with compressed times.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import selectors
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ...api.account import Account
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.money.job import Job, State
from ...api.money.wait import Progress
from ...api.settings import Settings
from ...api.wire.rate_limit import Rate, RateLimiter
from ...sandbox.profile import Profile
from ...sandbox.server import RollingWindow, Sandbox
from ..gateway import account_on, running

T = TypeVar("T")
WINDOW = Timing().rate_window


class JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Where a loop would wait, time jumps."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits, and nothing will ever happen"
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def in_virtual_time(work: Callable[[RateLimiter], Coroutine[Any, Any, T]], limit: int = 10) -> T:
    """Run `work` with a new schedule whose limit is `limit` until the gateway says otherwise."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work(RateLimiter(Timing(rate_limit=limit), loop.time)))
    finally:
        loop.close()


class Arrival(NamedTuple):
    time: float
    name: str
    is_poll: bool
    admitted: bool


class Gateway:
    """The gateway's side of the rate; requests take `there` and `back` seconds."""

    def __init__(
        self, pacer: RateLimiter, limit: int, there: float = 0.05, back: float = 0.05
    ) -> None:
        self._pacer = pacer
        self._clock = asyncio.get_running_loop().time
        self.window = RollingWindow(limit, WINDOW, self._clock)
        self._there, self._back = there, back
        self.arrivals: list[Arrival] = []
        self.began = self._clock()

    async def ask(self, name: str = "", *, due: float = 0.0, is_poll: bool = False) -> Arrival:
        """One request; `due` counts from the beginning."""
        async with self._pacer.slot(due=self.began + due, is_poll=is_poll):
            await asyncio.sleep(self._there)
            admitted = self.window.admit()
            arrival = Arrival(self._clock() - self.began, name, is_poll, admitted)
            self.arrivals.append(arrival)
            reset, remaining = self.window.reset, self.window.remaining
            await asyncio.sleep(self._back)
            self._pacer.observe(Rate(self.window.limit, remaining, reset, exceeded=not admitted))
            return arrival

    @property
    def rejected(self) -> int:
        return sum(not arrival.admitted for arrival in self.arrivals)


def most_in_a_window(times: list[float]) -> int:
    return max(sum(start <= time < start + WINDOW for time in times) for start in times)


REQUESTS = st.lists(st.tuples(st.floats(0, 300), st.booleans()), min_size=1, max_size=60)
SECONDS = st.sampled_from([0.0, 0.05, 1.0, 20.0])


@settings(max_examples=60, deadline=None)
@given(requests=REQUESTS, limit=st.sampled_from([1, 2, 10, 40]), there=SECONDS, back=SECONDS)
def test_a_known_rate_is_never_exceeded_and_everybody_gets_a_turn(
    requests: list[tuple[float, bool]], limit: int, there: float, back: float
) -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, limit, there, back)
        asked = [gateway.ask(due=due, is_poll=is_poll) for due, is_poll in requests]
        await asyncio.gather(*asked)
        assert gateway.rejected == 0
        assert len(gateway.arrivals) == len(requests)
        first_due = min(due for due, _ in requests)
        assert gateway.arrivals[0].time >= first_due - 1e-9

    in_virtual_time(work, limit)


def test_nothing_of_the_rate_is_wasted() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 10)
        await asyncio.gather(*(gateway.ask() for _ in range(100)))
        # Ten at once, and ten more each time the window has passed.
        assert gateway.arrivals[-1].time < 9 * (WINDOW + 1)

    in_virtual_time(work)


def test_the_rate_is_learned_from_the_first_answer() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 600)
        await asyncio.gather(*(gateway.ask() for _ in range(300)))
        assert gateway.arrivals[-1].time < 1.0
        assert pacer.limit == 600

    in_virtual_time(work)


def test_a_fifth_of_the_rate_is_kept_for_submits() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 10)

        async def look(name: str) -> None:
            while True:
                await gateway.ask(name, is_poll=True)

        looks = [asyncio.ensure_future(look(str(number))) for number in range(20)]
        await asyncio.sleep(10 * WINDOW)
        for _ in range(5):
            asked = asyncio.get_running_loop().time() - gateway.began
            submit = await gateway.ask("submit", due=asked)
            # The polls are always behind with their time, and it goes first all the same.
            assert submit.time - asked < 1.0
            await asyncio.sleep(WINDOW / 2)
        polls = [arrival.time for arrival in gateway.arrivals if arrival.is_poll]
        assert most_in_a_window(polls) == 8
        assert gateway.rejected == 0
        for look_task in looks:
            look_task.cancel()

    in_virtual_time(work)


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        (Rate(limit=10, remaining=0, reset=40.0, exceeded=True, retry_after=17.0), 17.0),
        (Rate(limit=10, remaining=0, reset=40.0, exceeded=True), 40.0),
        (Rate(exceeded=True), WINDOW / 6),
        (Rate(exceeded=True, retry_after=100.0), 100.0),
    ],
    ids=["retry-after", "reset", "nothing said", "longer than the window"],
)
def test_a_429_closes_the_schedule_for_all(rate: Rate, seconds: float) -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 10)
        pacer.observe(rate)
        asked = [gateway.ask(is_poll=number % 2 == 0) for number in range(4)]
        arrivals = await asyncio.gather(*asked)
        assert all(arrival.time >= seconds for arrival in arrivals)
        assert gateway.rejected == 0

    in_virtual_time(work)


@pytest.mark.parametrize(
    "rate",
    [
        Rate(exceeded=True, retry_after=86400.0),
        Rate(limit=10, remaining=0, reset=86400.0, exceeded=True),
        Rate(limit=10, remaining=0, reset=86400.0),
        Rate(exceeded=True, retry_after=1e9),
    ],
)
def test_no_answer_closes_the_schedule_for_a_day(rate: Rate) -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 10)
        pacer.observe(rate)
        arrivals = await asyncio.gather(*(gateway.ask(is_poll=False) for _ in range(4)))
        assert all(arrival.time <= 3 * Timing().longest_retry_after for arrival in arrivals)

    in_virtual_time(work)


ABSURD = [121.0, 3600.0, 86400.0, 365 * 86400.0]


@pytest.mark.parametrize("retry_after", ABSURD)
def test_the_schedule_asks_again_soon_after_an_absurd_retry_after(retry_after: float) -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 10)
        async with pacer.slot(due=0.0) as observe:
            observe(Rate(exceeded=True, retry_after=retry_after))
        arrivals = await asyncio.gather(*(gateway.ask(is_poll=each % 2 == 0) for each in range(4)))
        assert min(arrival.time for arrival in arrivals) == pytest.approx(WINDOW / 4, abs=0.1)
        assert max(arrival.time for arrival in arrivals) < WINDOW
        assert gateway.rejected == 0

    in_virtual_time(work)


@pytest.mark.parametrize("retry_after", ABSURD)
def test_the_pause_after_an_absurd_retry_after_doubles_until_an_answer(retry_after: float) -> None:
    async def work(pacer: RateLimiter) -> None:
        clock = asyncio.get_running_loop().time
        pauses = []

        async def refused(count: int) -> None:
            for _ in range(count):
                # Two requests that were on their way together get the same answer: one pause.
                async with pacer.slot(due=0.0) as observe, pacer.slot(due=0.0) as observe_other:
                    observe(Rate(exceeded=True, retry_after=retry_after))
                    observe_other(Rate(exceeded=True, retry_after=retry_after))
                began = clock()
                await asyncio.sleep(pacer.closed_for)
                pauses.append(clock() - began)

        await refused(5)
        async with pacer.slot(due=0.0) as observe:
            observe(Rate())
        await refused(2)
        assert pauses == pytest.approx([15.0, 30.0, 60.0, 120.0, 120.0, 15.0, 30.0])

    in_virtual_time(work)


def test_a_429_that_tells_no_limit_lowers_it() -> None:
    async def work(pacer: RateLimiter) -> None:
        async with contextlib.AsyncExitStack() as in_flight:
            for _ in range(5):
                await in_flight.enter_async_context(pacer.slot(due=0.0))
            pacer.observe(Rate(exceeded=True))
        assert pacer.limit == 4

    in_virtual_time(work)


def test_a_limit_that_a_429_lowered_comes_back() -> None:
    async def work(pacer: RateLimiter) -> None:
        pacer.observe(Rate(exceeded=True))
        assert pacer.limit == 1
        limits = []
        for _ in range(4):
            await asyncio.sleep(WINDOW)
            limits.append(pacer.limit)
        assert limits == [2, 4, 8, 10]

    in_virtual_time(work)


def test_a_request_that_waits_for_the_rate_says_how_long() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 1)
        assert pacer.held_for == 0
        await gateway.ask()
        second = asyncio.ensure_future(gateway.ask())
        await asyncio.sleep(1)
        assert WINDOW - 2 < pacer.held_for < WINDOW
        await second
        assert pacer.held_for == 0

    in_virtual_time(work, limit=1)


def test_what_others_use_of_the_key_is_left_to_them() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 10)
        # Another program has used up seven of ten when we come.
        for _ in range(7):
            gateway.window.admit()
        await gateway.ask("the one that tells us")
        arrivals = await asyncio.gather(*(gateway.ask() for _ in range(8)))
        assert gateway.rejected == 0
        early = [arrival for arrival in arrivals if arrival.time < WINDOW - 1]
        assert len(early) == 2

    in_virtual_time(work)


def test_who_waits_longest_goes_first() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 1)
        names = ["third", "first", "fourth", "second"]
        dues = {"first": 1.0, "second": 2.0, "third": 3.0, "fourth": 4.0}
        await asyncio.gather(*(gateway.ask(name, due=dues[name]) for name in names))
        assert [arrival.name for arrival in gateway.arrivals] == sorted(dues, key=lambda n: dues[n])

    in_virtual_time(work)


def test_jobs_get_equal_shares() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 10)

        async def look(name: str) -> None:
            due = 0.0
            while True:
                arrival = await gateway.ask(name, due=due, is_poll=True)
                due = arrival.time + Timing().poll_floor

        looks = [asyncio.ensure_future(look(str(number))) for number in range(16)]
        await asyncio.sleep(60 * WINDOW)
        for look_task in looks:
            look_task.cancel()
        shares = Counter(arrival.name for arrival in gateway.arrivals)
        assert len(shares) == 16
        assert max(shares.values()) - min(shares.values()) <= 1

    in_virtual_time(work)


def test_news_keeps_coming_within_the_window() -> None:
    """The polls of a free account do not all go at once, to leave a minute of silence."""

    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 10)

        async def look() -> None:
            while True:
                await gateway.ask(is_poll=True)

        looks = [asyncio.ensure_future(look()) for _ in range(4)]
        await asyncio.sleep(20 * WINDOW)
        for look_task in looks:
            look_task.cancel()
        times = [arrival.time for arrival in gateway.arrivals]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        # Half of the polls' share at once, the other half spread over half the window.
        assert max(gaps) < WINDOW / 2 + 1

    in_virtual_time(work)


def test_who_goes_away_leaves_the_place_to_the_next() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 1)
        await gateway.ask("before")
        waiting = asyncio.ensure_future(gateway.ask("goes away"))
        stays = asyncio.ensure_future(gateway.ask("stays", due=1.0))
        await asyncio.sleep(1.0)
        waiting.cancel()
        await stays
        assert [arrival.name for arrival in gateway.arrivals] == ["before", "stays"]
        assert gateway.arrivals[-1].time < WINDOW + 1

    in_virtual_time(work)


def test_who_goes_away_at_the_moment_of_the_turn_leaves_it_too() -> None:
    async def work(pacer: RateLimiter) -> None:
        gateway = Gateway(pacer, 1)
        gone = asyncio.ensure_future(gateway.ask("goes away"))
        await asyncio.sleep(0)
        # Its turn was granted, and it has not yet run to take notice.
        gone.cancel()
        stays = await gateway.ask("stays")
        assert stays.time < 1.0

    in_virtual_time(work)


def test_a_request_that_waits_is_moved() -> None:
    async def work(pacer: RateLimiter) -> None:
        due, began = {"a": 10.0, "b": 20.0}, asyncio.get_running_loop().time()
        order: list[tuple[str, float]] = []

        async def wait(name: str) -> None:
            async with pacer.slot(due=lambda: began + due[name], is_poll=True):
                order.append((name, round(asyncio.get_running_loop().time() - began)))

        waits = [asyncio.ensure_future(wait(name)) for name in due]
        await asyncio.sleep(5)
        due["a"] = 45.0
        pacer.replan()
        await asyncio.gather(*waits)
        assert order == [("b", 20), ("a", 45)]

    in_virtual_time(work)


# When to look first


@pytest.mark.slow
async def test_a_first_look_moves_when_the_first_job_has_shown_how_long_one_takes(
    tmp_path: Path,
) -> None:
    profile = Profile(queue=0.0, run=1.0, run_per_second=0.0, poll_floor=0.1)
    timing = Timing(rate_limit=600, first_poll=0.3, poll_floor=0.1, progress_tick=0.01)
    with running(profile) as sandbox, account_on(sandbox, tmp_path, timing=timing) as account:

        async def bought(take: int, begun: asyncio.Event) -> Job:
            loop = asyncio.get_running_loop()
            request = MusicRequest("piano", 5.0, format="wav", take=take)
            job = await account.submit(request, Settings(), run="run")

            def progress(now: Progress) -> None:
                if now.elapsed > 0.8:
                    loop.call_soon_threadsafe(begun.set)

            return await account.wait(job, timeout=60, progress=progress)

        begun = asyncio.Event()
        first = asyncio.ensure_future(bought(1, begun))
        await begun.wait()
        second = await bought(2, asyncio.Event())
        polls = Counter(seen.path.rpartition("/")[2] for seen in sandbox.seen)
        # Nothing was known of the first one, so it was polled all the time.
        assert polls[str((await first).job_id)] > polls[str(second.job_id)]
        assert polls[str(second.job_id)] <= 3


@pytest.mark.slow
async def test_a_first_look_that_finds_the_job_done_makes_the_next_one_a_little_earlier(
    account: Account, sandbox: Sandbox
) -> None:
    floor = sandbox.profile.poll_floor
    request = MusicRequest("piano", 5.0, format="wav")
    known, _ = account.library.ledger.create("test", request, run="run", price=0.001)
    account.library.ledger.update(known.local_id, state=State.COMPLETED, took=1.5, finished=1.0)
    job = await account.submit(request._replace(take=2), Settings(), run="run")
    done = await account.wait(job, timeout=60, progress=lambda progress: None)
    assert sum(seen.path.startswith("/v1/jobs/") for seen in sandbox.seen) == 1
    assert done.took == pytest.approx(1.5 - floor)


@pytest.mark.slow
async def test_a_job_that_is_picked_up_hours_later_teaches_nothing(
    account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    request = MusicRequest("piano", 5.0, format="wav")
    job = await account.submit(request, Settings(), run="run")
    job = account.library.ledger.update(job.local_id, submitted=time.time() - 4 * 3600)
    # It ends, and this ledger does not hear of it.
    with account_on(sandbox, tmp_path / "another machine") as other:
        elsewhere = await other.pick_up(str(job.job_id))
        await other.wait(elsewhere, timeout=60, progress=lambda progress: None)
    done = await account.wait(job, timeout=60, progress=lambda progress: None)
    assert done.took is None
    assert account.library.ledger.run_times("test", request.model) == []


# The whole client


async def buy_all(
    profile: Profile, scale: float, folder: Path, how_many: int
) -> tuple[list[State], dict[str, Any]]:
    """Ask for so many takes at once; how each ended, and what the sandbox counted."""
    with (
        running(profile.scaled(scale)) as sandbox,
        account_on(sandbox, folder, timing=Timing().scaled(scale)) as account,
    ):

        async def one(take: int) -> State:
            request = MusicRequest("piano", 5.0, format="wav", take=take)
            job = await account.submit(request, Settings(), run="run")
            done = await account.wait(job, timeout=600, progress=lambda progress: None)
            return done.state

        states = await asyncio.gather(*(one(take) for take in range(how_many)))
        return states, sandbox.bill()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [10, 600])
async def test_64_jobs_at_once(tmp_path: Path, limit: int) -> None:
    profile = Profile(queue=5.0, run=25.0, limit=limit)
    states, bill = await buy_all(profile, 1 / 60, tmp_path, 64)
    assert states == [State.COMPLETED] * 64
    assert len(bill["jobs"]) == 64
    assert (bill["rejected"], bill["early_polls"]) == (0, 0)


@pytest.mark.slow
async def test_eight_takes_on_a_free_account(tmp_path: Path) -> None:
    profile = Profile(queue=5.0, run=25.0, limit=10)
    states, bill = await buy_all(profile, 1 / 30, tmp_path, 8)
    assert states == [State.COMPLETED] * 8
    assert (bill["rejected"], bill["early_polls"]) == (0, 0)


@pytest.mark.slow
async def test_a_job_is_never_looked_at_faster_than_the_floor(tmp_path: Path) -> None:
    # A job that takes long, so that it is looked at often, and a first look that comes at once.
    profile = Profile(queue=0.0, run=60.0, limit=600)
    timing = Timing(rate_limit=600, first_poll=0.0)
    with (
        running(profile.scaled(1 / 60)) as sandbox,
        account_on(sandbox, tmp_path, timing=timing.scaled(1 / 60)) as account,
    ):
        request = MusicRequest("piano", 5.0, format="wav")
        job = await account.submit(request, Settings(), run="run")
        waits: list[Awaitable[Any]] = [
            account.wait(job, timeout=600, progress=lambda progress: None) for _ in range(4)
        ]
        await asyncio.gather(*waits)
        polls = [seen.time for seen in sandbox.seen if seen.path.startswith("/v1/jobs/")]
        assert len(polls) > 4
        floor = sandbox.profile.poll_floor
        gaps = [after - before for before, after in itertools.pairwise(polls)]
        assert min(gaps) >= floor
        assert sandbox.bill()["early_polls"] == 0
