"""A request's way from the ledger to the gateway and back: submit, wait, cancel.

The rules are about money. The ledger knows of a request before it leaves. What certainly created
nothing is repeated; what may have been charged is repeated at most once, below a price the user
set. Waiting costs nothing and can stop at any time; the job goes on.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_before_delay,
    wait_random_exponential,
)

from .client import Client
from .errors import (
    BadGatewayError,
    GatewayError,
    InputError,
    JobCancelledError,
    JobFailedError,
    NoAnswerError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServerError,
    SpendLimitError,
    UncertainSubmitError,
    UnreachableError,
    WaitTimeoutError,
)
from .ledger import Job, Ledger, Limits, State, dollars
from .pacing import Pacer
from .pricing import Catalogue
from .protocol import JobRecord, JobStatus, MusicRequest
from .timing import Timing

T = TypeVar("T")

COST_TAG = "comfyui-aigateway-music"

_MAY_HAVE_BEEN_CHARGED = (NoAnswerError, BadGatewayError, ProtocolError)
_BLIPS = (UnreachableError, NoAnswerError, ServerError, ProtocolError, RateLimitError)
# How many of the most similar earlier jobs an estimate is made of.
_NEIGHBOURS = 9


class Policy(NamedTuple):
    """What the user allows for one submit. `limits` None: the service is free."""

    limits: Limits | None
    uncertain_limit: float
    allow_unknown_price: bool


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
        catalogue: where prices come from; None where nothing is charged.
        clock: seconds, monotonic, of that event loop.
    """

    def __init__(
        self,
        service: str,
        ledger: Ledger,
        client: Client,
        pacer: Pacer,
        catalogue: Catalogue | None,
        timing: Timing,
        clock: Callable[[], float],
    ) -> None:
        self.service = service
        self._ledger = ledger
        self._client = client
        self._pacer = pacer
        self._catalogue = catalogue
        self._timing = timing
        self._clock = clock
        self._submits: dict[str, asyncio.Task[Job]] = {}
        self._watches: dict[str, _Watch] = {}
        self._asked: dict[str, float] = {}

    # Submit

    async def submit(self, request: MusicRequest, *, run: str, policy: Policy) -> Job:
        """Buy a piece of music, or re-attach to the one that was bought before.

        Stopping this wait does not stop a request that is on its way; its job is in the ledger.

        Raises:
            InputError, SpendLimitError: before anything was sent.
            UncertainSubmitError: it may have been charged, and no job id is known.
            GatewayError: nothing was created; the type says why.
        """
        request = request.validated()
        price: float | None = 0.0
        if self._catalogue is not None and self._ledger.alive(self.service, request) is None:
            price = await self._price(request, self._catalogue)
            if price is None and not policy.allow_unknown_price:
                raise SpendLimitError(
                    f"The price of {request.model} is not known, so it counts as over your limit: "
                    "choose another model, or set allow_unknown_price in the settings. "
                    "Nothing was sent."
                )
        job, is_new = self._ledger.begin(
            self.service, request, run=run, price=price, limits=policy.limits
        )
        if is_new:
            return await self._in_background(job, self._first_post(job, policy))
        return await self._attach(job, policy)

    async def buy_again(self, job: Job, *, run: str, policy: Policy) -> Job:
        """Submit an uncertain request once more because the user says so, with the same key.

        Raises:
            InputError: the request is not uncertain (any more); nothing was sent.
            SpendLimitError: nothing was sent.
            UncertainSubmitError: it is as uncertain as before.
        """
        if job.state is not State.UNCERTAIN:
            raise InputError(
                f"This track is {job.state.value}, not uncertain, so there is nothing to buy again."
            )
        if policy.limits is not None and job.price:
            self._ledger.check(policy.limits, run, job.price)
        if not self._ledger.claim(job, state=State.SUBMITTING, repeats=job.repeats + 1):
            return await self._attach(self._ledger.get(job.local_id), policy)
        return await self._in_background(job, self._repeated_post(job))

    async def _attach(self, job: Job, policy: Policy) -> Job:
        while job.state is State.SUBMITTING:
            task = self._submits.get(job.local_id)
            if task is not None:
                return await asyncio.shield(task)
            # If its process or its task ended between the POST and the answer, it is taken over.
            if not self._ledger.claim(job, state=State.UNCERTAIN):
                await asyncio.sleep(self._timing.poll_floor / 10)
            job = self._ledger.get(job.local_id)
        if job.state is State.UNCERTAIN:
            return await self._repeat(job, policy, cause=None)
        if job.state.is_dead:
            raise _ended(job)
        return job

    async def _in_background(self, job: Job, work: Awaitable[Job]) -> Job:
        task = asyncio.ensure_future(work)
        self._submits[job.local_id] = task

        def ended(task: asyncio.Task[Job]) -> None:
            # A repeat takes the place of the submit that it is part of.
            if self._submits.get(job.local_id) is task:
                del self._submits[job.local_id]
                self._ledger.let_go(job)

        task.add_done_callback(ended)
        # Whoever waits may go; then nobody is left to look at the exception.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _first_post(self, job: Job, policy: Policy) -> Job:
        try:
            return await self._post(job)
        except _MAY_HAVE_BEEN_CHARGED as error:
            job = self._ledger.update(job.local_id, state=State.UNCERTAIN, error=str(error))
            return await self._repeat(job, policy, error)
        except GatewayError as error:
            self._ledger.update(
                job.local_id, state=State.FAILED, error=str(error), finished=time.time()
            )
            raise

    async def _repeat(self, job: Job, policy: Policy, cause: Exception | None) -> Job:
        affordable = job.price is not None and job.price <= policy.uncertain_limit
        if job.repeats or not affordable or not policy.uncertain_limit:
            raise _uncertain(job) from cause
        if not self._ledger.claim(job, state=State.SUBMITTING, repeats=1):
            return await self._attach(self._ledger.get(job.local_id), policy)
        return await self._in_background(job, self._repeated_post(job))

    async def _repeated_post(self, job: Job) -> Job:
        """Another submit of a request, with the same idempotency key."""
        try:
            return await self._post(job)
        except GatewayError as error:
            # The repeat itself may have created nothing; the first submit remains unknown.
            spent = isinstance(error, _MAY_HAVE_BEEN_CHARGED)
            job = self._ledger.update(
                job.local_id, state=State.UNCERTAIN, error=str(error), repeats=job.repeats + spent
            )
            raise _uncertain(job) from error

    async def _post(self, job: Job) -> Job:
        timing = self._timing
        jitter = wait_random_exponential(multiplier=timing.backoff, max=timing.backoff_max)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return max(jitter(state), getattr(error, "retry_after", None) or 0.0)

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_created_nothing),
            wait=wait,
            stop=stop_before_delay(timing.submit_patience),
            reraise=True,
        ):
            with attempt:
                record = await self._paced(
                    lambda: self._client.submit(
                        job.request, idempotency_key=job.idempotency_key, tag=COST_TAG
                    )
                )
                # The id is on the disk before anything else is done with it.
                return self._apply(job.local_id, record, submitted=time.time())
        raise AssertionError("tenacity ends with a result or an exception")

    async def _price(self, request: MusicRequest, catalogue: Catalogue) -> float | None:
        if catalogue.is_stale:
            try:
                catalogue.replace(await self._paced(self._client.models))
            except GatewayError:
                # The submit will say what is wrong; what was known before is still of use.
                catalogue.replace([])
        return catalogue.price(request)

    # Wait

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
            raise _ended(job)
        began = self._clock()
        expected = self.expected_seconds(job)
        watch = self._watches.get(job.local_id)
        if watch is None:
            watch = self._watches[job.local_id] = _Watch(job)
            watch.task = asyncio.ensure_future(self._poll(watch, expected))
        watch.users += 1
        try:
            while not watch.task.done():
                now = self._clock()
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
            watch.running_since = self._clock()
        submitted = job.submitted or job.created
        first = timing.first_poll if expected is None else expected
        due = self._clock() + max(0.0, submitted + first - time.time())
        trouble_since: float | None = None
        going_at: float | None = None
        while True:
            try:
                record = await self._get(remote_id, due)
            except (*_BLIPS, NotFoundError) as error:
                now = self._clock()
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
                    watch.job = self._apply(job.local_id, record, took=took)
                if watch.job.state.is_dead:
                    raise _ended(watch.job)
                if watch.job.state is State.COMPLETED:
                    return watch.job
                if watch.job.state is State.RUNNING and watch.running_since is None:
                    watch.running_since = self._clock()
                if record is not None:
                    going_at = time.time()
            due = self._clock()

    def _lost(self, error: GatewayError, job: Job) -> GatewayError:
        """What a wait that cannot go on raises."""
        if isinstance(error, NotFoundError) and job.submitted is None:
            self._ledger.forget(job)
            return error
        return _with_job(error, job)

    def expected_seconds(self, job: Job) -> float | None:
        """How long jobs of this model and about this length took from submit to end."""
        times = self._ledger.run_times(self.service, job.model)
        if not times:
            return None
        nearest = sorted(times, key=lambda pair: abs(pair[0] - job.duration))[:_NEIGHBOURS]
        return statistics.median(seconds for _, seconds in nearest)

    # Everything else

    async def cancel(self, job: Job) -> Job:
        """Ask the gateway to cancel; the row returned says what became of it.

        Raises:
            GatewayError: the gateway could not be asked; the job goes on.
        """
        if job.remote_id is None or job.state.is_dead or job.state is State.COMPLETED:
            return job
        remote_id = job.remote_id
        try:
            record = await self._paced(lambda: self._client.cancel(remote_id))
        except GatewayError as error:
            raise _with_job(error, job) from error
        return self._apply(job.local_id, record)

    async def refresh(self, job: Job) -> Job:
        """Read the job's record again, for a fresh address of its file.

        Raises:
            GatewayError: the gateway could not be asked, or knows the job no more.
        """
        if job.remote_id is None:
            return job
        record = None
        while record is None:
            record = await self._get(job.remote_id, self._clock())
        return self._apply(job.local_id, record)

    def pick_up(self, remote_id: str) -> Job:
        """The row of a job that is known by its id, also if it was made elsewhere."""
        return self._ledger.adopt(self.service, remote_id, State.QUEUED)

    async def _get(self, remote_id: str, due: float) -> JobRecord | None:
        """Ask for a job's record, no earlier than the floor after the last time."""
        asked = self._asked.get(remote_id)
        if asked is not None:
            due = max(due, asked + self._timing.poll_floor)
        try:
            return await self._paced(lambda: self._client.get(remote_id), due=due, is_poll=True)
        finally:
            self._asked[remote_id] = self._clock()

    async def _paced(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        due: float | None = None,
        is_poll: bool = False,
    ) -> T:
        """One request in its turn. A 429 costs a turn, and none of the caller's patience."""
        due = self._clock() if due is None else due
        give_up = due + self._timing.blip_patience
        while True:
            async with self._pacer.turn(due=due, is_poll=is_poll):
                try:
                    return await call()
                except RateLimitError:
                    if self._clock() >= give_up:
                        raise
            due = self._clock() + (self._timing.poll_floor if is_poll else 0.0)

    def _apply(self, local_id: str, record: JobRecord, **values: object) -> Job:
        """Write what the gateway said; a job that has ended stays ended."""
        job = self._ledger.get(local_id)
        now = time.time()
        if record.status is JobStatus.COMPLETED and record.result_url is None:
            # Done without a file is not done yet.
            record = record._replace(status=JobStatus.RUNNING)
        state = State(record.status.value)
        if job.state in (State.COMPLETED, State.CANCELLED, State.FAILED):
            state = job.state
        values.update(state=state, remote_id=record.id)
        if state is not State.QUEUED and job.started is None:
            values["started"] = now
        if state is not job.state and record.status.is_final:
            values["finished"] = now
        if state is State.COMPLETED:
            # A sandbox bills what the music would cost elsewhere; nobody pays it.
            cost = 0.0 if self._catalogue is None else record.cost
            values["charged"] = job.price if cost is None else cost
            values["error"] = None
            if record.result_url:
                values["result_url"] = record.result_url
            if record.duration is not None:
                values["result_duration"] = record.duration
        elif state is State.FAILED:
            values["charged"] = 0.0
            values["error"] = record.error
        return self._ledger.update(local_id, **values)


def _created_nothing(error: BaseException) -> bool:
    if isinstance(error, BadGatewayError):
        return False
    return isinstance(error, (UnreachableError, ServerError))


def _uncertain(job: Job) -> UncertainSubmitError:
    cause = f" ({job.error})" if job.error else ""
    again = ", also after one repeat" if job.repeats else ""
    return UncertainSubmitError(
        f"It is not known whether this track was bought{again}: the request was sent, and no "
        f"answer came that could be read{cause}. It may have been charged with "
        f"{dollars(job.price)}. Look into AIgateway's dashboard: if the job is there, pick it up "
        "with its id in PollJob; if not, set another take to buy the track. "
        "The pack itself does not send it again."
    )


def _ended(job: Job) -> GatewayError:
    if job.state is State.FAILED:
        reason = f": {job.error.rstrip('.')}" if job.error else ""
        return JobFailedError(
            f"The job {job.remote_id or ''} failed{reason}. Failed jobs are not charged: queue "
            "again to try anew, with another prompt if it was refused.",
            job_id=job.remote_id,
        )
    return JobCancelledError(
        f"The job {job.remote_id or ''} was cancelled: queue again to buy the track anew.",
        job_id=job.remote_id,
    )


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
