"""The worker: buys tracks until it is killed. Its diary says what a person was told."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from ....api.account import Account
from ....api.base.errors import (
    JobFailedError,
    LedgerError,
    NoAnswerError,
    SpendLimitError,
    UncertainSubmitError,
    UnreachableError,
    WaitTimeoutError,
)
from ....api.base.request import MusicRequest
from ....api.farm.bucket import Bucket
from ....api.farm.shared_addresses import LedgerUrl, StoreUrl
from ....api.library import Library
from ....api.media.stored_tracks import Stored
from ....api.money.job import Job, State
from ....api.money.ledger import Ledger
from ....api.settings import Mode, Settings
from ....api.wire.addresses import AllowedHosts
from ....api.wire.key import ApiKey
from ... import sandbox_process
from ..client import Moments
from ..plan import Diary
from . import mutants
from .mutants import put
from .plan import KEY, SERVICE, TIMING, Plan, number_of, prompt, real_time

ANY = "any moment"
AGAIN = 0.2
"""Seconds until a person queues a graph again that has failed."""
# JobFailedError: another worker was refused by its ledger, and nothing was sent.
_AGAIN = (JobFailedError, LedgerError, NoAnswerError, UnreachableError, WaitTimeoutError)


def work(plan: Plan) -> None:
    """Do what the plan says, in this process."""
    log = os.open(plan.path / f"log-{plan.slot}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.INFO, force=True)
    time.time = lambda: real_time() + plan.skew
    mutants.plant(plan.bug)
    watch_rows(plan)
    moments = FarmMoments(plan)
    if plan.moment is not None:
        moments.watch()
    asyncio.run(Worker(plan).work())
    if plan.moment == "":
        (plan.path / "moments").write_text(json.dumps(moments.counts), encoding="utf-8")


class Worker:
    """Asks for several tracks at once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._diary = Diary(plan.path)
        self._settings = replace(settings_with(plan.store_url), spend_limit_per_day=plan.limit)

    async def work(self) -> None:
        opened = await self._patiently(lambda: asyncio.to_thread(self._open))
        self._library, self._account = opened
        numbers = self._numbers()
        await asyncio.gather(*(self._buy(numbers) for _ in range(self._plan.at_once)))
        self._account.close()
        self._library.close()

    def _open(self) -> tuple[Library, Account]:
        plan = self._plan
        url = LedgerUrl(plan.ledger_url, "the soak")
        library = Library(Path(plan.data), TIMING, ledger_url=url)
        key = ApiKey(KEY, "the soak")
        return library, Account(SERVICE, plan.base_url, key, library, TIMING)

    def _numbers(self) -> Iterator[int]:
        plan, slot = self._plan, self._plan.slot
        if plan.only:
            yield from plan.only
            return
        asked = [int(line) for line in self._diary.read(f"asked-{slot}")]
        given = {int(line.split()[0]) for line in self._diary.read(f"given-{slot}")}
        yield from (number for number in asked if number not in given)
        for index in count(len(asked) + 1):
            if plan.upto is not None and index > plan.upto:
                return
            number = plan.number(index)
            self._diary.write(f"asked-{slot}", str(number))
            yield number

    async def _buy(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            job = await self._patiently(lambda number=number: self._track(number))
            self._diary.write(f"given-{self._plan.slot}", f"{number} {job.local_id} {job.job_id}")

    async def _track(self, number: int) -> Job:
        job = await self._bought(number)
        done = await self._account.wait(job, timeout=60.0, progress=lambda progress: None)
        kept = await load(self._account, done, self._settings)
        if kept is not None and kept.unsent:
            self._diary.write("unsent", f"{number} {kept.unsent}")
        return done

    async def _patiently(self, call: Callable[[], Any]) -> Any:
        """Queue again while the error says that this helps."""
        while True:
            try:
                return await call()
            except SpendLimitError as error:
                self._diary.write("refused", f"{real_time()} {self._plan.limit} {error}")
            except _AGAIN as error:
                logging.info("queued again: %s", error)
            await asyncio.sleep(AGAIN)

    async def _bought(self, number: int) -> Job:
        for take in count(1):
            request = MusicRequest(prompt(number), 5.0, format="wav", take=take)
            try:
                return await self._account.submit(request, self._settings, run=f"{os.getpid()}")
            except UncertainSubmitError:
                self._diary.write("reported", f"{number} {take}")
                ledger = self._library.ledger
                row = await asyncio.to_thread(ledger.living, SERVICE, request)
                # Meanwhile another worker may have asked the dashboard.
                key = request.fingerprint(SERVICE)[:40]
                found = await asyncio.to_thread(self._in_the_dashboard, key)
                if row is not None and row.job_id:
                    return row
                if found is not None:
                    return await self._account.pick_up(found)
        raise AssertionError("there is always another take")

    def _in_the_dashboard(self, key: str) -> str | None:
        jobs = bill(self._plan.base_url)["jobs"]
        return next((job["id"] for job in jobs if job["key"].startswith(key)), None)


def settings_with(store_url: str) -> Settings:
    return Settings(
        mode=Mode.LIVE,
        store_url=StoreUrl(store_url, "the soak"),
        spend_limit_per_run=1e6,
        # The gateway's own address in its answers; a worker knows that of a proxy.
        allow_hosts=AllowedHosts.parse("127.0.0.1"),
    )


async def load(account: Account, job: Job, settings: Settings) -> Stored | None:
    """Load and keep the track of a job; None where it was kept already."""
    audio = await account.open(job.result_url or "", settings)
    with audio.reader:
        if audio.download is None:
            return None
        await account.download(audio)
        return await account.store(audio, settings)


def bill(base_url: str) -> dict[str, Any]:
    """As `sandbox_process.bill`, with the key."""
    url = f"{base_url.removesuffix('/v1')}/sandbox/bill"
    return json.loads(sandbox_process.get(url, key=KEY))


def watch_rows(plan: Plan) -> None:
    """Note each row that the ledger has acknowledged, and the rows that are taken over."""
    diary = Diary(plan.path)
    create_all, compare_and_set = Ledger.create_all, Ledger.compare_and_set
    end_submit = Ledger.end_submit

    def created(ledger: Ledger, *values: Any, **options: Any) -> Any:
        made = create_all(ledger, *values, **options)
        for one in made:
            if isinstance(one, tuple) and one[1]:
                diary.write("known", f"{one[0].idempotency_key} {real_time()} {one[0].created}")
                if plan.stop_after_create:
                    diary.write("stopped", str(os.getpid()))
                    os.kill(os.getpid(), signal.SIGSTOP)
        return made

    def compared(ledger: Ledger, job: Job, **values: Any) -> Any:
        taken = compare_and_set(ledger, job, **values)
        if taken is not None and taken.state.value == "uncertain":
            diary.write("taken", f"{real_time()} {job.idempotency_key}")
        return taken

    def ended(ledger: Ledger, job: Job, **values: Any) -> Any:
        if values["state"] is State.UNCERTAIN:
            diary.write("doubted", f"{number_of(job.prompt)} {values['error']}")
        return end_submit(ledger, job, **values)

    put(Ledger, create_all=created, compare_and_set=compared, end_submit=ended)


class FarmMoments(Moments):
    """As `Moments`; the statements are those of psycopg."""

    def __init__(self, plan: Plan) -> None:
        logging.Handler.__init__(self, logging.DEBUG)
        self._setup(plan.moment, plan.left, plan.data)

    def reached(self, name: str) -> None:
        super().reached(name)
        if self._moment == ANY:
            super().reached(ANY)

    def watch(self) -> None:
        import psycopg

        self.watch_requests()
        execute = psycopg.Connection.execute
        watch = self

        def traced(connection: Any, query: Any, *values: Any, **options: Any) -> Any:
            watch.reached(f"SQL {bytes(query).split(maxsplit=1)[0].decode()}")
            return execute(connection, query, *values, **options)

        send = Bucket.put

        async def sent(bucket: Bucket, *values: Any) -> None:
            watch.reached("bucket PUT")
            await send(bucket, *values)

        put(psycopg.Connection, execute=traced)
        put(Bucket, put=sent)
