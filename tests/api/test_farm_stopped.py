"""A worker of a farm that is stopped for longer than its lease, and then goes on (SIGSTOP)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from ...api.account import Account
from ...api.base.errors import GatewayError
from ...api.base.request import MusicRequest
from ...api.farm.shared_addresses import LedgerUrl
from ...api.library import Library
from ...api.money.job import State
from ...api.money.ledger import Ledger
from ...api.settings import Settings
from ...api.wire.key import ApiKey
from ...sandbox.profile import Dialect, Profile
from ...scripts.lib import pack
from ..gateway import SCALE, TIMING, rows_of, running
from ..ledgers import new_schema
from ..soak.farm.mutants import put

pytestmark = [
    pytest.mark.slow,
    pytest.mark.farm,
    pytest.mark.skipif(sys.platform != "linux", reason="a process is stopped and goes on"),
]

PIANO = MusicRequest("piano", 5.0, format="wav")
# A lease of 1.5 s; a submit leaves and is answered, or is given up, within it.
TIMES = TIMING._replace(answer_timeout=0.6, connect_timeout=0.6, beat=0.2, lease=1.5)
# No submit whose fate is unknown is sent again.
SETTINGS = Settings(uncertain_limit=0.0)
KEY = "sk-aig-canary-0123456789abcdef"
START = """
import json, runpy, sys
runpy.run_path(sys.argv[1])["load"]()
from aigateway_music.tests.api.test_farm_stopped import work
work(*json.loads(sys.argv[2]))
"""


def account_of(directory: str, base_url: str, ledger_url: str) -> Account:
    library = Library(Path(directory), TIMES, ledger_url=LedgerUrl(ledger_url, "a test"))
    return Account("test", base_url, ApiKey(KEY, "a test"), library, TIMES)


def work(directory: str, base_url: str, ledger_url: str, stops: bool) -> None:
    """The worker: submits one request. If it `stops`, it does so when its row is written.

    It prints the outcome, and after it each late write that the ledger refused.
    """
    create_all = Ledger.create_all
    refused: list[str] = []

    def created(ledger: Ledger, *values: Any, **options: Any) -> Any:
        made = create_all(ledger, *values, **options)
        os.kill(os.getpid(), signal.SIGSTOP)
        return made

    def noted(name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*values: Any, **options: Any) -> Any:
            taken = write(*values, **options)
            if not taken:
                refused.append(name)
            return taken

        return noting

    if stops:
        put(Ledger, create_all=created)
    for name in ("answered", "confirm", "end_submit"):
        put(Ledger, **{name: noted(name, getattr(Ledger, name))})
    account = account_of(directory, base_url, ledger_url)
    try:
        job = asyncio.run(account.submit(PIANO, SETTINGS, run="worker"))
        outcome = job.job_id or job.state.value
    except GatewayError as error:
        outcome = type(error).__name__
    print(json.dumps({"outcome": outcome, "refused": refused}))
    account.close()
    account.library.close()


class Relay:
    """Passes requests on to a gateway; it can hold the answer to a submit."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway.removesuffix("/v1")
        self.holds = False
        self.has_answer, self.may_answer = asyncio.Event(), asyncio.Event()
        self.submits = 0

    async def answer(self, request: web.Request) -> web.Response:
        is_submit = request.method == "POST" and request.path == "/v1/audio/music"
        self.submits += is_submit
        headers = {
            name: value
            for name, value in request.headers.items()
            if name in ("Authorization", "Content-Type", "Idempotency-Key")
        }
        async with (
            ClientSession() as session,
            session.request(
                request.method,
                self._gateway + request.path_qs,
                data=await request.read(),
                headers=headers,
            ) as answer,
        ):
            content = await answer.read()
        if is_submit and self.holds:
            self.holds = False
            self.has_answer.set()
            await self.may_answer.wait()
        kind = answer.headers.get("Content-Type", "application/json").partition(";")[0]
        return web.Response(status=answer.status, body=content, content_type=kind)


@contextlib.asynccontextmanager
async def relayed(gateway: str) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay(gateway)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", relay.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield relay, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        relay.may_answer.set()
        await runner.cleanup()


def started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def stopped(process: subprocess.Popen[str]) -> None:
    """Wait until the process is stopped; it is not reaped."""
    wait = os.WSTOPPED | os.WNOWAIT | os.WEXITED
    status = await asyncio.to_thread(os.waitid, os.P_PID, process.pid, wait)
    assert status is not None
    assert status.si_code == os.CLD_STOPPED, process.communicate()


@pytest.mark.parametrize("honours", [True, False], ids=["idempotent", "not idempotent"])
@pytest.mark.parametrize("moment", ["before its submit leaves", "while its answer is on the way"])
async def test_a_worker_that_wakes_after_its_lease_buys_nothing_and_writes_nothing(
    postgres: str, tmp_path: Path, moment: str, honours: bool
) -> None:
    profile = Profile(dialect=Dialect(honours_idempotency_key=honours)).scaled(SCALE)
    url = new_schema(postgres).reveal()
    before = moment.startswith("before")
    with running(profile) as gateway:
        async with relayed(gateway.base_url) as (relay, base_url):
            relay.holds = not before
            given = json.dumps([str(tmp_path / "worker"), base_url, url, before])
            command = [sys.executable, "-c", START, str(pack.__file__), given]
            worker = started(command)
            try:
                if not before:
                    await relay.has_answer.wait()
                    worker.send_signal(signal.SIGSTOP)
                await stopped(worker)
                other = account_of(str(tmp_path / "other"), base_url, url)
                with contextlib.closing(other), contextlib.closing(other.library):
                    # It waits until the lease of the stopped worker is over.
                    outcome: Any = await asyncio.gather(
                        other.submit(PIANO, SETTINGS, run="other"),
                        return_exceptions=True,
                    )
                    (mine,) = rows_of(other)
                    bought = gateway.bill()["jobs"]
                    worker.send_signal(signal.SIGCONT)
                    relay.may_answer.set()
                    said, _ = await asyncio.to_thread(worker.communicate)
                    report = json.loads(said)
                    rows = rows_of(other)
            finally:
                worker.kill()
                worker.wait()
                if worker.stdout is not None:
                    worker.stdout.close()
    assert gateway.bill()["jobs"] == bought
    assert len(bought) == (0 if before else 1)
    # The write of the worker is refused: the row is as the other process wrote it.
    assert report["refused"], (report, outcome)
    (row,) = [row for row in rows if row.local_id == mine.local_id]
    assert (row.state, row.job_id, row.owner) == (mine.state, mine.job_id, mine.owner)
    assert {row.job_id for row in rows if row.job_id} <= {job["id"] for job in bought}
    assert sum(row.state is not State.UNCERTAIN for row in rows) <= 1
