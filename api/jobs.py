"""A job that was bought: wait for it, cancel it, pick it up again.

Waiting costs nothing and can stop at any time; the job goes on.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from .booking import book, ended
from .errors import (
    GatewayError,
    NoAnswerError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServerError,
    UnreachableError,
    WaitTimeoutError,
)
from .ledger import Job, Ledger, State
from .paced import PacedClient
from .timing import Timing

_BLIPS = (UnreachableError, NoAnswerError, ServerError, ProtocolError, RateLimitError)
# How many of the most similar earlier jobs an estimate is made of.
_NEIGHBOURS = 9


class Progress(NamedTuple):
    """A wait as it stands: seconds since the submit and since the job was seen running.

    `expected` is how many seconds jobs like this one took from submit to end, None where none is
    known.
    """

    state: State
    elapsed: float
    running: float | None
    expected: float | None


class _Watch:
    """The one poll loop of a job, shared by all who wait for it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.users = 0
        self.running_since: float | None = None
        self.task: asyncio.Task[Job]


class Jobs:
    """The jobs of one key on one service. Lives in one event loop.

    Args:
        service: the name under which the ledger knows this service.
    """

    def __init__(self, service: str, ledger: Ledger, client: PacedClient, timing: Timing) -> None:
        self._service = service
        self._ledger = ledger
        self._client = client
        self._timing = timing
        self._watches: dict[str, _Watch] = {}

    async def wait(
        self,
        job: Job,
        *,
        timeout: float,
        progress: Callable[[Progress], None] = lambda progress: None,
        tick: float = 0.25,
    ) -> Job:
        """Wait until a job has completed.

        Args:
            timeout: seconds from when the job is seen running, or from now if it ran already; in
                the queue it may stay for an hour.
            progress: called about every `tick` seconds, in this loop.

        Raises:
            JobFailedError, JobCancelledError: the job came to nothing.
            WaitTimeoutError: the wait ended, the job did not.
            GatewayError: the gateway could not be asked for ten minutes, or refuses to answer.
        """
        if job.state is State.COMPLETED:
            return job
        if job.state.is_dead:
            raise ended(job)
        began = self._client.clock()
        expected = self.expected_seconds(job)
        watch = self._watches.get(job.local_id)
        if watch is None:
            watch = self._watches[job.local_id] = _Watch(job)
            watch.task = asyncio.ensure_future(self._poll(watch, expected))
        watch.users += 1
        try:
            while not watch.task.done():
                now = self._client.clock()
                running = watch.running_since
                if running is None:
                    left = began + self._timing.queue_limit - now
                else:
                    left = max(began, running) + timeout - now
                if left <= 0:
                    raise _timed_out(watch.job, timeout if running else self._timing.queue_limit)
                submitted = job.submitted or job.created
                progress(
                    Progress(
                        watch.job.state,
                        max(0.0, time.time() - submitted),
                        None if running is None else now - running,
                        expected,
                    )
                )
                await asyncio.wait({watch.task}, timeout=min(left, tick))
            return watch.task.result()
        finally:
            watch.users -= 1
            if watch.users == 0:
                watch.task.cancel()
                self._watches.pop(job.local_id, None)

    async def _poll(self, watch: _Watch, expected: float | None) -> Job:
        job, timing = watch.job, self._timing
        assert job.remote_id is not None
        remote_id = job.remote_id
        if job.state is State.RUNNING:
            watch.running_since = self._client.clock()
        submitted = job.submitted or job.created
        first = timing.first_poll if expected is None else expected
        due = self._client.clock() + max(0.0, submitted + first - time.time())
        trouble_since: float | None = None
        going_at: float | None = None
        while True:
            try:
                record = await self._client.get(remote_id, due)
            except (*_BLIPS, NotFoundError) as error:
                now = self._client.clock()
                trouble_since = now if trouble_since is None else trouble_since
                if isinstance(error, NotFoundError):
                    # A job may be known a moment later than its id.
                    over = time.time() - (job.submitted or 0.0) >= timing.not_found_grace
                else:
                    over = now - trouble_since >= timing.blip_patience
                if over:
                    raise self._lost(error, watch.job) from error
            except GatewayError as error:
                raise self._lost(error, watch.job) from error
            else:
                trouble_since = None
                if record is not None:
                    if going_at is not None:
                        # It ended between the last look that found it going and this one.
                        took = (going_at + time.time()) / 2 - submitted
                    elif time.time() - submitted < 2 * first:
                        # A first look in time may have come a little earlier.
                        took = max(first - timing.poll_floor, timing.poll_floor)
                    else:
                        # A first look long after says nothing: the job was picked up again.
                        took = None
                    watch.job = book(self._ledger, job.local_id, record, took=took)
                if watch.job.state.is_dead:
                    raise ended(watch.job)
                if watch.job.state is State.COMPLETED:
                    return watch.job
                if watch.job.state is State.RUNNING and watch.running_since is None:
                    watch.running_since = self._client.clock()
                if record is not None:
                    going_at = time.time()
            due = self._client.clock()

    def _lost(self, error: GatewayError, job: Job) -> GatewayError:
        """What a wait that cannot go on raises."""
        if not isinstance(error, NotFoundError):
            return _with_job(error, job)
        if job.submitted is None:
            self._ledger.forget(job)
        elif job.price == 0:
            self._ledger.update(
                job.local_id, state=State.FAILED, error=str(error), finished=time.time()
            )
            error.args = (
                f"The gateway does not know the job {job.remote_id} any more: queue again to have "
                "the track made anew, which costs nothing here.",
            )
        else:
            error.args = (
                f"The gateway does not know the job {job.remote_id} any more: it keeps jobs and "
                "their files for 7 days. To buy the track anew, set another take.",
            )
        return error

    def expected_seconds(self, job: Job) -> float | None:
        """How long jobs of this model and about this length took from submit to end."""
        times = self._ledger.run_times(self._service, job.model)
        if not times:
            return None
        nearest = sorted(times, key=lambda pair: abs(pair[0] - job.duration))[:_NEIGHBOURS]
        return statistics.median(seconds for _, seconds in nearest)

    async def cancel(self, job: Job) -> Job:
        """Ask the gateway to cancel; the row returned says what became of it.

        Raises:
            GatewayError: the gateway could not be asked; the job goes on.
        """
        if job.remote_id is None or job.state.is_dead or job.state is State.COMPLETED:
            return job
        try:
            record = await self._client.cancel(job.remote_id)
        except GatewayError as error:
            raise _with_job(error, job) from error
        return book(self._ledger, job.local_id, record)

    async def refresh(self, job: Job) -> Job:
        """Read the job's record again, for a fresh address of its file.

        Raises:
            GatewayError: the gateway could not be asked, or knows the job no more.
        """
        if job.remote_id is None:
            return job
        record = None
        while record is None:
            record = await self._client.get(job.remote_id)
        return book(self._ledger, job.local_id, record)


def _timed_out(job: Job, seconds: float) -> WaitTimeoutError:
    return WaitTimeoutError(
        f"The job {job.remote_id} is not done after {seconds:g} s, and goes on without this wait: "
        f"queue again, or put its id into PollJob, to pick it up. It is paid for once.",
        job_id=job.remote_id,
    )


def _with_job(error: GatewayError, job: Job) -> GatewayError:
    """The same error, naming the job and saying that it is not lost."""
    error.job_id = job.remote_id
    kept = f" The job {job.remote_id} is kept in the ledger: queue again to pick it up."
    message = str(error)
    if kept not in message:
        error.args = (message + kept,)
    return error
