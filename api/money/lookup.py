"""Submits without an answer, looked up in what the gateway lists of the account's use.

A find proves the purchase. No find proves nothing: nobody says how soon the gateway lists a charge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ..errors import GatewayError, LedgerAwayError, UncertainSubmitError
from ..text import dollars
from ..timing import Timing
from ..wire.client import Client
from ..wire.protocol import Charge, charge_by_tag, charge_in_recent
from .job import Job
from .ledger import Ledger
from .off_loop import off_loop


class Lookups:
    """The look-ups of one account. Lives in one event loop.

    Attributes:
        under_way: how many submits are looked up now.
    """

    def __init__(self, ledger: Ledger, client: Client, timing: Timing) -> None:
        self._ledger = ledger
        self._client = client
        self._timing = timing
        # The last read of each list, and when it began.
        self._reads: dict[str, tuple[float, asyncio.Task[object]]] = {}
        self._refused: set[str] = set()
        self.under_way = 0

    async def find(self, job: Job, *, is_new: bool) -> Job:
        """The row of an uncertain submit, with its charge if the gateway lists it.

        Ends at once where no cost tag was sent, or the gateway has no such lists.

        Args:
            is_new: it was sent just now, so it is looked up for `Timing.lookup_patience`. An old
                one is looked up once.
        """
        tag = self._client.tag_of(job.idempotency_key)
        if not tag or job.is_listed:
            return job
        clock, wait = self._client.clock, self._timing.lookup_wait
        patience = self._timing.lookup_patience
        is_new = is_new or time.time() - job.created < patience
        give_up = clock() + (patience if is_new else 0.0)
        self.under_way += 1
        try:
            while True:
                charge = await self._look(job, tag, max(give_up - clock(), wait))
                left = give_up - clock()
                if charge is not None:
                    return await self._written(job, charge)
                if left <= 0 or {_RECENT, _BY_TAG} <= self._refused:
                    return job
                await asyncio.sleep(min(wait, left))
                wait *= 2
        finally:
            self.under_way -= 1

    async def _look(self, job: Job, tag: str, patience: float) -> Charge | None:
        """One look into each list."""
        recent = await self._read(_RECENT, self._client.recent_usage, patience)
        found = _try(lambda: charge_in_recent(recent, tag, since=job.created))
        months = {time.strftime("%Y-%m", time.gmtime(at)) for at in (job.created, time.time())}
        for month in sorted(months):
            if found is None:
                sums = await self._read(
                    _BY_TAG, lambda month=month: self._client.usage_by_tag(month), patience, month
                )
                found = _try(lambda sums=sums: charge_by_tag(sums, tag))
        return found

    async def _read(
        self, route: str, read: Callable[[], Awaitable[object]], patience: float, of: str = ""
    ) -> object:
        """An answer, an empty list where none came. Looks at about the same time share one."""
        if route in self._refused:
            return []
        name, now = f"{route} {of}", self._client.clock()
        began, task = self._reads.get(name, (0.0, None))
        if task is None or (task.done() and now - began > self._timing.lookup_wait / 2):
            task = asyncio.ensure_future(read())
            # Where nobody waits any more, nobody else reads the exception.
            task.add_done_callback(lambda task: task.cancelled() or task.exception())
            self._reads[name] = now, task
        await asyncio.wait({task}, timeout=patience)
        if not task.done():
            return []
        error = None if task.cancelled() else task.exception()
        if isinstance(error, GatewayError):
            if not error.is_temporary:
                # The gateway has no such list, or this key may not read it.
                self._refused.add(route)
            return []
        return task.result()

    async def _written(self, job: Job, charge: Charge) -> Job:
        cost = 0.0 if job.is_free else charge.cost
        found = {"charged": cost, "request_id": charge.request_id}
        try:
            written = await off_loop(self._ledger.compare_and_set, job, **found)
        except LedgerAwayError:
            # It is found again where the row is asked for the next time.
            return job._replace(**found)
        # Where another process was faster, its row counts.
        return written or await off_loop(self._ledger.get, job.local_id)


_RECENT, _BY_TAG = "recent", "by-tag"


def _try(read: Callable[[], Charge | None]) -> Charge | None:
    try:
        return read()
    except GatewayError:
        # A list that cannot be read proves nothing either.
        return None


def uncertain(job: Job) -> UncertainSubmitError:
    """The error of a submit without an answer: what is known of the money, and what to do."""
    cause = f" ({job.error})" if job.error else ""
    if job.is_listed:
        charged = (
            "has accepted" if job.charged is None else f"has charged {dollars(job.charged)} for"
        )
        under = f" as the request {job.request_id}" if job.request_id else ""
        named = f", name the request {job.request_id}," if job.request_id else ""
        return UncertainSubmitError(
            f"The gateway {charged} this track, and its job id did not come{cause}. The gateway "
            f"lists it{under}. The pack does not buy it again by itself. Ask AIgateway's support"
            f"{named} for the job's id, and put that into Poll Job. To pay for the track once "
            "more, press Buy again in the Music tab, or set another take.",
            local_id=job.local_id,
        )
    again = ", also after one repeat" if job.repeats else ""
    return UncertainSubmitError(
        f"It is not known whether this track was bought{again}. The request was sent, and no "
        f"readable answer came{cause}. It may have been charged with {dollars(job.price)}. Check "
        "AIgateway's dashboard. If the job is there, pick it up with its id in Poll Job. If not, "
        "press Buy again in the Music tab, or set another take. The pack does not send the "
        "request again by itself.",
        local_id=job.local_id,
    )
