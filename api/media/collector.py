"""The collector polls jobs without a wait, and fetches their tracks.

Each account has one, and one process of a ledger runs it. It polls one job at a time, at growing
intervals, and ends when no job is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from filelock import BaseFileLock, Timeout

from ..base.errors import GatewayError, LedgerError, NotFoundError
from ..base.threads import off_loop
from ..money.job import Job, State

if TYPE_CHECKING:
    from ..base.timing import Timing
    from ..money.ledger import Ledger
    from ..money.wait import Waits
    from ..wire.client import Client

_TRIES = 3
"""After so many failed fetches of a track, the next start fetches it."""

Fetch = Callable[[Job], Awaitable[object]]
"""Loads a completed job's track into the store."""

Tell = Callable[[Job], object]
"""Called with a job that has ended without a wait for it."""


class _Plan(NamedTuple):
    """When a job is polled next, and the interval before it, in seconds of the clock."""

    due: float
    interval: float
    failures: int = 0


class Collector:
    """The watcher of one account. Lives in its event loop.

    Args:
        service: the name of the service in the ledger.
        lock: held by the one process that watches the ledger.
    """

    def __init__(
        self,
        service: str,
        ledger: Ledger,
        waits: Waits,
        client: Client,
        lock: BaseFileLock,
        timing: Timing,
    ) -> None:
        self._service = service
        self._ledger = ledger
        self._waits = waits
        self._client = client
        self._lock = lock
        self._timing = timing
        self._plans: dict[str, _Plan] = {}
        self._task: asyncio.Task[None] | None = None
        self._fetch: Fetch | None = None
        self._tell: Tell = lambda job: None

    def start(self, fetch: Fetch, tell: Tell) -> None:
        """Watch from now on. A further call replaces the arguments."""
        self._fetch, self._tell = fetch, tell
        self.wake()

    def wake(self) -> None:
        """Look for open jobs again, and watch until no job is open; does nothing before `start`."""
        if self._fetch is not None and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._watch())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        timing = self._timing
        while jobs := await self._open_jobs():
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                # Another process watches the jobs.
                await asyncio.sleep(timing.collect_max)
                continue
            try:
                await self._poll_next(jobs)
            finally:
                self._lock.release()
            await asyncio.sleep(timing.collect_floor)

    async def _open_jobs(self) -> list[Job]:
        """The jobs that may still bring a track, with the jobs that a caller waits for."""
        try:
            jobs = await off_loop(self._ledger.uncollected, self._service)
        except LedgerError:
            return []
        return [job for job in jobs if self._is_ours(job) and self._plan(job).failures < _TRIES]

    def _is_ours(self, job: Job) -> bool:
        """Whether this process polls the job: another living process polls its own jobs."""
        owner = job.owner
        return owner == self._ledger.owner or not self._ledger.engine.is_living(owner)

    def _plan(self, job: Job) -> _Plan:
        first = self._timing.collect_floor
        if self._waits.is_waited_for(job):
            # The wait loads the track. The job is left alone for a while after the wait, too.
            self._plans.pop(job.local_id, None)
        return self._plans.setdefault(job.local_id, _Plan(self._client.clock() + first, first))

    async def _poll_next(self, jobs: list[Job]) -> None:
        """Poll the job that is due first, if it is due."""
        free = [job for job in jobs if not self._waits.is_waited_for(job)]
        job = min(free, key=lambda job: self._plan(job).due, default=None)
        if job is None or self._plan(job).due > self._client.clock():
            return
        try:
            job = await self._polled(job)
            if job.state is State.COMPLETED and self._fetch is not None:
                await self._fetch(job)
                job = await off_loop(self._ledger.arrive, job)
        except NotFoundError as error:
            await self._lose(error, job)
        except (GatewayError, OSError, ValueError) as error:
            is_temporary = isinstance(error, GatewayError) and error.is_temporary
            self._put_off(job, 0 if is_temporary else 1)
        else:
            if job.state.is_open:
                self._put_off(job)
            else:
                self._end(job)

    async def _polled(self, job: Job) -> Job:
        """The job as the gateway has it now; a job that has completed is not polled again."""
        if job.state is State.COMPLETED or job.job_id is None:
            return job
        record = await self._client.poll(job.job_id)
        return job if record is None else await off_loop(self._ledger.apply, job.local_id, record)

    async def _lose(self, error: NotFoundError, job: Job) -> None:
        """Note that the gateway does not know the job, or no longer knows it."""
        if await off_loop(self._ledger.age, job) < self._timing.not_found_grace:
            self._put_off(job)
            return
        await self._waits.lost(error, job)
        self._end(await off_loop(self._ledger.get, job.local_id))

    def _put_off(self, job: Job, failures: int = 0) -> None:
        plan = self._plan(job)
        interval = min(1.5 * plan.interval, self._timing.collect_max)
        due = self._client.clock() + interval
        self._plans[job.local_id] = _Plan(due, interval, plan.failures + failures)

    def _end(self, job: Job) -> None:
        self._plans.pop(job.local_id, None)
        self._tell(job)
