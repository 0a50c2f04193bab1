"""When a request may leave: one schedule for all requests of one key in this process.

The account's rate is a count over a rolling window, so it is kept as one: a request takes its place
when it leaves and holds it until a window after its answer came, which is never earlier than the
moment the gateway counted it. Who waits longest past its due time goes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from .client import Rate
from .timing import Timing

# The share of the rate that polls leave to everything else, so that a submit never starves.
_KEPT_FOR_SUBMITS = 0.2


class _Waiter(NamedTuple):
    due: float
    number: int
    is_poll: bool
    is_first: bool
    granted: asyncio.Future[None]


class Pacer:
    """The schedule of one key. Lives in one event loop.

    Args:
        timing: the window, and the limit to assume until the gateway has told the real one.
        clock: seconds, monotonic.
    """

    def __init__(self, timing: Timing, clock: Callable[[], float]) -> None:
        self._timing = timing
        self._clock = clock
        self.limit = timing.rate_limit
        self._waiters: list[_Waiter] = []
        self._numbers = itertools.count()
        self._in_flight = 0
        self._polls_in_flight = 0
        self._answered: deque[tuple[float, bool]] = deque()
        self._elsewhere = 0
        self._elsewhere_until = 0.0
        self._closed_until = 0.0
        self._last_poll = -float("inf")
        self._wake: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def turn(
        self, *, due: float, is_poll: bool = False, is_first: bool = False
    ) -> AsyncIterator[None]:
        """Hold one request's place in the rate.

        Args:
            due: enter no earlier, seconds of the clock.
            is_poll: a look at a job, of which there are many; all else is kept a share free.
            is_first: of the looks at its job; likely to bring news, so it is not spread.
        """
        granted = asyncio.get_running_loop().create_future()
        waiter = _Waiter(due, next(self._numbers), is_poll, is_first, granted)
        heapq.heappush(self._waiters, waiter)
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._release(is_poll)
            self._grant()
            raise
        try:
            yield
        finally:
            self._answered.append((self._clock(), is_poll))
            self._release(is_poll)
            self._grant()

    def observe(self, rate: Rate) -> None:
        """Learn from an answer's rate headers, and from a 429."""
        now = self._clock()
        if rate.limit:
            self.limit = rate.limit
        if rate.limit and rate.remaining is not None:
            # What the gateway counted beyond our own requests was spent by somebody else. Of those
            # in flight it had counted all, or only the one that is answered here.
            beyond = rate.limit - rate.remaining - self._in_window(now)
            known = self._elsewhere if now < self._elsewhere_until else 0
            at_least = max(known, beyond - self._in_flight)
            self._elsewhere = max(0, min(at_least, beyond - min(1, self._in_flight)))
            self._elsewhere_until = now + (
                self._timing.rate_window if rate.reset is None else rate.reset
            )
        if rate.exceeded:
            if not rate.limit:
                self.limit = max(1, min(self.limit, self._in_window(now) + self._in_flight - 1))
            waits = (rate.retry_after, rate.reset, self._timing.rate_window / 6)
            wait = next(wait for wait in waits if wait is not None)
            self._closed_until = max(self._closed_until, now + wait)
        self._grant()

    def _release(self, is_poll: bool) -> None:
        self._in_flight -= 1
        self._polls_in_flight -= is_poll

    def _in_window(self, now: float) -> int:
        while self._answered and self._answered[0][0] <= now - self._timing.rate_window:
            self._answered.popleft()
        return len(self._answered)

    def _grant(self) -> None:
        """Let everyone go whose time has come, and set the alarm for the next one."""
        now = self._clock()
        blocked: list[_Waiter] = []
        next_time = float("inf")
        while self._waiters:
            waiter = self._waiters[0]
            if waiter.granted.done():
                heapq.heappop(self._waiters)
                continue
            opens = max(waiter.due, self._opens(now, waiter))
            if opens > now:
                next_time = min(next_time, opens)
                if waiter.due > now:
                    break
                # A poll that has to wait for the polls' share lets a submit behind it pass.
                blocked.append(heapq.heappop(self._waiters))
                continue
            heapq.heappop(self._waiters)
            self._in_flight += 1
            if waiter.is_poll:
                self._polls_in_flight += 1
                self._last_poll = now
            waiter.granted.set_result(None)
        for waiter in blocked:
            heapq.heappush(self._waiters, waiter)
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if next_time < float("inf"):
            loop = asyncio.get_running_loop()
            self._wake = loop.call_later(max(0.0, next_time - now), self._grant)

    def _opens(self, now: float, waiter: _Waiter) -> float:
        """The earliest time at which this request may leave, as things are."""
        opens = max(now, self._closed_until)
        elsewhere = self._elsewhere if now < self._elsewhere_until else 0
        used = self._in_window(now) + self._in_flight + elsewhere
        if used >= self.limit:
            opens = max(opens, self._place_opens(now, used - self.limit, any_kind=True))
        if waiter.is_poll:
            share = max(1, int(self.limit * (1 - _KEPT_FOR_SUBMITS)))
            polls = sum(was_poll for _, was_poll in self._answered) + self._polls_in_flight
            if polls >= share:
                opens = max(opens, self._place_opens(now, polls - share, any_kind=False))
            elif polls >= share / 2 and not waiter.is_first:
                # Half the share may go at once; more looks again are spread, so that news keeps
                # coming.
                opens = max(opens, self._last_poll + self._timing.rate_window / share)
        return opens

    def _place_opens(self, now: float, excess: int, *, any_kind: bool) -> float:
        """When enough of the window's requests have left it; an answer in flight wakes us too."""
        times = [time for time, was_poll in self._answered if any_kind or was_poll]
        if excess < len(times):
            return times[excess] + self._timing.rate_window
        if now < self._elsewhere_until:
            return self._elsewhere_until
        return now + self._timing.rate_window
