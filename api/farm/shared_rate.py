"""The rate of a key that machines share: one row for each request that fits into a window.

A request takes a slot when it leaves and holds it until one window after its answer, as
`rate_limit` does on one machine. If no answer comes, it holds the slot for two windows: its process
may be dead. While the ledger is away, every process uses its own schedule.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ..base.errors import LedgerError
from ..base.timing import Timing
from ..money.rows import Engine
from ..wire.rate_limit import KEPT_FOR_SUBMITS, ROUNDING, Due, Observe, Rate, RateLimiter
from .postgres import CLOCK

# A separate thread: a question for a slot must not delay reads and writes of rows.
_thread = ThreadPoolExecutor(1, thread_name_prefix="aigateway-slots")
# Each slot is a row. A farm sends no more requests in a window, even if its account allows more.
_MOST = 2000
# Seconds after which a request asks again if it found no slot for only a moment: another
# process was writing the slots.
_AT_ONCE = 0.01
# Shares of the window. A refused poll asks again this much after a slot opens, so
# that a submit gets the slot first.
_BEHIND_SUBMITS = 1 / 60
# Longest wait before a request asks again: another process may have learned a higher limit.
_ASKED_AGAIN = 1 / 12

# The slots that a kind of request may take: from the first one up to its share.
_ITS_SHARE = """
    service = ? AND number <= greatest(1, floor(? * (
        SELECT max(number) FROM slots WHERE service = ?
    )))
"""
# Take an open slot. Submits take the highest numbers first; polls may not use those.
_TAKE = f"""
    UPDATE slots SET until = {CLOCK} + ? WHERE service = ? AND number = (
        SELECT number FROM slots WHERE until <= {CLOCK} AND {_ITS_SHARE}
        ORDER BY number DESC LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING number
"""
# Seconds until the next slot opens.
_NEXT = f"SELECT min(until) - {CLOCK} FROM slots WHERE {_ITS_SHARE}"
# Hold a slot for so many seconds from now.
_HOLD = f"UPDATE slots SET until = {CLOCK} + ? WHERE service = ? AND number = ?"
# Hold, for some seconds, the slots that open within some other seconds, except some of them.
_CLOSE = f"""
    UPDATE slots SET until = {CLOCK} + ? WHERE service = ? AND until <= {CLOCK} + ?
    AND number IN (
        SELECT number FROM slots WHERE service = ? AND until <= {CLOCK} + ?
        ORDER BY number DESC OFFSET ?
    )
"""
# The limit is lower than before.
_SHORTEN = "DELETE FROM slots WHERE service = ? AND number > ?"
# The limit is higher than before.
_LENGTHEN = """
    INSERT INTO slots (service, number, until) SELECT ?, number, 0 FROM generate_series(
        (SELECT 1 + coalesce(max(number), 0) FROM slots WHERE service = ?), ?
    ) AS number ON CONFLICT DO NOTHING
"""


class Slot(NamedTuple):
    """The answer to a request for a slot.

    Attributes:
        opens_in: seconds until a slot opens; 0 if the request need not wait.
        opens_in: seconds until a slot opens; 0 if the request need not wait.
    """

    number: int | None
    opens_in: float = 0.0


class SharedSlots:
    """The slots of a service's key in the ledger of `engine`. Lives in one event loop.

    Args:
        timing: the window, and the limit to assume until the gateway tells the real one.
    """

    def __init__(self, engine: Engine, service: str, timing: Timing) -> None:
        self._engine = engine
        self._service = service
        self._timing = timing
        self._limit = timing.rate_limit
        self._away_until = 0.0

    async def take(self, *, is_poll: bool) -> Slot:
        """Take a slot if one is open. Polls leave some of them to all other requests.

        While the ledger is away no request waits for it.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._away_until:
            return Slot(None)
        asked = _thread.submit(self._take, is_poll)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), self._timing.ledger_patience)
        except (LedgerError, asyncio.TimeoutError):
            self._away_until = loop.time() + self._timing.beat
            return Slot(None)
        except asyncio.CancelledError:
            # The thread may be taking the slot at this moment.
            _thread.submit(self._give_back, asked)
            raise

    def answered(self, number: int | None, rate: Rate, closed_for: float) -> Future[None]:
        """Hold the slot for one more window, and tell the others the rate of the answer.

        Do not wait for the ledger: the job id of the answer is written first. Raises nothing.

        Args:
            closed_for: seconds for which a 429 stops all requests; 0 if there was none.
        """
        return _thread.submit(self._answered, number, rate, closed_for)

    def _take(self, is_poll: bool) -> Slot:
        execute, service = self._engine.execute, self._service
        share = 1 - KEPT_FOR_SUBMITS if is_poll else 1.0
        its_share = (service, share, service)
        taken = execute(_TAKE, 2 * self._timing.rate_window, service, *its_share)
        if taken:
            return Slot(taken[0][0])
        ((opens_in,),) = execute(_NEXT, *its_share)
        if opens_in is None:
            self._set_limit(self._limit)
        return Slot(None, max(opens_in or 0.0, _AT_ONCE))

    def _give_back(self, asked: Future[Slot]) -> None:
        """Open the slot of a request that was cancelled. Runs after `_take`, on the same thread."""
        if asked.cancelled():
            return
        with contextlib.suppress(LedgerError):
            number = asked.result().number
            if number is not None:
                self._engine.execute(_HOLD, 0.0, self._service, number)

    def _answered(self, number: int | None, rate: Rate, closed_for: float) -> None:
        window = self._timing.rate_window
        with contextlib.suppress(LedgerError):
            if number is not None:
                self._engine.execute(_HOLD, window + ROUNDING, self._service, number)
            if rate.limit and rate.limit != self._limit:
                self._set_limit(rate.limit)
            if closed_for:
                self._close(closed_for, within=closed_for)
            elif rate.remaining is not None and rate.remaining < _MOST:
                # The gateway counted requests of other programs, besides the held slots.
                reset = window if rate.reset is None else min(rate.reset, window)
                self._close(reset, leave=rate.remaining)

    def _set_limit(self, limit: int) -> None:
        self._limit = limit
        slots = min(limit, _MOST)
        self._engine.execute(_SHORTEN, self._service, slots)
        self._engine.execute(_LENGTHEN, self._service, self._service, slots)

    def _close(self, seconds: float, *, within: float = 0.0, leave: int = 0) -> None:
        """Hold for `seconds` the slots that open within `within` seconds; skip `leave` of them."""
        service = self._service
        self._engine.execute(_CLOSE, seconds, service, within, service, within, leave)


class SharedRateLimiter(RateLimiter):
    """The schedule of one process among many. Lives in one event loop.

    A request waits for a slot of this process, then for a slot of all machines.
    """

    def __init__(self, timing: Timing, clock: Callable[[], float], slots: SharedSlots) -> None:
        super().__init__(timing, clock)
        self._slots = slots
        # Only the first request of each kind asks; the others keep their order.
        self._turns = {is_poll: asyncio.Lock() for is_poll in (False, True)}
        self._slot_opens_at = 0.0

    @property
    def held_for(self) -> float:
        return max(super().held_for, self._slot_opens_at - self._clock())

    @contextlib.asynccontextmanager
    async def slot(
        self, *, due: Due, is_poll: bool = False, is_first: bool = False
    ) -> AsyncIterator[Observe]:
        await self._granted(due, is_poll, is_first)
        try:
            number = await self._shared_slot(is_poll)
        except BaseException:
            # Nothing was sent, so hold no slot.
            self._release(is_poll)
            raise
        told = Rate()

        def observe_for_all(rate: Rate) -> None:
            nonlocal told
            told = rate
            self.observe(rate)

        try:
            yield observe_for_all
        finally:
            self._end(is_poll)
            closed_for = self.closed_for if told.exceeded else 0.0
            self._slots.answered(number, told, closed_for)

    async def _shared_slot(self, is_poll: bool) -> int | None:
        """Wait for a slot of all machines. Returns its number; None while the ledger is away."""
        window = self._timing.rate_window
        async with self._turns[is_poll]:
            try:
                while (slot := await self._slots.take(is_poll=is_poll)).opens_in > 0:
                    wait = slot.opens_in + (window * _BEHIND_SUBMITS if is_poll else 0.0)
                    if not is_poll:
                        self._slot_opens_at = self._clock() + slot.opens_in
                    await asyncio.sleep(min(wait, window * _ASKED_AGAIN))
            finally:
                if not is_poll:
                    self._slot_opens_at = 0.0
            return slot.number
