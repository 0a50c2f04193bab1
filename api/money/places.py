"""The rate of a key that machines share: one row for each request that fits into a window.

A request takes a place when it leaves and holds it until one window after its answer, see
`rate_limit`. Without an answer it holds it for two windows: its process may be dead.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future, ThreadPoolExecutor

from ..errors import LedgerError
from ..timing import Timing
from ..wire.rate_limit import KEPT_FOR_SUBMITS, ROUNDING, Rate
from ..wire.shared_rate import Place
from .engines.engine import Engine
from .engines.postgres_tables import CLOCK

# A thread of its own: what waits for a place must not keep the rows waiting.
_thread = ThreadPoolExecutor(1, thread_name_prefix="aigateway-places")
# Each place is a row: a farm sends no more than this in a window, whatever its account allows.
_MOST = 2000
# Seconds after which a request asks again where no place was seen for a moment only: another
# process was just writing them.
_AT_ONCE = 0.01

# The places that a kind of request may take: the first ones up to its share.
_ITS_OWN = """
    service = ? AND number <= greatest(1, floor(? * (
        SELECT max(number) FROM places WHERE service = ?
    )))
"""
# What takes all shares begins at the end that polls do not reach.
_TAKE = f"""
    UPDATE places SET until = {CLOCK} + ? WHERE service = ? AND number = (
        SELECT number FROM places WHERE until <= {CLOCK} AND {_ITS_OWN}
        ORDER BY number DESC LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING number
"""
_NEXT = f"SELECT min(until) - {CLOCK} FROM places WHERE {_ITS_OWN}"
_KEEP = f"UPDATE places SET until = {CLOCK} + ? WHERE service = ? AND number = ?"
_CLOSE = f"""
    UPDATE places SET until = {CLOCK} + ? WHERE service = ? AND until <= {CLOCK} + ?
    AND number IN (
        SELECT number FROM places WHERE service = ? AND until <= {CLOCK} + ?
        ORDER BY number DESC OFFSET ?
    )
"""
_SHORTEN = "DELETE FROM places WHERE service = ? AND number > ?"
_LENGTHEN = """
    INSERT INTO places (service, number, until) SELECT ?, number, 0 FROM generate_series(
        (SELECT 1 + coalesce(max(number), 0) FROM places WHERE service = ?), ?
    ) AS number ON CONFLICT DO NOTHING
"""


class SharedPlaces:
    """The places of a service's key in the ledger of `engine`. Lives in one event loop.

    Args:
        timing: the window, and the limit to assume until the gateway tells the real one.
    """

    def __init__(self, engine: Engine, service: str, timing: Timing) -> None:
        self._engine = engine
        self._service = service
        self._timing = timing
        self._limit = timing.rate_limit
        self._away_until = 0.0

    async def take(self, *, is_poll: bool) -> Place:
        """See `Places.take`; while the ledger is away nobody waits for it."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._away_until:
            return Place(None)
        asked = _thread.submit(self._take, is_poll)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), self._timing.ledger_patience)
        except (LedgerError, asyncio.TimeoutError):
            self._away_until = loop.time() + self._timing.beat
            return Place(None)
        except asyncio.CancelledError:
            # The thread may be taking it right now.
            _thread.submit(self._give_back, asked)
            raise

    def answered(self, number: int | None, rate: Rate, closed_for: float) -> Future[None]:
        """See `Places.answered`. An answer must not wait for the ledger: its job id goes first."""
        return _thread.submit(self._answered, number, rate, closed_for)

    def _take(self, is_poll: bool) -> Place:
        execute, service = self._engine.execute, self._service
        share = 1 - KEPT_FOR_SUBMITS if is_poll else 1.0
        its_own = (service, share, service)
        taken = execute(_TAKE, 2 * self._timing.rate_window, service, *its_own)
        if taken:
            return Place(taken[0][0])
        ((opens_in,),) = execute(_NEXT, *its_own)
        if opens_in is None:
            self._set_limit(self._limit)
        return Place(None, max(opens_in or 0.0, _AT_ONCE))

    def _give_back(self, asked: Future[Place]) -> None:
        """Open the place that nobody waits for any more. The thread has ended the question."""
        if asked.cancelled():
            return
        with contextlib.suppress(LedgerError):
            number = asked.result().number
            if number is not None:
                self._engine.execute(_KEEP, 0.0, self._service, number)

    def _answered(self, number: int | None, rate: Rate, closed_for: float) -> None:
        window = self._timing.rate_window
        with contextlib.suppress(LedgerError):
            if number is not None:
                self._engine.execute(_KEEP, window + ROUNDING, self._service, number)
            if rate.limit and rate.limit != self._limit:
                self._set_limit(rate.limit)
            if closed_for:
                self._close(closed_for, within=closed_for)
            elif rate.remaining is not None and rate.remaining < _MOST:
                # Somebody else spent what the gateway counted beyond the places that are held.
                reset = window if rate.reset is None else min(rate.reset, window)
                self._close(reset, leave=rate.remaining)

    def _set_limit(self, limit: int) -> None:
        self._limit = limit
        places = min(limit, _MOST)
        self._engine.execute(_SHORTEN, self._service, places)
        self._engine.execute(_LENGTHEN, self._service, self._service, places)

    def _close(self, seconds: float, *, within: float = 0.0, leave: int = 0) -> None:
        """Hold for so long what opens within so many seconds; `leave` places stay as they are."""
        service = self._service
        self._engine.execute(_CLOSE, seconds, service, within, service, within, leave)
