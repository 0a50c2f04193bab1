"""The ledger: written before money moves, shared by processes, and never wrong about dollars."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ...api.account import Account
from ...api.base.errors import LedgerError, SpendLimitError
from ...api.base.plain_text import dollars
from ...api.base.request import MusicRequest
from ...api.money.job import Job, State
from ...api.money.ledger import Ledger
from ...api.money.rows import Rows
from ...api.money.spending import SpendingRules
from ...api.settings import Settings
from ...sandbox.server import Sandbox
from ...scripts.lib import pack
from ..gateway import TIMING, account_on, rows_of, running
from ..ledgers import Address

PIANO = MusicRequest("piano", 5.0, format="wav")
ALIVE = [state for state in State if not state.is_dead]
DEAD = [state for state in State if state.is_dead]
NO_LIMITS = SpendingRules(per_run=1e9, per_day=1e9)


@pytest.fixture
def ledger(address: Address) -> Iterator[Ledger]:
    with contextlib.closing(address.ledger()) as ledger:
        yield ledger


@pytest.fixture
def account(sandbox: Sandbox, address: Address) -> Iterator[Account]:
    with account_on(sandbox, address.directory, ledger_url=address.url) as account:
        yield account


def begin(ledger: Ledger, request: MusicRequest = PIANO, **changes: Any) -> tuple[Job, bool]:
    options: dict[str, Any] = {"run": "run", "price": 0.001} | changes
    return ledger.create("test", request, **options)


class Buyers:
    """Processes that open the ledger, and ask for the same piece when they are told to."""

    _CODE = """
import asyncio, importlib, runpy, sys
from pathlib import Path

script, directory, base_url, url = sys.argv[1:]
root = runpy.run_path(script)["load"]().__name__
names = "account", "base.request", "base.timing", "farm.shared_addresses", "library", "settings"
api = {name: importlib.import_module(f"{root}.api.{name}") for name in names}
url = api["farm.shared_addresses"].LedgerUrl(url, "a test") if url else None
library = api["library"].Library(Path(directory), ledger_url=url)
timing = api["base.timing"].Timing(rate_limit=600).scaled(1 / 30)
account = api["account"].Account("test", base_url, None, library, timing)
print("ready", flush=True)
sys.stdin.readline()
request = api["base.request"].MusicRequest("piano", 5.0, format="wav")
job = asyncio.run(account.submit(request, api["settings"].Settings(), run="run"))
print(job.job_id, flush=True)
sys.stdin.readline()
"""

    def __init__(self, how_many: int, address: Address, base_url: str) -> None:
        script, directory = str(Path(pack.__file__)), str(address.directory)
        url = address.url.reveal() if address.url else ""
        command = [sys.executable, "-c", self._CODE, script, directory, base_url, url]
        pipe = subprocess.PIPE
        self.processes = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(how_many)
        ]

    def heard(self) -> list[str]:
        """The next line of each."""
        return [process.stdout.readline().strip() for process in self.processes if process.stdout]

    def go_on(self) -> None:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

    def __enter__(self) -> Buyers:
        return self

    def __exit__(self, *failure: object) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


# Before money moves


@pytest.mark.slow
async def test_a_request_is_on_the_disk_before_it_leaves(address: Address) -> None:
    """The gateway hangs with the POST in its hands; another process sees what is being asked."""
    arrived = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                if connection.recv(65536).startswith(b"POST"):
                    arrived.set()
                else:
                    connection.close()

        held: list[socket.socket] = []
        threading.Thread(target=hang, daemon=True).start()
        silent = Sandbox()
        silent.base_url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        with account_on(silent, address.directory, ledger_url=address.url) as account:
            waiting = asyncio.ensure_future(account.submit(PIANO, Settings(), run="run"))
            assert await asyncio.to_thread(arrived.wait, 30)
            query = "SELECT state, prompt, duration, job_id FROM jobs"
            seen = await asyncio.to_thread(address.seen, query)
            assert seen == [("submitting", "piano", 5.0, None)]
            waiting.cancel()
        server.shutdown(socket.SHUT_RDWR)
    for connection in held:
        connection.close()


def test_every_commit_is_synced(tmp_path: Path) -> None:
    pragmas = ("journal_mode", "synchronous")
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        values = [ledger.engine.execute(f"PRAGMA {name}")[0][0] for name in pragmas]
    assert values == ["wal", 2]


async def test_every_other_process_sees_the_job_id(account: Account, address: Address) -> None:
    job = await account.submit(PIANO, Settings(), run="run")
    assert address.seen("SELECT state, job_id FROM jobs") == [("queued", job.job_id)]


# One piece, one purchase


@pytest.mark.slow
def test_processes_that_ask_at_the_same_moment_buy_once(address: Address) -> None:
    with running() as sandbox, Buyers(3, address, sandbox.base_url) as buyers:
        assert buyers.heard() == ["ready"] * 3
        buyers.go_on()
        ids = buyers.heard()
        charged = [job["id"] for job in sandbox.bill()["jobs"]]
        assert charged == [ids[0]]
        assert ids == charged * 3
        assert sum(seen.method == "POST" for seen in sandbox.seen) == 1


def test_threads_that_ask_at_the_same_moment_get_one_row(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: begin(ledger), range(32)))
    assert sum(is_new for _, is_new in results) == 1
    assert len({job.local_id for job, _ in results}) == 1


async def test_two_accounts_on_one_ledger_buy_once(sandbox: Sandbox, address: Address) -> None:
    library = address.library()
    accounts = [Account("test", sandbox.base_url, None, library, TIMING) for _ in range(3)]
    jobs = await asyncio.gather(
        *(account.submit(PIANO, Settings(), run="run") for account in accounts)
    )
    assert len({job.job_id for job in jobs}) == 1
    assert sum(seen.method == "POST" for seen in sandbox.seen) == 1
    for account in accounts:
        account.close()
    library.close()


@pytest.mark.slow
@pytest.mark.parametrize("state", ALIVE)
def test_what_is_alive_is_not_bought_again(ledger: Ledger, state: State) -> None:
    job, _ = begin(ledger)
    ledger.update(job.local_id, state=state)
    again, is_new = begin(ledger, run="another run")
    assert (again.local_id, again.state, is_new) == (job.local_id, state, False)
    assert ledger.living("test", PIANO) == again


@pytest.mark.parametrize("state", DEAD)
def test_what_came_to_nothing_may_be_bought_again(ledger: Ledger, state: State) -> None:
    job, _ = begin(ledger)
    ledger.update(job.local_id, state=state)
    assert ledger.living("test", PIANO) is None
    again, is_new = begin(ledger)
    assert is_new
    assert (job.attempt, again.attempt) == (0, 1)
    # Otherwise a gateway that honours the key would hand out the failed job once more.
    assert again.idempotency_key != job.idempotency_key


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "organ"},
        {"duration": 6.0},
        {"lyrics": "la"},
        {"format": "mp3"},
        {"model": "other"},
        {"take": 2},
    ],
)
def test_every_input_makes_another_piece(ledger: Ledger, change: dict[str, Any]) -> None:
    first, _ = begin(ledger)
    second, is_new = begin(ledger, PIANO._replace(**change))
    assert is_new
    assert second.idempotency_key != first.idempotency_key


def test_another_service_makes_another_piece(ledger: Ledger) -> None:
    begin(ledger)
    assert ledger.create("other", PIANO, run="run", price=0.001)[1]


def test_a_row_survives_the_process(address: Address) -> None:
    with contextlib.closing(address.ledger()) as ledger:
        job, _ = begin(ledger, PIANO._replace(lyrics="ла 🎹 '; DROP TABLE jobs; --"))
        job = ledger.update(job.local_id, state=State.RUNNING, job_id="job_1")
    with contextlib.closing(address.ledger()) as ledger:
        assert ledger.get(job.local_id) == job
        assert ledger.by_job_id("test", "job_1") == job


# Who works on a row


async def test_a_submit_that_broke_off_in_this_process_is_taken_up(
    account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Ledger.update

    def full(ledger: Ledger, local_id: str, **values: Any) -> Job:
        raise LedgerError("database or disk is full")

    monkeypatch.setattr(Ledger, "update", full)
    with pytest.raises(LedgerError, match=r"The job .* was bought"):
        await account.submit(PIANO, Settings(), run="run")
    monkeypatch.setattr(Ledger, "update", update)
    job = await account.submit(PIANO, Settings(), run="run")
    assert job.state.is_bought
    # The log beside a ledger of this machine has kept the id.
    assert job.repeats == (0 if account.library.ledger.engine.journal else 1)
    assert [charged["id"] for charged in sandbox.bill()["jobs"]] == [job.job_id]


def test_a_row_in_hand_is_not_to_be_had_until_it_is_let_go(ledger: Ledger) -> None:
    job, _ = begin(ledger)
    assert not ledger.compare_and_set(job, state=State.UNCERTAIN)
    ledger.release(job)
    assert ledger.compare_and_set(job, state=State.UNCERTAIN)
    assert ledger.get(job.local_id).state is State.UNCERTAIN


def test_a_row_is_claimed_by_one(address: Address, ledger: Ledger) -> None:
    job, _ = begin(ledger)
    uncertain = ledger.update(job.local_id, state=State.UNCERTAIN)
    with contextlib.closing(address.ledger()) as other:
        assert other.compare_and_set(uncertain, state=State.SUBMITTING, repeats=1)
        assert not ledger.compare_and_set(uncertain, state=State.SUBMITTING, repeats=1)
        assert ledger.get(job.local_id).owner == other.owner
        assert ledger.is_owned(ledger.get(job.local_id))


@pytest.mark.slow
def test_the_row_of_a_living_process_is_its_own_and_that_of_a_killed_one_is_not(
    tmp_path: Path,
) -> None:
    with (
        contextlib.closing(Ledger(tmp_path)) as ledger,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        base_url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with Buyers(1, Address(tmp_path), base_url) as buyers:
            assert buyers.heard() == ["ready"]
            # A catalogue of today, so that the first request is the submit.
            catalogue = {"service": "test", "fetched": time.time(), "models": []}
            (tmp_path / "catalogue.json").write_text(json.dumps(catalogue))
            buyers.go_on()
            connection, _ = silent.accept()
            assert connection.recv(4) == b"POST"
            job = ledger.living("test", PIANO)
            assert job is not None
            assert job.state is State.SUBMITTING
            assert ledger.is_owned(job)
            assert not ledger.compare_and_set(job, state=State.UNCERTAIN)
        connection.close()
        assert not ledger.is_owned(job)
        assert ledger.compare_and_set(job, state=State.UNCERTAIN)


@pytest.mark.slow
def test_the_lock_file_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    owners = tmp_path / "owners"
    with running() as sandbox, Buyers(1, Address(tmp_path), sandbox.base_url) as buyers:
        assert buyers.heard() == ["ready"]
        (killed,) = owners.iterdir()
    assert killed.exists()
    with contextlib.closing(Ledger(tmp_path)) as one, contextlib.closing(Ledger(tmp_path)) as two:
        assert {path.stem for path in owners.iterdir()} == {one.owner, two.owner}
    assert list(owners.iterdir()) == []


# SpendingRules


def test_all_takes_of_a_run_count_together(ledger: Ledger) -> None:
    limits = SpendingRules(per_run=0.003, per_day=10.0)
    for take in (1, 2, 3):
        begin(ledger, PIANO._replace(take=take), rules=limits)
    with pytest.raises(SpendLimitError, match=r"\$0\.001.*this run.*\$0\.003.*spend_limit_per_run"):
        begin(ledger, PIANO._replace(take=4), rules=limits)
    assert ledger.living("test", PIANO._replace(take=4)) is None
    assert begin(ledger, PIANO._replace(take=4), rules=limits, run="the next run")[1]


def test_all_runs_of_a_day_count_together(ledger: Ledger) -> None:
    limits = SpendingRules(per_run=10.0, per_day=0.002)
    jobs = [
        begin(ledger, PIANO._replace(take=take), rules=limits, run=f"run {take}")[0]
        for take in (1, 2)
    ]
    third = PIANO._replace(take=3)
    with pytest.raises(SpendLimitError, match=r"24 hours.*spend_limit_per_day"):
        begin(ledger, third, rules=limits, run="run 3")
    ledger.update(jobs[0].local_id, created=time.time() - 24 * 3600 - 1)
    assert begin(ledger, third, rules=limits, run="run 3")[1]


def test_a_price_equal_to_the_limit_is_within_it_however_the_sum_is_rounded(
    ledger: Ledger,
) -> None:
    limits = SpendingRules(per_run=1.0, per_day=1.0)
    for take in range(10):
        begin(ledger, PIANO._replace(take=take), price=0.1, rules=limits)
    with pytest.raises(SpendLimitError):
        begin(ledger, PIANO._replace(take=10), price=0.0001, rules=limits)


def test_what_came_to_nothing_leaves_room(ledger: Ledger) -> None:
    limits = SpendingRules(per_run=0.001, per_day=0.001)
    job, _ = begin(ledger, rules=limits)
    ledger.update(job.local_id, state=State.FAILED)
    assert begin(ledger, rules=limits)[1]


def test_what_is_alive_is_handed_out_above_any_limit(ledger: Ledger) -> None:
    job, _ = begin(ledger)
    assert begin(ledger, rules=SpendingRules(0.0, 0.0))[0] == job


def test_processes_share_the_limit_of_a_day(address: Address, ledger: Ledger) -> None:
    limits = SpendingRules(per_run=10.0, per_day=0.001)
    begin(ledger, rules=limits)
    with (
        contextlib.closing(address.ledger()) as other,
        pytest.raises(SpendLimitError, match="24 hours"),
    ):
        begin(other, PIANO._replace(take=2), rules=limits, run="another")


def test_the_last_track_of_a_model_says_what_it_cost(ledger: Ledger) -> None:
    def add(take: int, created: float, **values: Any) -> None:
        job, _ = begin(ledger, PIANO._replace(take=take), price=values.pop("price", 6.0))
        ledger.update(job.local_id, created=created, **values)

    def last() -> tuple[float, float] | None:
        return ledger.last_cost("test", PIANO.model)

    assert last() is None
    add(1, 100.0, state=State.COMPLETED, charged=3.0)
    assert last() == (PIANO.duration, 3.0)
    add(2, 200.0, state=State.QUEUED)
    assert last() == (PIANO.duration, 6.0)
    # Nothing is known of the price of these.
    add(3, 300.0, state=State.FAILED, charged=0.0)
    add(4, 400.0, state=State.QUEUED, price=None)
    assert last() == (PIANO.duration, 6.0)
    add(5, 500.0, state=State.CANCELLED, charged=9.0)
    assert last() == (PIANO.duration, 9.0)
    assert ledger.last_cost("test", "another") is ledger.last_cost("other", PIANO.model) is None


def test_a_track_under_way_is_taken_off_the_balance_at_its_price(ledger: Ledger) -> None:
    for take, price in enumerate([0.5, None, 0.0]):
        begin(ledger, PIANO._replace(take=take), price=price)
    dead, _ = begin(ledger, PIANO._replace(take=9), price=0.25)
    ledger.update(dead.local_id, state=State.FAILED)
    assert ledger.pending("test", 2.0) == 4.5


async def test_an_unknown_price_is_over_every_limit(account: Account, sandbox: Sandbox) -> None:
    unknown = PIANO._replace(model="fal-ai/stable-audio-25/text-to-audio")
    rich = Settings(spend_limit_per_run=1e9, spend_limit_per_day=1e9)
    with pytest.raises(SpendLimitError, match=r"not known.*allow_unknown_price.*Nothing was sent"):
        await account.submit(unknown, rich, run="run")
    assert rows_of(account) == []
    assert not any(seen.method == "POST" for seen in sandbox.seen)


# Dollars


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "state": st.sampled_from(list(State)),
            "price": st.one_of(st.none(), st.floats(0, 24)),
            "charged": st.one_of(st.none(), st.floats(0, 24)),
            "repeats": st.integers(0, 1),
            "run": st.sampled_from(["run 1", "run 2"]),
            "age": st.sampled_from([0.0, 7200.0]),
        }
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=ROWS)
def test_spent_is_what_was_or_may_have_been_charged(
    address: Address, rows: list[dict[str, Any]]
) -> None:
    now = time.time()

    def cost(row: dict[str, Any]) -> float:
        if row["state"].is_dead:
            return row["charged"] or 0.0
        # Once it has completed the charge is known; until then the price stands for it.
        known = row["price"] or 0.0 if row["charged"] is None else row["charged"]
        return known + row["repeats"] * (row["price"] or 0.0)

    with contextlib.closing(address.ledger()) as ledger:
        for job in ledger.page(limit=1000)[0]:
            ledger.engine.write(functools.partial(Rows(ledger.engine).delete, job.local_id))
        for take, row in enumerate(rows):
            job, _ = begin(ledger, PIANO._replace(take=take), price=row["price"], run=row["run"])
            values = {name: row[name] for name in ("state", "charged", "repeats")}
            ledger.update(job.local_id, created=now - row["age"], **values)
        assert ledger.spent(since=0) == pytest.approx(sum(map(cost, rows)))
        recent = [row for row in rows if row["age"] == 0]
        assert ledger.spent(since=now - 60) == pytest.approx(sum(map(cost, recent)))
        of_run = [row for row in rows if row["run"] == "run 1"]
        assert ledger.spent(since=0, run="run 1") == pytest.approx(sum(map(cost, of_run)))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "an unknown price"),
        (0.0, "$0.00"),
        (0.006, "$0.006"),
        (0.05, "$0.05"),
        (2e-5, "less than $0.0001"),
        (24, "$24.00"),
    ],
)
def test_dollars_for_people(amount: float | None, text: str) -> None:
    assert dollars(amount) == text


# Finding rows


def test_every_address_that_a_track_had_leads_to_its_job(ledger: Ledger) -> None:
    job, _ = begin(ledger)
    for url in ("https://media.test/1", "https://media.test/2"):
        job = ledger.update(job.local_id, result_url=url)
    assert ledger.by_url("https://media.test/1") == ledger.by_url("https://media.test/2") == job
    assert ledger.by_url("https://media.test/3") is None


def test_a_job_known_by_its_id_gets_one_row_for_good(ledger: Ledger) -> None:
    job = ledger.adopt("test", "job_1")
    assert ledger.adopt("test", "job_1") == job
    assert ledger.adopt("other", "job_1") != job


def test_a_job_that_was_bought_here_is_not_adopted_twice(ledger: Ledger) -> None:
    job, _ = begin(ledger)
    job = ledger.update(job.local_id, job_id="job_1", state=State.QUEUED)
    assert ledger.adopt("test", "job_1") == job


def test_a_page_is_newest_first_and_can_be_paged(ledger: Ledger) -> None:
    jobs = [begin(ledger, PIANO._replace(take=take))[0] for take in range(5)]
    for age, job in enumerate(jobs):
        ledger.update(job.local_id, created=1e9 - age)
    takes = [job.take for job in ledger.page(limit=2, offset=1)[0]]
    assert takes == [1, 2]


def test_run_times_are_those_of_completed_jobs_of_the_model(ledger: Ledger) -> None:
    def add(take: int, **values: Any) -> None:
        job, _ = begin(ledger, PIANO._replace(take=take))
        ledger.update(job.local_id, **values)

    add(1, state=State.COMPLETED, took=10.0, finished=1.0)
    add(2, state=State.COMPLETED, took=20.0, finished=2.0)
    add(3, state=State.COMPLETED, took=None, finished=3.0)
    add(4, state=State.FAILED, took=5.0, finished=4.0)
    assert ledger.run_times("test", PIANO.model) == [(5.0, 20.0), (5.0, 10.0)]
    assert ledger.run_times("test", "other") == []


def test_a_row_that_is_not_there_is_a_key_error(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        ledger.get("nobody")
    with pytest.raises(KeyError):
        ledger.update("nobody", state=State.QUEUED)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prompt", "search"),
    [
        ("Ärger im Büro", "ärger BÜRO"),
        ("ГРОЗА над морем", "гроза МОРЕМ"),  # noqa: RUF001
        ("ΟΔΟΣ", "οδος"),
        ("οδός", "ΟΔΌΣ"),
        ("Große Straße", "STRASSE"),
        ("caf\u00e9", "CAFE\u0301"),
        ("cafe\u0301", "CAF\u00c9"),
        ("İstanbul", "i̇stanbul"),
        ("ＲＯＣＫ", "rock"),  # noqa: RUF001
        ("ﬁesta", "FIESTA"),
        ("ԲԱՐԵՒ", "բարեւ"),
        ("100% piano_solo", "100% PIANO_"),
    ],
)
def test_a_search_minds_no_case_of_any_alphabet(ledger: Ledger, prompt: str, search: str) -> None:
    job, _ = begin(ledger, PIANO._replace(prompt=prompt))
    begin(ledger, PIANO._replace(prompt="something else, 1000 pianos solo"))
    assert ledger.page(search, limit=10)[:2] == ([job], 1)


# The file


def test_processes_that_make_the_ledger_at_the_same_moment_make_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ledgers = list(pool.map(lambda _: Ledger(tmp_path / "new"), range(8)))
    job, _ = begin(ledgers[0])
    assert [ledger.get(job.local_id) for ledger in ledgers] == [job] * 8
    for ledger in ledgers:
        ledger.close()
