"""A ledger in PostgreSQL: away, cut off, in doubt; never silent about it, never loud with keys."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ...api.account import Account
from ...api.base.errors import LedgerAwayError, LedgerError, SettingsError, SpendLimitError
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.farm.farm import OUTBOX, Farm
from ...api.farm.shared_addresses import LedgerUrl
from ...api.money.job import Job, State
from ...api.money.ledger import Ledger
from ...api.money.rows import Rows
from ...api.money.spending import SpendingRules
from ...api.money.sqlite import FILE_NAME
from ...api.settings import Settings, load, write
from ...api.wire.key import ApiKey
from ...api.wire.protocol import JobRecord, JobStatus, Model
from ...sandbox.server import Sandbox
from ..gateway import TIMING, account_on
from ..ledgers import Address, new_schema
from ..postgres_server import free_port

pytestmark = [pytest.mark.slow, pytest.mark.farm]

PIANO = MusicRequest("piano", 5.0, format="wav")
QUICK = Timing(ledger_patience=0.2)


@pytest.fixture
def address(postgres: str, tmp_path: Path) -> Address:
    return Address(tmp_path, new_schema(postgres))


@pytest.fixture
def ledger(address: Address) -> Iterator[Ledger]:
    with contextlib.closing(address.ledger(QUICK)) as ledger:
        yield ledger


def begin(ledger: Ledger, request: MusicRequest = PIANO) -> Job:
    return ledger.create("test", request, run="run", price=0.001)[0]


def silence(ledger: Ledger, silent: Ledger) -> None:
    """As if the process of `silent` had told nothing for longer than its lease."""
    forget = "UPDATE owners SET beat = beat - 1000 WHERE owner = ?"
    ledger.engine.write(lambda: ledger.engine.execute(forget, silent.owner))


def tidy(ledger: Ledger) -> None:
    assert isinstance(ledger.peers, Farm)
    ledger.peers.tidy()


def quick_account_on(
    sandbox: Sandbox, address: Address
) -> contextlib.AbstractContextManager[Account]:
    """An account whose ledger gives a database up at once that is away."""
    timing = TIMING._replace(ledger_patience=QUICK.ledger_patience)
    return account_on(sandbox, address.directory, timing=timing, ledger_url=address.url)


def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until `monkeypatch.undo()`, the database is away."""

    def refuse(*values: Any, **options: Any) -> Any:
        raise psycopg.OperationalError("the network is down")

    monkeypatch.setattr(psycopg.Connection, "execute", refuse)
    monkeypatch.setattr(psycopg, "connect", refuse)


def nowhere(password: str = "hunter2-canary") -> LedgerUrl:
    """An address where nobody listens."""
    return LedgerUrl(f"postgresql://me:{password}@127.0.0.1:{free_port()}/db", "a test")


# Not there, not allowed, not installed


def test_without_its_database_nothing_is_used_in_its_place(tmp_path: Path) -> None:
    url = nowhere()
    with pytest.raises(LedgerAwayError, match=r"127\.0\.0\.1:\d+/db .*Nothing was sent") as caught:
        Ledger(tmp_path, QUICK, Farm(url))
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert not (tmp_path / FILE_NAME).exists()


def test_a_wrong_password_is_said_at_once_and_not_shown(postgres: str, tmp_path: Path) -> None:
    head, _, tail = postgres.partition("@")
    wrong = f"{head.rpartition(':')[0]}:hunter2-canary@{tail}"
    patient = Timing(ledger_patience=3600.0)
    with pytest.raises(LedgerError, match="password authentication failed") as caught:
        Ledger(tmp_path, patient, Farm(LedgerUrl(wrong, "a test")))
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_an_address_that_the_driver_refuses_is_not_quoted(tmp_path: Path) -> None:
    url = LedgerUrl("postgresql://me:hunter2-canary@host/db?hunter3=1", "a test")
    with pytest.raises(LedgerError, match="cannot be read") as caught:
        Ledger(tmp_path, QUICK, Farm(url))
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_missing_package_is_one_sentence_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"pip install -r \S+requirements-farm\.txt") as caught:
        Ledger(tmp_path, QUICK, Farm(nowhere()))
    assert "Nothing was sent." in str(caught.value)


async def test_a_database_that_goes_away_buys_nothing(
    address: Address, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quick_account_on(sandbox, address) as account:
        await account.submit(PIANO, Settings(), run="run")
        away(monkeypatch)
        with pytest.raises(LedgerAwayError, match=r"network is down.*Nothing was sent"):
            await account.submit(PIANO._replace(take=2), Settings(), run="run")
        monkeypatch.undo()
    assert len(sandbox.bill()["jobs"]) == 1


def test_a_time_comes_back_as_it_was_written(ledger: Ledger) -> None:
    job = begin(ledger)
    moment = 1795597035.940627
    assert ledger.update(job.local_id, submitted=moment).submitted == moment


# One key


def test_another_key_is_refused_and_only_its_digest_is_stored(
    address: Address, ledger: Ledger
) -> None:
    ledger.peers.bind("live", ApiKey("sk-aig-first-canary", "a test"))
    ledger.peers.bind("live", ApiKey("sk-aig-first-canary", "a test"))
    with pytest.raises(LedgerError, match=r"another API key.*Nothing was sent"):
        ledger.peers.bind("live", ApiKey("sk-aig-second-canary", "a test"))
    ledger.peers.bind("sandbox", ApiKey("sk-aig-second-canary", "a test"))
    ((service, digest),) = address.seen("SELECT * FROM keys")
    assert service == "live"
    assert "canary" not in digest


async def test_an_account_with_another_key_stays_shut(address: Address, sandbox: Sandbox) -> None:
    with account_on(sandbox, address.directory, key="one-key", ledger_url=address.url) as account:
        library = account.library
        with pytest.raises(LedgerError, match="another API key"):
            Account("test", sandbox.base_url, ApiKey("two-keys", "a test"), library)


# Alive, dead and taken over


def test_a_process_that_tells_nothing_is_taken_over_and_its_submit_stops(address: Address) -> None:
    with (
        contextlib.closing(address.ledger()) as silent,
        contextlib.closing(address.ledger()) as other,
    ):
        job = begin(silent)
        assert silent.confirm(job)
        assert other.is_owned(job)
        silence(other, silent)
        assert not other.is_owned(job)
        taken = other.compare_and_set(job, state=State.UNCERTAIN)
        assert taken is not None
        assert taken.owner == other.owner
        assert not silent.confirm(job)
        assert silent.end_submit(job, state=State.FAILED, error="no") is None
        assert other.get(job.local_id).state is State.UNCERTAIN


def test_a_late_job_id_gets_a_row_that_is_counted(address: Address) -> None:
    with (
        contextlib.closing(address.ledger()) as silent,
        contextlib.closing(address.ledger()) as other,
    ):
        job = begin(silent)
        other.update(job.local_id, state=State.UNCERTAIN, owner=other.owner)
        assert silent.answered(job, JobRecord("job_late", JobStatus.QUEUED)) is None
        booked = other.by_job_id("test", "job_late")
        assert booked is not None
        assert (booked.state, booked.price, booked.prompt) == (State.QUEUED, 0.001, "piano")
        assert booked.local_id != job.local_id
        assert other.get(job.local_id).job_id is None
        assert other.spent() == pytest.approx(0.002)


def test_a_second_submit_of_the_same_row_fences_the_first(address: Address, ledger: Ledger) -> None:
    first = begin(ledger)
    uncertain = ledger.end_submit(first, state=State.UNCERTAIN, error="silent")
    assert uncertain is not None
    second = ledger.resubmit(uncertain, run="again", rules=None)
    assert second is not None
    assert not ledger.confirm(first)
    assert ledger.confirm(second)


def test_a_beat_that_is_heard_too_late_stops_the_submit(address: Address) -> None:
    slow = QUICK._replace(lease=90.0, answer_timeout=89.0, beat=10.0)
    with pytest.raises(LedgerAwayError, match="too late"):
        address.ledger(slow)


def test_a_row_that_nobody_submits_any_more_is_given_up(address: Address, ledger: Ledger) -> None:
    job = begin(ledger)
    tidy(ledger)
    with contextlib.closing(address.ledger()) as other:
        assert other.is_owned(other.get(job.local_id))
        ledger.release(job)
        tidy(ledger)
        assert not other.is_owned(other.get(job.local_id))


def test_a_process_that_ends_is_dead_at_once(address: Address, ledger: Ledger) -> None:
    other = address.ledger()
    job = begin(other)
    assert ledger.is_owned(job)
    other.close()
    assert not ledger.is_owned(job)


# Commits without an answer


@pytest.mark.parametrize("is_there", [True, False], ids=["committed", "lost"])
def test_a_commit_without_an_answer_is_made_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    execute = psycopg.Connection.execute
    cuts: list[str] = []

    def cut(connection: Any, query: Any, *values: Any, **options: Any) -> Any:
        if not query.endswith(b"COMMIT") or cuts:
            return execute(connection, query, *values, **options)
        cuts.append("COMMIT")
        if is_there:
            execute(connection, query, *values, **options)
        connection.close()
        raise psycopg.OperationalError("the connection was cut")

    monkeypatch.setattr(psycopg.Connection, "execute", cut)
    job, is_new = ledger.create("test", PIANO, run="run", price=0.001)
    assert cuts
    assert is_new
    assert ledger.page(limit=10)[:2] == ([job], 1)


async def test_an_id_that_cannot_be_written_is_on_the_disk_and_in_the_log_until_it_can(
    address: Address,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with quick_account_on(sandbox, address) as account:
        ledger = account.library.ledger
        answered, answer_later = ledger.answered, ledger.peers.answer_later
        written = threading.Event()

        def gone(job: Job, record: JobRecord) -> Any:
            away(monkeypatch)
            return answered(job, record)

        def write_down(job: Job, record: JobRecord) -> None:
            answer_later(job, record)
            written.set()

        ledger.answered, ledger.peers.answer_later = gone, write_down
        waiting = asyncio.ensure_future(account.submit(PIANO, Settings(), run="run"))
        folder = address.directory / OUTBOX
        assert await asyncio.to_thread(written.wait, 60)
        (charged,) = sandbox.bill()["jobs"]
        (file,) = folder.glob("*.json")
        assert json.loads(file.read_text())["job_id"] == charged["id"]
        assert any(
            charged["id"] in record.getMessage() and record.levelno >= logging.ERROR
            for record in caplog.records
        )
        ledger.answered = answered
        monkeypatch.undo()
        await asyncio.to_thread(tidy, ledger)
        job = await waiting
        assert (job.state, job.job_id, job.repeats) == (State.QUEUED, charged["id"], 0)
        assert not list(folder.glob("*.json"))


def test_an_id_that_a_dead_process_left_is_written_by_the_next(
    address: Address,
) -> None:
    with contextlib.closing(address.ledger()) as ledger:
        job = begin(ledger)
        ledger.peers.answer_later(job, JobRecord("job_1", JobStatus.QUEUED))
    with contextlib.closing(address.ledger()) as ledger:
        written = ledger.get(job.local_id)
        assert (written.state, written.job_id) == (State.QUEUED, "job_1")


def test_an_id_whose_row_is_gone_gets_a_row_and_stops_nothing(address: Address) -> None:
    with contextlib.closing(address.ledger()) as ledger:
        lost, kept = begin(ledger), begin(ledger, PIANO._replace(take=2))
        for number, job in enumerate((lost, kept)):
            ledger.peers.answer_later(job, JobRecord(f"job_{number}", JobStatus.QUEUED))
        ledger.engine.write(lambda: Rows(ledger.engine).delete(lost.local_id))
        tidy(ledger)
        found = [ledger.by_job_id("test", f"job_{number}") for number in range(2)]
        assert [job and job.state for job in found] == [State.QUEUED, State.QUEUED]
        assert found[1] is not None
        assert found[1].local_id == kept.local_id


def test_a_refusal_that_cannot_be_written_is_written_later(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = begin(ledger)
    ledger.peers.end_submit_later(job, state=State.FAILED, error="refused")
    ledger.release(job)
    assert ledger.is_owned(job)
    tidy(ledger)
    written = ledger.get(job.local_id)
    assert (written.state, written.error) == (State.FAILED, "refused")
    assert written.finished is not None


# What machines tell each other


def test_a_job_is_polled_by_one_and_then_by_another(address: Address, ledger: Ledger) -> None:
    job = begin(ledger)
    with contextlib.closing(address.ledger()) as other:
        assert ledger.peers.watch(job)
        assert ledger.peers.watch(job)
        assert not other.peers.watch(job)
        ledger.peers.unwatch(job)
        assert other.peers.watch(job)


async def test_two_machines_that_wait_for_a_job_poll_it_as_one(
    address: Address, sandbox: Sandbox, tmp_path: Path
) -> None:
    with (
        account_on(sandbox, address.directory, ledger_url=address.url) as one,
        account_on(sandbox, tmp_path / "two", ledger_url=address.url) as two,
    ):
        job = await one.submit(PIANO, Settings(), run="run")
        done = await asyncio.gather(
            *(
                account.wait(job, timeout=60, progress=lambda progress: None)
                for account in (one, two)
            )
        )
        assert {job.state for job in done} == {State.COMPLETED}
    assert sandbox.bill()["early_polls"] == 0


def test_the_model_list_is_fetched_by_one_for_all(
    address: Address, ledger: Ledger, tmp_path: Path
) -> None:
    library = address.library()
    library.catalogue("live").replace([Model("some/model", 0.5)])
    other = Address(tmp_path / "other", address.url).library()
    catalogue = other.catalogue("live")
    assert catalogue.age() > 1e9
    catalogue.share(oldest=3600.0)
    assert catalogue.age() < 60
    assert catalogue.prices([PIANO._replace(model="some/model")])[0].amount == 2.5
    library.close()
    other.close()


# The address is a secret


def test_the_address_shows_itself_nowhere() -> None:
    url = LedgerUrl("postgresql://me:p%40ss-canary@db.test:5433/music?sslmode=require", "a test")
    assert "canary" not in f"{url} {url!r} {url.shown} {url.digest} {Settings(ledger_url=url)}"
    assert url.shown == "db.test:5433/music"
    assert url.hide_in("bad p@ss-canary and p%40ss-canary") == "bad … and …"
    with pytest.raises(TypeError):
        pickle.dumps(url)


@pytest.mark.parametrize("text", ["mysql://me:canary@host/db", "canary", "postgresql:///db"])
def test_what_is_no_address_is_refused_without_being_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"AIGATEWAY_LEDGER_URL.*postgresql://") as caught:
        load(tmp_path, {"AIGATEWAY_LEDGER_URL": text})
    assert "canary" not in str(caught.value)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://me:pw@host/db\n")
    (tmp_path / "key").write_text("sk-aig-from-a-file\n")
    environ = {
        "AIGATEWAY_LEDGER_URL_FILE": str(tmp_path / "url"),
        "AIGATEWAY_API_KEY_FILE": str(tmp_path / "key"),
    }
    settings = load(tmp_path, environ)
    assert settings.ledger_url == LedgerUrl("postgresql://me:pw@host/db", "")
    assert settings.api_key is not None
    assert settings.api_key.reveal() == "sk-aig-from-a-file"
    environ["AIGATEWAY_LEDGER_URL_FILE"] = str(tmp_path / "nothing")
    with pytest.raises(SettingsError, match="AIGATEWAY_LEDGER_URL_FILE"):
        load(tmp_path, environ)


def test_the_address_can_be_written_to_the_settings_file_of_the_owner(tmp_path: Path) -> None:
    write(tmp_path, "ledger_url", "postgresql://me:pw@host/db")
    assert load(tmp_path, {}).ledger_url == LedgerUrl("postgresql://me:pw@host/db", "")


# Workers whose clocks differ


@pytest.mark.parametrize("ahead", [7200.0, -7200.0])
def test_clocks_two_hours_apart_take_over_no_row_and_count_in_one_limit(
    address: Address, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    true, rules = time.time, SpendingRules(per_run=10.0, per_day=1.0)
    with (
        contextlib.closing(address.ledger()) as there,
        contextlib.closing(address.ledger()) as here,
    ):
        with monkeypatch.context() as wrong:
            wrong.setattr(time, "time", lambda: true() + ahead)
            theirs, is_new = there.create("test", PIANO, run="a", price=0.6, rules=rules)
            assert is_new
            assert there.confirm(theirs)
        assert here.is_owned(theirs)
        assert here.compare_and_set(theirs, state=State.UNCERTAIN) is None
        assert here.create("test", PIANO, run="b", price=0.6, rules=rules) == (theirs, False)
        other = PIANO._replace(take=2)
        with pytest.raises(SpendLimitError):
            here.create("test", other, run="b", price=0.6, rules=rules)
        mine, _ = here.create("test", other, run="b", price=0.3, rules=rules)
        with monkeypatch.context() as wrong:
            wrong.setattr(time, "time", lambda: true() + ahead)
            assert there.compare_and_set(mine, state=State.UNCERTAIN) is None
            with pytest.raises(SpendLimitError):
                there.create("test", PIANO._replace(take=3), run="a", price=0.3, rules=rules)
