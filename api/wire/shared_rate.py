"""When a request may be sent where many machines share a key: a slot here, and a place among all.

The places are kept elsewhere. While they are away every process keeps its own pace.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, Protocol

from ..timing import Timing
from .rate_limit import Due, Observe, Rate, RateLimiter

# Shares of the window. A poll that was refused asks this much later than when a place opens, so
# that a submit gets it first.
_BEHIND_SUBMITS = 1 / 60
# No request waits longer before it asks again: another process may have learned a higher limit.
_ASKED_AGAIN = 1 / 12


class Place(NamedTuple):
    """The answer to a request for a place.

    Attributes:
        number: which one it got; None for none.
        opens_in: seconds until one opens; 0 where the request need not wait.
    """

    number: int | None
    opens_in: float = 0.0


class Places(Protocol):
    """As many places as requests fit into a window of the gateway. Nothing is raised."""

    async def take(self, *, is_poll: bool) -> Place:
        """Take a place if one is open. Polls leave some of them to all else."""
        ...

    def answered(self, number: int | None, rate: Rate, closed_for: float) -> object:
        """Hold the place for one more window, and tell the others what the answer said.

        It does not wait until this is done.

        Args:
            closed_for: seconds for which a 429 keeps all requests back; 0 without one.
        """
        ...


class SharedRateLimiter(RateLimiter):
    """The schedule of one process among many. Lives in one event loop."""

    def __init__(self, timing: Timing, clock: Callable[[], float], places: Places) -> None:
        super().__init__(timing, clock)
        self._places = places
        # One request of each kind asks; those behind it keep their order.
        self._turns = {is_poll: asyncio.Lock() for is_poll in (False, True)}
        self._place_opens = 0.0

    @property
    def held_for(self) -> float:
        return max(super().held_for, self._place_opens - self._clock())

    @contextlib.asynccontextmanager
    async def slot(
        self, *, due: Due, is_poll: bool = False, is_first: bool = False
    ) -> AsyncIterator[Observe]:
        await self._granted(due, is_poll, is_first)
        try:
            number = await self._place(is_poll)
        except BaseException:
            # Nothing was sent, so nothing is held.
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
            self._places.answered(number, told, closed_for)

    async def _place(self, is_poll: bool) -> int | None:
        """Wait for a place; its number, None while the places are away."""
        window = self._timing.rate_window
        async with self._turns[is_poll]:
            try:
                while (place := await self._places.take(is_poll=is_poll)).opens_in > 0:
                    wait = place.opens_in + (window * _BEHIND_SUBMITS if is_poll else 0.0)
                    if not is_poll:
                        self._place_opens = self._clock() + place.opens_in
                    await asyncio.sleep(min(wait, window * _ASKED_AGAIN))
            finally:
                if not is_poll:
                    self._place_opens = 0.0
            return place.number
