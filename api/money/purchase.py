"""Buying: from a request to a job id, paid at most once.

The ledger has the request before the POST leaves. A submit that certainly created nothing is
repeated. One that may have been charged is looked up, and repeated at most once, below a price that
the user set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from ..errors import (
    GatewayError,
    InputError,
    LedgerError,
)
from ..models import why_unusable
from ..request import MusicRequest
from ..timing import Timing
from ..wire.client import Client
from ..wire.protocol import parse_balance
from .job import Job, State, is_free
from .ledger import Ledger
from .lookup import Lookups, uncertain
from .model_list import ModelList
from .off_loop import off_loop
from .prices import Catalogue, expected_prices
from .spending import SpendingRules
from .submit import Submits


class Purchases:
    """The purchases of one account. Lives in one event loop.

    Args:
        service: the name of the service in the ledger.
        catalogue: the model list of the service.
    """

    def __init__(
        self, service: str, ledger: Ledger, client: Client, catalogue: Catalogue, timing: Timing
    ) -> None:
        self._service = service
        self._ledger = ledger
        self._client = client
        self._models = ModelList(catalogue, client, timing)
        self._timing = timing
        self.lookups = Lookups(ledger, client, timing)
        self._submits = Submits(service, ledger, client, timing)
        self._tasks: dict[str, asyncio.Task[Job]] = {}

    async def submit(self, request: MusicRequest, *, run: str, rules: SpendingRules) -> Job:
        """As `submit_all`, of one request.

        Raises:
            InputError, SpendLimitError: nothing was sent.
            UncertainSubmitError: it may have been charged, and no job id is known.
            GatewayError: nothing was created; the type says why.
        """
        (job,) = await self.submit_all([request], run=run, rules=rules)
        if isinstance(job, BaseException):
            raise job
        return job

    async def submit_all(
        self, requests: Sequence[MusicRequest], *, run: str, rules: SpendingRules
    ) -> list[Job | BaseException]:
        """Buy the tracks of a list, or hand out the jobs that were bought before.

        What has to be bought is priced and allowed as a whole, before the first request is sent.
        Stopping this wait does not stop requests that are on their way; their jobs are in the
        ledger.

        Returns:
            For each request its job, or why it has none: the errors of `submit`.
        """
        forms = [request.validated() for request in requests]
        named = {request.fingerprint(self._service): request for request in forms}
        new = {name: form for name, form in named.items() if name not in self._tasks}
        rows = asyncio.ensure_future(self._written(new, run, rules))
        tasks = {name: self._in_background(name, self._buy(name, rows, rules)) for name in named}
        ended = await asyncio.gather(*map(asyncio.shield, tasks.values()), return_exceptions=True)
        jobs = dict(zip(tasks, ended, strict=True))
        return [jobs[form.fingerprint(self._service)] for form in forms]

    async def buy_again(self, job: Job, *, run: str, rules: SpendingRules) -> Job:
        """Submit an uncertain request once more, with the same idempotency key.

        Raises:
            InputError: the request is not uncertain; nothing was sent.
            SpendLimitError: nothing was sent.
            UncertainSubmitError: it is as uncertain as before.
        """
        if job.state is not State.UNCERTAIN:
            raise InputError(
                f"This track is {job.state.value}, not uncertain, so there is nothing to buy again."
            )
        return await asyncio.shield(
            self._in_background(job.fingerprint, self._resubmit(job, rules, run))
        )

    async def idle(self) -> None:
        """Wait until no request is on its way."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _prices(self, requests: Sequence[MusicRequest]) -> list[float | None]:
        """The expected prices, from a model list that is at most `Timing.catalogue_age` old."""
        if not requests:
            return []
        await self._models.renew()
        catalogue = self._models.catalogue
        prices = await off_loop(expected_prices, catalogue, self._ledger, requests)
        return [price.amount for price in prices]

    async def _balance(self, rules: SpendingRules) -> float | None:
        """What the account has left; None where no floor asks for it, or nobody tells it."""
        if not rules.minimum_balance or is_free(self._service):
            return None
        try:
            return parse_balance(await self._client.balance())
        except GatewayError:
            # A gateway without this route is no reason to stop.
            return None

    def _in_background(self, fingerprint: str, work: Coroutine[Any, Any, Job]) -> asyncio.Task[Job]:
        """Run in a separate task, which goes on when the caller is stopped.

        One task a fingerprint: whoever asks meanwhile waits for that one.
        """
        task = self._tasks.get(fingerprint)
        if task is not None:
            work.close()
            return task
        task = self._tasks[fingerprint] = asyncio.ensure_future(work)

        def ended(task: asyncio.Task[Job]) -> None:
            del self._tasks[fingerprint]
            self._client.retries.clear(fingerprint)
            # Where the caller was stopped, nobody else reads the exception.
            if not task.cancelled():
                task.exception()

        task.add_done_callback(ended)
        return task

    async def _written(
        self, requests: Mapping[str, MusicRequest], run: str, rules: SpendingRules
    ) -> dict[str, tuple[Job, bool] | GatewayError]:
        """As `_rows`; its errors say that nothing was sent."""
        try:
            return await self._rows(requests, run, rules)
        except LedgerError as error:
            raise error.noting("Nothing was sent.") from error

    async def _rows(
        self, requests: Mapping[str, MusicRequest], run: str, rules: SpendingRules
    ) -> dict[str, tuple[Job, bool] | GatewayError]:
        """The rows of requests by fingerprint: bought before, new, or refused."""
        prices: dict[str, float | None] = {}
        refused: dict[str, GatewayError] = {}
        asked: dict[str, MusicRequest] = {}
        for name, request in requests.items():
            living = await off_loop(self._ledger.living, self._service, request)
            if living is not None and living.state.is_bought:
                # It needs no model list, and so no request.
                prices[name] = living.price
            elif unusable := why_unusable(request.model):
                refused[name] = InputError(
                    f"The model {request.model} {unusable}; it makes no music of a prompt: choose "
                    "another model. Nothing was sent."
                )
            else:
                asked[name] = request
        prices |= zip(asked, await self._prices(list(asked.values())), strict=True)
        allowed = [name for name in requests if name in prices]
        priced = [(requests[name], prices[name]) for name in allowed]
        balance = await self._balance(rules) if asked else None
        made = await off_loop(
            self._ledger.create_all, self._service, priced, run=run, rules=rules, balance=balance
        )
        return {**dict(zip(allowed, made, strict=True)), **refused}

    async def _buy(
        self,
        fingerprint: str,
        rows: asyncio.Task[dict[str, tuple[Job, bool] | GatewayError]],
        rules: SpendingRules,
    ) -> Job:
        made = (await asyncio.shield(rows))[fingerprint]
        if isinstance(made, GatewayError):
            raise made
        job, is_new = made
        if not is_new:
            return await self._settled(job, rules)
        try:
            return await self._first_post(job, rules) or await self._others(job, rules)
        finally:
            self._ledger.release(job)

    async def _others(self, job: Job, rules: SpendingRules) -> Job:
        """The job of a row that another process has taken over, because this one was cut off."""
        return await self._settled(await off_loop(self._ledger.get, job.local_id), rules)

    async def _settled(self, job: Job, rules: SpendingRules) -> Job:
        """The job of a live row that another call created, after its submit has ended."""
        while True:
            if job.state in (State.SUBMITTING, State.UNCERTAIN):
                job = await off_loop(self._ledger.read_from_journal, job)
            if job.state is not State.SUBMITTING:
                break
            # A row whose process ended between the POST and the answer is taken over. Another
            # process that still waits for the answer keeps it.
            if not await off_loop(self._ledger.compare_and_set, job, state=State.UNCERTAIN):
                await asyncio.sleep(self._timing.row_poll)
            job = await off_loop(self._ledger.get, job.local_id)
        if job.state is State.UNCERTAIN:
            return await self._repeat(job, rules, cause=None)
        if job.state.is_dead:
            raise job.as_error()
        return job

    async def _first_post(self, job: Job, rules: SpendingRules) -> Job | None:
        """None: the row was taken over."""
        try:
            record = await self._submits.posted(job)
        except GatewayError as error:
            if not error.may_have_been_charged:
                if not await self._submits.ended(job, state=State.FAILED, error=str(error)):
                    return None
                raise
            ended = await self._submits.ended(job, state=State.UNCERTAIN, error=str(error))
            return ended and await self._repeat(ended, rules, error)
        return record and await self._submits.written(job, record)

    async def _repeat(self, job: Job, rules: SpendingRules, cause: Exception | None) -> Job:
        """Submit an uncertain request once more by itself, where the user allows it.

        Not where the gateway lists the first submit.
        """
        job = await self.lookups.find(job, is_new=cause is not None)
        if job.state is not State.UNCERTAIN:
            return await self._settled(job, rules)
        affordable = job.price is not None and job.price <= rules.uncertain_limit
        if job.is_listed or job.repeats or not affordable or not rules.uncertain_limit:
            raise uncertain(job) from cause
        return await self._resubmit(job, rules, run=None)

    async def _resubmit(self, job: Job, rules: SpendingRules, run: str | None) -> Job:
        """One more submit with the same idempotency key; `run` None checks no limit."""
        balance = None if run is None else await self._balance(rules)
        taken = await off_loop(self._ledger.resubmit, job, run=run, rules=rules, balance=balance)
        if taken is None:
            return await self._others(job, rules)
        try:
            return await self._second_post(taken) or await self._others(job, rules)
        finally:
            self._ledger.release(taken)

    async def _second_post(self, job: Job) -> Job | None:
        """None: the row was taken over."""
        try:
            record = await self._submits.posted(job)
        except GatewayError as error:
            # This submit may have created nothing; the first one remains uncertain.
            repeats = job.repeats - (not error.may_have_been_charged)
            ended = await self._submits.ended(
                job, state=State.UNCERTAIN, error=str(error), repeats=repeats
            )
            if ended is None:
                return None
            raise uncertain(await self.lookups.find(ended, is_new=True)) from error
        return record and await self._submits.written(job, record)
