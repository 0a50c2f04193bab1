"""When a request may be sent: one schedule for all requests of one key in this process.

The gateway counts an account's requests over a rolling window. A request takes a slot when it
leaves and holds it until one window after its answer. The gateway counted it no later than that, so
our count is never too low. The request that has waited longest past its due time goes first.

This module also reads the headers that tell the rate, and `Retry-After`. It holds the list of
requests that will be sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import NamedTuple

from ..base.timing import Timing

# The share of the rate that polls leave free, so that a submit never starves.
KEPT_FOR_SUBMITS = 0.2
# Seconds of the clock, or a function that returns them. `RateLimiter.replan` calls it again.
Due = float | Callable[[], float]
# Seconds that a slot is held beyond the window: the gateway's clock may round the other way.
ROUNDING = 1e-3
# A later `Retry-After` is cut to this. Some systems cannot show a later date.
_LONGEST_RETRY_AFTER = 365 * 24 * 3600.0
# Largest number of requests that an account can have in a window.
_MOST_REQUESTS = 1_000_000


# --- The headers of an answer -------------------------------------------------------------------


class Rate(NamedTuple):
    """The account's request rate in one answer; None for a value that no header tells.

    `limit` and `remaining` count requests of a window; `reset` and `retry_after` are seconds;
    `exceeded` says whether the answer was a 429.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    exceeded: bool = False
    retry_after: float | None = None


Observe = Callable[[Rate], None]


def rate_of(status: int, headers: Mapping[str, str]) -> Rate:
    """The rate in an answer. A header that is negative or not a number is ignored.

    `RateLimiter` handles a reset beyond any window, such as a date in seconds since 1970: it waits
    at most for its window.
    """

    def number(name: str) -> float | None:
        try:
            value = float(headers[name])
        except (KeyError, ValueError):
            return None
        return value if math.isfinite(value) and value >= 0 else None

    def count(name: str) -> int | None:
        value = number(name)
        return None if value is None else int(min(value, _MOST_REQUESTS))

    return Rate(
        limit=count("x-ratelimit-limit-requests"),
        remaining=count("x-ratelimit-remaining-requests"),
        reset=number("x-ratelimit-reset-requests"),
        exceeded=status == HTTPStatus.TOO_MANY_REQUESTS,
        retry_after=retry_after(headers),
    )


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by `Retry-After`, a number or a date (RFC 9110, section 10.2.3).

    A date is measured against the answer's own `Date`: the clock of this machine may be wrong.

    Args:
        now: the time of an answer without a `Date`; this machine's time by default.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = _date(value)
        if moment is None:
            return None
        said = _date(headers.get("date", "")) or now or datetime.now(timezone.utc)
        seconds = (moment - said).total_seconds()
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER) if math.isfinite(seconds) else None


def moment_in(seconds: float) -> str:
    """The time of day in `seconds` from now, for people; with the date if it is another day."""
    now = time.time()
    then = time.localtime(now + seconds)
    is_today = then[:3] == time.localtime(now)[:3]
    return time.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M", then)


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


# --- The schedule -------------------------------------------------------------------------------


class _Waiter(NamedTuple):
    due: float
    number: int
    is_poll: bool
    is_first: bool
    plan: Due
    granted: asyncio.Future[None]


def moment(due: Due) -> float:
    """The due time as far as it is known now, in seconds of the clock."""
    return due() if callable(due) else due


class RateLimiter:
    """The schedule of one key. Lives in one event loop.

    Args:
        timing: the window, and the limit to assume until the gateway tells the real one.
        clock: seconds, monotonic.
    """

    def __init__(self, timing: Timing, clock: Callable[[], float]) -> None:
        self._timing = timing
        self._clock = clock
        self._told_limit = timing.rate_limit
        self._lowered_limit: int | None = None
        self._lowered_until = 0.0
        self._waiters: list[_Waiter] = []
        self._numbers = itertools.count()
        self._in_flight = 0
        self._polls_in_flight = 0
        self._answered: deque[tuple[float, bool]] = deque()
        self._elsewhere = 0
        self._elsewhere_until = 0.0
        self._closed_until = 0.0
        self._absurd_answers = 0
        self._held_until = 0.0
        self._last_poll = -float("inf")
        self._wake: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        """Requests in a window, as the gateway last told it. A 429 without a limit lowers it.

        A lowered limit doubles after each window without a further 429.
        """
        now = self._clock()
        while self._lowered_limit is not None and now >= self._lowered_until:
            self._lowered_until += self._timing.rate_window
            self._lowered_limit *= 2
            if self._lowered_limit >= self._told_limit:
                self._lowered_limit = None
        return self._told_limit if self._lowered_limit is None else self._lowered_limit

    @property
    def held_for(self) -> float:
        """Seconds until a due request other than a poll may be sent; 0 if no such request waits."""
        return max(0.0, self._held_until - self._clock())

    @contextlib.asynccontextmanager
    async def slot(
        self, *, due: Due, is_poll: bool = False, is_first: bool = False
    ) -> AsyncIterator[Observe]:
        """Hold the slot of one request. The caller calls the slot with the rate of the answer.

        Args:
            due: the request waits at least until then.
            is_poll: there are many polls, so they leave a share of the rate to other requests.
            is_first: the first poll of its job. It likely brings news, so it is not spread.
        """
        await self._granted(due, is_poll, is_first)
        try:
            yield self.observe
        finally:
            self._end(is_poll)

    async def _granted(self, due: Due, is_poll: bool, is_first: bool) -> None:
        """Wait for a slot. The caller then calls `_end`, or `_release` if nothing was sent."""
        granted = asyncio.get_running_loop().create_future()
        waiter = _Waiter(moment(due), next(self._numbers), is_poll, is_first, due, granted)
        heapq.heappush(self._waiters, waiter)
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._release(is_poll)
            else:
                self._grant()
            raise

    def replan(self) -> None:
        """Compute again when each waiting request is due."""
        self._waiters = [waiter._replace(due=moment(waiter.plan)) for waiter in self._waiters]
        heapq.heapify(self._waiters)
        self._grant()

    def observe(self, rate: Rate) -> None:
        """Learn from an answer's rate headers, and from a 429."""
        now = self._clock()
        window = self._timing.rate_window
        # A reset is at most one window away; some gateways send a date instead.
        reset = None if rate.reset is None else min(rate.reset, window)
        if rate.limit:
            self._told_limit, self._lowered_limit = rate.limit, None
        if rate.limit and rate.remaining is not None:
            # The gateway also counts requests of other programs. At the time of this answer it
            # had counted at least the answered request, and at most all of ours in flight.
            beyond = rate.limit - rate.remaining - self._in_window(now)
            known = self._elsewhere if now < self._elsewhere_until else 0
            at_least = max(known, beyond - self._in_flight)
            self._elsewhere = max(0, min(at_least, beyond - min(1, self._in_flight)))
            self._elsewhere_until = now + (window if reset is None else reset)
        if not rate.exceeded:
            self._absurd_answers = 0
        elif (rate.retry_after or 0.0) > self._timing.longest_retry_after:
            self._close_briefly(now)
        else:
            if not rate.limit:
                sent = self._in_window(now) + self._in_flight
                self._lowered_limit = max(1, min(self.limit, sent - 1))
                self._lowered_until = now + window
            waits = (rate.retry_after, reset, window / 6)
            wait = next(wait for wait in waits if wait is not None)
            self._closed_until = max(self._closed_until, now + wait)
        self._grant()

    def _close_briefly(self, now: float) -> None:
        """Close for a quarter of a window after an absurd `Retry-After`, then for twice as long.

        The header may be a date, or belong to another request. Answers that were on their way
        together count once.
        """
        if now < self._closed_until:
            return
        wait = self._timing.rate_window / 4 * 2**self._absurd_answers
        self._closed_until = now + min(wait, self._timing.longest_retry_after)
        self._absurd_answers = min(self._absurd_answers + 1, 10)

    @property
    def closed_for(self) -> float:
        """Seconds for which a 429 keeps all requests back."""
        return max(0.0, self._closed_until - self._clock())

    @property
    def _held(self) -> float:
        """Seconds for which a slot is held after its answer."""
        return self._timing.rate_window + ROUNDING

    def _end(self, is_poll: bool) -> None:
        """The request has its answer: hold its slot for one more window."""
        self._answered.append((self._clock(), is_poll))
        self._release(is_poll)

    def _release(self, is_poll: bool) -> None:
        self._in_flight -= 1
        self._polls_in_flight -= is_poll
        self._grant()

    def _in_window(self, now: float) -> int:
        while self._answered and self._answered[0][0] <= now - self._held:
            self._answered.popleft()
        return len(self._answered)

    def _grant(self) -> None:
        """Grant every slot that is due and free, and set a timer for the next one."""
        now = self._clock()
        blocked: list[_Waiter] = []
        next_time = held_until = float("inf")
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
                if not waiter.is_poll:
                    held_until = min(held_until, opens)
                # If polls have used their share, a submit behind a waiting poll goes first.
                blocked.append(heapq.heappop(self._waiters))
                continue
            heapq.heappop(self._waiters)
            self._in_flight += 1
            if waiter.is_poll:
                self._polls_in_flight += 1
                self._last_poll = now
            waiter.granted.set_result(None)
        self._held_until = held_until if held_until < float("inf") else 0.0
        for waiter in blocked:
            heapq.heappush(self._waiters, waiter)
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if next_time < float("inf"):
            loop = asyncio.get_running_loop()
            self._wake = loop.call_later(max(0.0, next_time - now), self._grant)

    def _opens(self, now: float, waiter: _Waiter) -> float:
        """The earliest time at which this request may be sent, as far as is known now."""
        opens = max(now, self._closed_until)
        elsewhere = self._elsewhere if now < self._elsewhere_until else 0
        used = self._in_window(now) + self._in_flight + elsewhere
        if used >= self.limit:
            opens = max(opens, self._slot_opens(now, used - self.limit, any_kind=True))
        if waiter.is_poll:
            share = max(1, int(self.limit * (1 - KEPT_FOR_SUBMITS)))
            polls = sum(was_poll for _, was_poll in self._answered) + self._polls_in_flight
            if polls >= share:
                opens = max(opens, self._slot_opens(now, polls - share, any_kind=False))
            elif polls >= share / 2 and not waiter.is_first:
                # Half the share may leave at once. The other polls are spread over the window.
                opens = max(opens, self._last_poll + self._timing.rate_window / share)
        return opens

    def _slot_opens(self, now: float, excess: int, *, any_kind: bool) -> float:
        """The time at which enough requests have left the window. An answer also calls `_grant`."""
        times = [time for time, was_poll in self._answered if any_kind or was_poll]
        if excess < len(times):
            return times[excess] + self._held
        if now < self._elsewhere_until:
            return self._elsewhere_until
        return now + self._timing.rate_window


# --- Requests that will be sent again ------------------------------------------------------------


class Retry(NamedTuple):
    """A request that failed and will be sent again.

    Attributes:
        error: the type of its last error.
        times: the number of the next try; the first try was number 1.
        until: when the next try is due, in seconds of the clock.
    """

    error: str
    times: int
    until: float


class Retries:
    """The requests of one key that will be sent again, by job id or by `about`.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, Retry] = {}
        self._asked: dict[str, float] = {}

    def asked(self, about: str) -> None:
        """Note that a poll leaves. `clear` notes that a poll has a usable answer."""
        self._asked.setdefault(about, self._clock())

    def asked_since(self, about: str) -> float | None:
        """When the first poll without a usable answer left, by the clock; None: no such poll."""
        return self._asked.get(about)

    def note(self, about: str, error: Exception, wait: float) -> None:
        """Note that the request will be sent again after `wait` seconds."""
        times = self._open[about].times + 1 if about in self._open else 2
        self._open[about] = Retry(type(error).__name__, times, self._clock() + wait)

    def clear(self, about: str) -> None:
        """Note that the request has an answer, or was given up."""
        self._open.pop(about, None)
        self._asked.pop(about, None)

    def of(self, about: str) -> tuple[str, int, str] | None:
        """The error's type, the number of the next try, and its time of day; None: no retry."""
        retry = self._open.get(about)
        if retry is None:
            return None
        return retry.error, retry.times, moment_in(max(0.0, retry.until - self._clock()))
