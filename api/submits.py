"""Buying: from a request to a job id, for money at most once.

The ledger knows of a request before it leaves. What certainly created nothing is repeated; what may
have been charged is repeated at most once, below a price the user set.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import NamedTuple

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_before_delay,
    wait_random_exponential,
)

from .booking import book, ended
from .errors import (
    BadGatewayError,
    GatewayError,
    InputError,
    NoAnswerError,
    ProtocolError,
    ServerError,
    SpendLimitError,
    UncertainSubmitError,
    UnreachableError,
)
from .ledger import Job, Ledger, Limits, State, dollars
from .paced import PacedClient
from .pricing import Catalogue
from .protocol import MusicRequest
from .timing import Timing

_MAY_HAVE_BEEN_CHARGED = (NoAnswerError, BadGatewayError, ProtocolError)


class Policy(NamedTuple):
    """What the user allows for one submit. `limits` None: the service is free."""

    limits: Limits | None
    uncertain_limit: float
    allow_unknown_price: bool


class Submits:
    """The submits of one key on one service. Lives in one event loop.

    Args:
        service: the name under which the ledger knows this service.
        catalogue: where prices come from; None where nothing is charged.
    """

    def __init__(
        self,
        service: str,
        ledger: Ledger,
        client: PacedClient,
        catalogue: Catalogue | None,
        timing: Timing,
    ) -> None:
        self._service = service
        self._ledger = ledger
        self._client = client
        self._catalogue = catalogue
        self._timing = timing
        self._submits: dict[str, asyncio.Task[Job]] = {}

    async def submit(self, request: MusicRequest, *, run: str, policy: Policy) -> Job:
        """Buy a piece of music, or re-attach to the one that was bought before.

        Stopping this wait does not stop a request that is on its way; its job is in the ledger.

        Raises:
            InputError, SpendLimitError: before anything was sent.
            UncertainSubmitError: it may have been charged, and no job id is known.
            GatewayError: nothing was created; the type says why.
        """
        request = request.validated()
        alive = self._ledger.alive(self._service, request)
        if alive is not None:
            return await self._attach(alive, policy)
        price = await self._price(request, policy)
        job, is_new = self._ledger.begin(
            self._service, request, run=run, price=price, limits=policy.limits
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
            raise ended(job)
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
                record = await self._client.submit(job.request, idempotency_key=job.idempotency_key)
                # The id is on the disk before anything else is done with it.
                return book(self._ledger, job.local_id, record, submitted=time.time())
        raise AssertionError("tenacity ends with a result or an exception")

    async def _price(self, request: MusicRequest, policy: Policy) -> float | None:
        catalogue = self._catalogue
        if catalogue is None:
            return 0.0
        if catalogue.is_stale:
            try:
                catalogue.replace(await self._client.models())
            except GatewayError:
                # The submit will say what is wrong; what was known before is still of use.
                catalogue.replace([])
        price = catalogue.price(request)
        if price is None and not policy.allow_unknown_price:
            raise SpendLimitError(
                f"The price of {request.model} is not known, so it counts as over your limit: "
                "choose another model, or set allow_unknown_price in the settings. "
                "Nothing was sent."
            )
        return price


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
