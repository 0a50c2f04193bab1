"""Buying: from a request to a job id, paid at most once.

The ledger has the request before the POST leaves. A submit that certainly created nothing is
repeated. After a submit that may have been charged, the pack reads the gateway's lists of use. It
repeats such a submit at most once, and only below a price that the user set.
"""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from ..base.errors import (
    GatewayError,
    InputError,
    LedgerAwayError,
    LedgerError,
    NoAnswerError,
    UncertainSubmitError,
    UnreachableError,
)
from ..base.models import why_unusable
from ..base.plain_text import dollars
from ..base.question import AnyQuestion, Reply
from ..base.request import MusicRequest
from ..base.threads import off_loop
from ..base.timing import Timing, pause
from ..wire.client import Client
from ..wire.protocol import (
    Charge,
    JobRecord,
    charge_by_tag,
    charge_in_recent,
    parse_balance,
)
from .job import MUSIC, Job, State, is_free
from .ledger import Ledger
from .prices import Catalogue, ModelList, expected_prices
from .spending import SpendingRules

T = TypeVar("T")


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
        self._tasks = Tasks(client)

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
        """Buy the tracks of a list, or return the jobs of earlier purchases.

        The rules allow or refuse the new tracks together, before the first request is sent.
        If the caller is cancelled, requests that are under way go on. The ledger has their jobs.

        Returns:
            For each request its job, or one of the errors of `submit`.
        """
        forms = [request.validated() for request in requests]
        names = [form.fingerprint(self._service) for form in forms]
        named = dict(zip(names, forms, strict=True))
        new = {name: form for name, form in named.items() if name not in self._tasks}
        rows = asyncio.ensure_future(self._written(new, run, rules))
        tasks = {name: self._tasks.of(name, self._buy(name, rows, rules)) for name in named}
        ended = await asyncio.gather(*map(asyncio.shield, tasks.values()), return_exceptions=True)
        jobs = dict(zip(tasks, ended, strict=True))
        return [jobs[name] for name in names]

    async def buy_again(self, job: Job, *, run: str, rules: SpendingRules) -> Job:
        """Submit an uncertain request once more, with the same idempotency key.

        Raises:
            InputError: the request is not uncertain; nothing was sent.
            SpendLimitError: nothing was sent.
            UncertainSubmitError: the request is still uncertain.
        """
        if job.state is not State.UNCERTAIN:
            raise InputError(
                f"This track is {job.state.value}, not uncertain, so there is nothing to buy again."
            )
        return await asyncio.shield(
            self._tasks.of(job.fingerprint, self._resubmit(job, rules, run))
        )

    async def idle(self) -> None:
        """Wait until no request is on its way."""
        await self._tasks.idle()

    async def _prices(self, requests: Sequence[MusicRequest]) -> list[float | None]:
        """The expected prices, from a model list that is at most `Timing.catalogue_age` old.

        A fetched list may have a lower price. It counts from the next purchase on, because the
        price line has shown the higher one.
        """
        if not requests:
            return []
        catalogue = self._models.catalogue
        read = functools.partial(expected_prices, catalogue, self._ledger, requests)
        shown = await off_loop(read)
        await self._models.renew()
        return [
            None if new.amount is None else max(new.amount, old.amount or 0.0)
            for old, new in zip(shown, await off_loop(read), strict=True)
        ]

    async def _written(
        self, requests: Mapping[str, MusicRequest], run: str, rules: SpendingRules
    ) -> dict[str, tuple[Job, bool] | GatewayError]:
        """As `_rows`; an error says that nothing was sent."""
        try:
            return await self._rows(requests, run, rules)
        except LedgerError as error:
            raise error.noting("Nothing was sent.") from error

    async def _rows(
        self, requests: Mapping[str, MusicRequest], run: str, rules: SpendingRules
    ) -> dict[str, tuple[Job, bool] | GatewayError]:
        """The rows of requests by fingerprint: an earlier purchase, a new row, or a refusal."""
        prices: dict[str, float | None] = {}
        refused: dict[str, GatewayError] = {}
        asked: dict[str, MusicRequest] = {}
        for name, request in requests.items():
            living = await off_loop(self._ledger.living, self._service, request)
            if living is not None and living.state.is_bought:
                # A living row needs no model list, so no request is sent.
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
        balance = await self._submits.balance(rules) if asked else None
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
        """The job of a row that another process took over because this process was cut off."""
        return await self._settled(await off_loop(self._ledger.get, job.local_id), rules)

    async def _settled(self, job: Job, rules: SpendingRules) -> Job:
        """The job of a live row that another call created. Waits for the end of that submit."""
        job = await self._submits.settled(job)
        if job.state is State.UNCERTAIN:
            return await self._repeat(job, rules, cause=None)
        if job.state.is_dead:
            raise job.as_error()
        return job

    def _sender(self, job: Job) -> Callable[..., Awaitable[JobRecord]]:
        return functools.partial(self._client.submit, job.request)

    async def _first_post(self, job: Job, rules: SpendingRules) -> Job | None:
        """The first submit. None: another process took the row over."""
        try:
            record = await self._submits.posted(job, self._sender(job))
        except GatewayError as error:
            if not error.may_have_been_charged:
                if not await self._submits.ended(job, state=State.FAILED, error=str(error)):
                    return None
                raise
            ended = await self._submits.ended(job, state=State.UNCERTAIN, error=str(error))
            return ended and await self._repeat(ended, rules, error)
        return record and await self._submits.written(job, record)

    async def _repeat(self, job: Job, rules: SpendingRules, cause: Exception | None) -> Job:
        """Submit an uncertain request once more, if the user allows it.

        If the gateway lists the first submit, there is no second one.
        """
        job = await self.lookups.find(job, is_new=cause is not None)
        if job.state is not State.UNCERTAIN:
            return await self._settled(job, rules)
        if job.is_listed or not _may_repeat(job, rules):
            raise uncertain(job) from cause
        return await self._resubmit(job, rules, run=None)

    async def _resubmit(self, job: Job, rules: SpendingRules, run: str | None) -> Job:
        """One more submit with the same idempotency key; `run` None: no check of the limits."""
        balance = None if run is None else await self._submits.balance(rules)
        taken = await off_loop(self._ledger.resubmit, job, run=run, rules=rules, balance=balance)
        if taken is None:
            return await self._others(job, rules)
        try:
            return await self._second_post(taken) or await self._others(job, rules)
        finally:
            self._ledger.release(taken)

    async def _second_post(self, job: Job) -> Job | None:
        """The second submit. None: another process took the row over."""
        try:
            record = await self._submits.posted(job, self._sender(job))
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


# Answers. An answer has no job to poll: it is in the reply to the POST, or it is lost.


class Answers:
    """The answers that one account buys. Lives in one event loop.

    Args:
        service: the name of the service in the ledger.
    """

    def __init__(self, service: str, ledger: Ledger, client: Client, timing: Timing) -> None:
        self._service = service
        self._ledger = ledger
        self._client = client
        self._submits = Submits(service, ledger, client, timing)
        self._tasks = Tasks(client)

    async def ask(self, question: AnyQuestion, *, run: str, rules: SpendingRules) -> Job:
        """The row of the question, with its `answer`: a stored one, or one that is bought now.

        A question that is under way goes on if the caller is cancelled: the ledger gets its answer.

        Raises:
            InputError, SpendLimitError, LedgerError: nothing was sent.
            UncertainSubmitError: no answer came; it may have been charged.
            GatewayError: the gateway refused the question; nothing was charged.
        """
        name = question.validated().fingerprint(self._service)
        return await asyncio.shield(self._tasks.of(name, self._bought(question, run, rules)))

    async def idle(self) -> None:
        """Wait until no question is on its way."""
        await self._tasks.idle()

    async def _bought(self, question: AnyQuestion, run: str, rules: SpendingRules) -> Job:
        price = 0.0 if is_free(self._service) else question.price
        try:
            living = await off_loop(self._ledger.living, self._service, question)
            balance = None if living is not None else await self._submits.balance(rules)
            priced, create = [(question, price)], self._ledger.create_all
            (made,) = await off_loop(
                create, self._service, priced, run=run, rules=rules, balance=balance
            )
        except LedgerError as error:
            raise error.noting("Nothing was sent.") from error
        if isinstance(made, GatewayError):
            raise made
        job, is_new = made
        if not is_new:
            return await self._settled(job, question, rules)
        try:
            return await self._asked(job, question, rules)
        finally:
            self._ledger.release(job)

    async def _settled(self, job: Job, question: AnyQuestion, rules: SpendingRules) -> Job:
        """The row of a question that another call asked."""
        job = await self._submits.settled(job)
        if job.state is State.UNCERTAIN:
            return await self._repeated(job, question, rules, None)
        if job.state.is_dead:
            raise job.as_error()
        return job

    async def _asked(self, job: Job, question: AnyQuestion, rules: SpendingRules) -> Job:
        """Ask; after a lost answer, ask once more if the user allows it."""
        send = functools.partial(self._client.ask, question)
        try:
            reply = await self._submits.posted(job, send)
        except GatewayError as error:
            charged = error.may_have_been_charged
            state = State.UNCERTAIN if charged or job.repeats else State.FAILED
            # A repeat that was refused cost nothing; the first question remains uncertain.
            repeats = job.repeats - (job.repeats > 0 and not charged)
            ended = await self._submits.ended(job, state=state, error=str(error), repeats=repeats)
            if state is State.FAILED:
                raise
            if job.repeats:
                raise uncertain(ended or job) from error
            if ended is not None:
                return await self._repeated(ended, question, rules, error)
            reply = None
        if reply is None:
            # Another process took the row over because this process was cut off.
            row = await off_loop(self._ledger.get, job.local_id)
            return await self._settled(row, question, rules)
        return await self._written(job, reply)

    async def _repeated(
        self, job: Job, question: AnyQuestion, rules: SpendingRules, cause: Exception | None
    ) -> Job:
        """Ask an uncertain question once more, if the user allows it."""
        if not _may_repeat(job, rules):
            raise uncertain(job) from cause
        taken = await off_loop(self._ledger.resubmit, job, run=None, rules=rules)
        if taken is None:
            row = await off_loop(self._ledger.get, job.local_id)
            return await self._settled(row, question, rules)
        try:
            return await self._asked(taken, question, rules)
        finally:
            self._ledger.release(taken)

    async def _written(self, job: Job, reply: Reply) -> Job:
        """Write the reply to the row. If the ledger cannot be written, the journal has it."""
        try:
            return await off_loop(self._ledger.complete, job, reply)
        except LedgerError as error:
            if await off_loop(self._ledger.write_to_journal, job, reply):
                return job._replace(state=State.COMPLETED, answer=reply.text)
            raise error.noting(
                "The answer was bought, and it could not be stored: the same question would be "
                "bought again."
            ) from error


def _may_repeat(job: Job, rules: SpendingRules) -> bool:
    """Whether an uncertain row may be sent a second time, by the limit of the user."""
    price = job.price if job.price or job.is_free else None
    return not job.repeats and price is not None and 0 < rules.uncertain_limit >= price


class Tasks:
    """The tasks of purchases by fingerprint. A fingerprint has one task, for all its callers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: dict[str, asyncio.Task[Job]] = {}

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._tasks

    def of(self, fingerprint: str, work: Coroutine[Any, Any, Job]) -> asyncio.Task[Job]:
        """The task of `fingerprint`, which runs `work` if there was none."""
        task = self._tasks.get(fingerprint)
        if task is not None:
            work.close()
            return task
        task = self._tasks[fingerprint] = asyncio.ensure_future(work)
        task.add_done_callback(functools.partial(self._ended, fingerprint))
        return task

    async def idle(self) -> None:
        """Wait until no task is left."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    def _ended(self, fingerprint: str, task: asyncio.Task[Job]) -> None:
        del self._tasks[fingerprint]
        self._client.retries.clear(fingerprint)
        # Read the exception, or asyncio logs it as never retrieved.
        if not task.cancelled():
            task.exception()


# The submit of one row: it is confirmed before it leaves, and its answer is written first of all.


class Submits:
    """The submits of one account. Lives in one event loop.

    This process owns each row. A method returns None if another process took the row over,
    because it thought this process dead.

    Args:
        service: the name of the service in the ledger.
    """

    def __init__(self, service: str, ledger: Ledger, client: Client, timing: Timing) -> None:
        self._service = service
        self._ledger = ledger
        self._client = client
        self._timing = timing

    async def balance(self, rules: SpendingRules) -> float | None:
        """The account's balance; None if the rules set no floor, or if the gateway does not say."""
        if not rules.minimum_balance or is_free(self._service):
            return None
        try:
            return parse_balance(await self._client.balance())
        except GatewayError:
            # Some gateways lack this route: the purchase goes on without the balance.
            return None

    async def settled(self, job: Job) -> Job:
        """The row that another call created, once its submit has ended."""
        while True:
            if job.state in (State.SUBMITTING, State.UNCERTAIN):
                job = await off_loop(self._ledger.read_from_journal, job)
            if job.state is not State.SUBMITTING:
                return job
            # If the owner ended between the POST and the answer, take the row over. If the owner
            # still waits for the answer, it keeps the row.
            if not await off_loop(self._ledger.compare_and_set, job, state=State.UNCERTAIN):
                await asyncio.sleep(self._timing.row_poll)
            job = await off_loop(self._ledger.get, job.local_id)

    async def ended(self, job: Job, **values: Any) -> Job | None:
        """Write columns of the row after a submit that brought no job id."""
        try:
            return await off_loop(self._ledger.end_submit, job, **values)
        except LedgerAwayError:
            self._ledger.peers.end_submit_later(job, **values)
            return job._replace(**values)

    async def posted(self, job: Job, send: Callable[..., Awaitable[T]]) -> T | None:
        """Submit with `send`; repeat while the error says that nothing was created.

        Args:
            send: takes `idempotency_key`, `confirm` and `about`, as `Client.submit`.
        """
        timing, clock = self._timing, self._client.clock
        give_up = clock() + timing.submit_patience
        away_until = math.inf
        attempt = 0
        while True:
            attempt += 1
            try:
                return await send(
                    idempotency_key=job.idempotency_key,
                    confirm=lambda: self._confirm(job),
                    about=job.fingerprint,
                )
            except _TakenOverError:
                return None
            except GatewayError as error:
                asked = getattr(error, "retry_after", None) or 0.0
                wait = max(asked, pause(attempt, timing.backoff, timing.backoff_max))
                if not isinstance(error, UnreachableError):
                    away_until = math.inf
                elif away_until == math.inf:
                    away_until = clock() + timing.away_patience
                if not _created_nothing(error) or clock() + wait >= min(give_up, away_until):
                    raise
                self._client.retries.note(job.fingerprint, error, wait)
            except Exception as error:
                # The request may have left, even if its answer caused an error here.
                raise NoAnswerError(
                    f"The gateway's answer cannot be read ({type(error).__name__}: {error})."
                ) from error
            await asyncio.sleep(wait)

    async def _confirm(self, job: Job) -> None:
        """Check the row at the last moment before a submit leaves."""
        try:
            is_ours = await off_loop(self._ledger.confirm, job)
        except LedgerError as error:
            raise error.noting("Nothing was sent.") from error
        if not is_ours:
            raise _TakenOverError

    async def written(self, job: Job, record: JobRecord) -> Job | None:
        """Write the job's id to the row, on the disk, before any other step."""
        try:
            return await off_loop(self._ledger.answered, job, record)
        except LedgerAwayError as error:
            await off_loop(self._ledger.peers.answer_later, job, record)
            return await self._written_later(job, record, error)
        except Exception as error:
            is_in_journal = await off_loop(self._ledger.write_to_journal, job, record)
            what_to_do = (
                "Its id is kept in the log beside the ledger: queue again once the ledger can be "
                "written."
                if is_in_journal
                else "Put its id into Poll Job once the ledger can be written."
            )
            known = error if isinstance(error, LedgerError) else LedgerError(str(error))
            raise known.noting(
                f"The job {record.id} was bought. {what_to_do}", job_id=record.id
            ) from error

    async def _written_later(
        self, job: Job, record: JobRecord, error: LedgerAwayError
    ) -> Job | None:
        """Write the row once the database is back; the gateway works on the job meanwhile."""
        clock = self._client.clock
        give_up = clock() + self._timing.blip_patience
        while await off_loop(self._ledger.peers.is_late, job.local_id):
            if clock() > give_up:
                raise error.noting(
                    f"The job {record.id} was bought; it is kept on this disk until the ledger can "
                    "be written, and its id is in the log.",
                    job_id=record.id,
                ) from error
            await asyncio.sleep(self._timing.row_poll)
        return await off_loop(self._ledger.by_job_id, self._service, record.id)


class _TakenOverError(Exception):
    """Another process has taken over the row of a submit that has not left."""


def _created_nothing(error: GatewayError) -> bool:
    return error.is_temporary and not error.may_have_been_charged


# Submits without an answer. A match in the gateway's lists proves the purchase. The absence of a
# match proves nothing: it is not documented how soon the gateway lists a charge.


class Lookups:
    """The lookups of one account. Lives in one event loop.

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

        Without a cost tag its id alone is looked up. Ends at once if the gateway has no such lists.

        Args:
            is_new: the submit left just now: look it up for `Timing.lookup_patience`. An old
                submit is looked up once.
        """
        tag = self._client.tag_of(job.idempotency_key)
        if job.is_listed:
            return job
        clock, wait = self._client.clock, self._timing.lookup_wait
        patience = self._timing.lookup_patience
        is_new = is_new or time.time() - job.created < patience
        give_up = clock() + (patience if is_new else 0.0)
        self.under_way += 1
        try:
            while True:
                charge = await self._listed(job, tag, max(give_up - clock(), wait))
                left = give_up - clock()
                if charge is not None:
                    return await self._written(job, charge)
                if left <= 0 or {_RECENT, _BY_TAG if tag else _RECENT} <= self._refused:
                    return job
                await asyncio.sleep(min(wait, left))
                wait *= 2
        finally:
            self.under_way -= 1

    async def _listed(self, job: Job, tag: str, patience: float) -> Charge | None:
        """The charge of the submit, after one read of each list. `tag` is "" if it had none."""
        recent = await self._read(_RECENT, self._client.recent_usage, patience)
        found = _try(lambda: charge_in_recent(recent, tag, job.idempotency_key, since=job.created))
        months = {time.strftime("%Y-%m", time.gmtime(at)) for at in (job.created, time.time())}
        for month in sorted(months):
            if found is None and tag:
                sums = await self._read(
                    _BY_TAG, lambda month=month: self._client.usage_by_tag(month), patience, month
                )
                found = _try(lambda sums=sums: charge_by_tag(sums, tag))
        return found

    async def _read(
        self, route: str, read: Callable[[], Awaitable[object]], patience: float, of: str = ""
    ) -> object:
        """The list; empty if no answer came. Lookups at about the same time share one answer."""
        if route in self._refused:
            return []
        name, now = f"{route} {of}", self._client.clock()
        began, task = self._reads.get(name, (0.0, None))
        if task is None or (task.done() and now - began > self._timing.lookup_wait / 2):
            task = asyncio.ensure_future(read())
            # Read the exception, or asyncio logs it as never retrieved.
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
            # The next call for this row finds the charge again.
            return job._replace(**found)
        # If another process changed the row first, its values count.
        return written or await off_loop(self._ledger.get, job.local_id)


_RECENT, _BY_TAG = "recent", "by-tag"


def _try(read: Callable[[], Charge | None]) -> Charge | None:
    try:
        return read()
    except GatewayError:
        # A list that cannot be read proves nothing either.
        return None


def uncertain(job: Job) -> UncertainSubmitError:
    """The error of a submit without an answer: whether it was charged, and what to do."""
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
    often = " once, or twice where the gateway ignores the key" if job.repeats else ""
    is_track = job.kind == MUSIC
    thing, sent = ("track", "request") if is_track else ("answer", "question")
    what_to_do = (
        "Check AIgateway's dashboard. If the job is there, pick it up with its id in Poll Job. If "
        "not, press Buy again in the Music tab, or set another take. The pack does not send the "
        "request again by itself."
        if is_track
        else "The pack does not ask it again by itself: change the question, or choose the node's "
        "other method."
    )
    return UncertainSubmitError(
        f"It is not known whether this {thing} was bought{again}. The {sent} was sent, and no "
        f"readable answer came{cause}. It may have been charged with {dollars(job.price)}{often}. "
        f"{what_to_do}",
        local_id=job.local_id,
    )
