"""What a ledger loses is found, put back, and never bought again in silence.

Every fault is a real one of a real file. The rules that refuse spending are in `Ledger.create_all`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ...api.base.errors import DamagedLedgerError, GatewayError, LedgerError
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.library import Library
from ...api.money.job import Job, State
from ...api.money.journal import LOG_NAME, LOSS_NAME
from ...api.money.ledger import Ledger
from ...api.money.listing import Show, Sort
from ...api.money.rows import Rows, job_of
from ...api.money.spending import SpendingRules
from ...api.money.sqlite import FILE_NAME
from ...api.settings import Settings
from ...api.wire.protocol import JobRecord, JobStatus
from ...sandbox.server import Sandbox
from ..gateway import account_on
from .test_ledger_file import DAMAGES

pytestmark = pytest.mark.slow

PIANO = MusicRequest("calm piano", duration=20.0)
RULES = SpendingRules(per_run=100.0, per_day=100.0)
GARBAGE = b"my own notes, " * 1000


def take(number: int) -> MusicRequest:
    return PIANO._replace(take=number)


def buy(ledger: Ledger, number: int) -> Job:
    job, _ = ledger.create("test", take(number), run="run", price=0.001, rules=RULES)
    ledger.release(job)
    record = JobRecord(f"job_{number}", JobStatus.QUEUED)
    return ledger.apply(job.local_id, record, is_answer=True)


def bought(directory: Path, count: int = 12) -> list[Job]:
    """The rows of a new ledger, all of which have a job; the last one has a stored track."""
    with contextlib.closing(Ledger(directory)) as ledger:
        jobs = [buy(ledger, number) for number in range(1, count + 1)]
        done = JobRecord(
            jobs[-1].job_id or "", JobStatus.COMPLETED, "https://media.example/a.mp3", 20.0
        )
        ledger.apply(jobs[-1].local_id, done)
        jobs[-1] = ledger.update(jobs[-1].local_id, file="ab/track.mp3")
    return jobs


def spoil(directory: Path, change: Callable[[bytes], bytes]) -> None:
    path = directory / FILE_NAME
    path.write_bytes(change(path.read_bytes()))


def without_page_of(content: bytes, job: Job) -> bytes:
    """The file with zeros in place of the page that holds the row. Indexes have no services."""
    at = content.index(f"{job.local_id}{job.service}".encode()) // 4096 * 4096
    return content[:at] + bytes(4096) + content[at + 4096 :]


def rows_of(ledger: Ledger) -> list[Job]:
    return sorted(ledger.page(limit=1000)[0], key=lambda job: job.take)


def assert_nothing_is_bought_again(directory: Path, jobs: list[Job]) -> None:
    with contextlib.closing(Ledger(directory)) as ledger:
        assert rows_of(ledger) == jobs
        for job in jobs:
            living, is_new = ledger.create("test", job.request, run="run", price=0.001, rules=RULES)
            assert (living, is_new) == (job, False)


# What was lost


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_is_made_anew_of_the_log(tmp_path: Path, damage: str) -> None:
    jobs = bought(tmp_path)
    spoil(tmp_path, DAMAGES[damage])
    damaged = (tmp_path / FILE_NAME).read_bytes()
    assert_nothing_is_bought_again(tmp_path, jobs)
    (aside,) = tmp_path.glob("ledger.damaged-*.sqlite3")
    assert aside.read_bytes() == damaged


@pytest.mark.parametrize(
    "text",
    [
        b"jobs",
        b"CREATE TABLE jobs",
        b"fingerprint",
        b"PRIMARY KEY",
        b"finished",
        b"price DOUBLE PRECISION,",
    ],
)
@pytest.mark.parametrize("letter", [0, -1])
def test_broken_text_in_the_schema_is_damage(tmp_path: Path, text: bytes, letter: int) -> None:
    # SQLite's errors quote the schema, and Python reads no such error whose text is broken.
    jobs = bought(tmp_path)

    def broken(content: bytes) -> bytes:
        bad = bytearray(text)
        bad[letter] |= 0x80
        assert text in content
        return content.replace(text, bytes(bad))

    spoil(tmp_path, broken)
    assert_nothing_is_bought_again(tmp_path, jobs)


def test_of_a_broken_value_and_the_log_the_log_is_believed(tmp_path: Path) -> None:
    jobs = bought(tmp_path)

    def broken(content: bytes) -> bytes:
        return content.replace(b"job_7", b"job\xff7").replace(b"PRIMARY KEY", b"PRIMARY KE\xd9")

    spoil(tmp_path, broken)
    assert_nothing_is_bought_again(tmp_path, jobs)


@pytest.mark.parametrize("part", range(12))
def test_a_cut_ledger_is_made_anew_wherever_it_was_cut(tmp_path: Path, part: int) -> None:
    jobs = bought(tmp_path)
    spoil(tmp_path, lambda content: content[: len(content) * part // 12 + part])
    assert_nothing_is_bought_again(tmp_path, jobs)


def test_a_ledger_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    jobs = bought(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    assert_nothing_is_bought_again(tmp_path, jobs)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files")
def test_a_ledger_that_was_removed_while_it_was_open_is_made_anew(tmp_path: Path) -> None:
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        first = buy(ledger, 1)
        for path in tmp_path.glob(f"{FILE_NAME}*"):
            path.unlink()
        # The answer to a request that is on its way goes into the log.
        second = ledger.apply(first.local_id, JobRecord("job_1", JobStatus.RUNNING))
        with pytest.raises(LedgerError, match="removed or replaced"):
            buy(ledger, 2)
    assert_nothing_is_bought_again(tmp_path, [second])


def test_a_ledger_without_its_newest_writes_gets_them_back(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    jobs = bought(folder, 3)
    old = (folder / FILE_NAME).read_bytes()
    with contextlib.closing(Ledger(folder)) as ledger:
        jobs.append(buy(ledger, 4))
        # As a copy without the file `-wal` has it.
        shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / f"{FILE_NAME}-wal").unlink()
    (tmp_path / "copy" / FILE_NAME).write_bytes(old)
    assert_nothing_is_bought_again(tmp_path / "copy", jobs)
    with contextlib.closing(Ledger(tmp_path / "copy")) as ledger:
        assert "older than the log" in str(ledger.loss)


def test_an_old_copy_of_the_ledger_is_noticed_after_many_changes(tmp_path: Path) -> None:
    jobs = bought(tmp_path, 1)
    old = (tmp_path / FILE_NAME).read_bytes()
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        jobs += [buy(ledger, number) for number in range(2, 60)]
    for path in tmp_path.glob(f"{FILE_NAME}-*"):
        path.unlink()
    (tmp_path / FILE_NAME).write_bytes(old)
    assert_nothing_is_bought_again(tmp_path, jobs)


def test_where_ledger_and_log_are_broken_rows_are_lost_and_the_user_is_told(
    tmp_path: Path,
) -> None:
    jobs = bought(tmp_path, 30)
    log = tmp_path / LOG_NAME
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    spoil(tmp_path, lambda content: without_page_of(content, jobs[15]))
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        found = rows_of(ledger)
        assert 0 < len(found) < 30
        assert "damaged" in str(ledger.loss)
        assert f"{len(found)} tracks were found again" in str(ledger.loss)
        with pytest.raises(DamagedLedgerError, match="Nothing was sent"):
            ledger.create("test", take(99), run="run", price=0.001, rules=RULES)


def test_without_a_log_a_damaged_ledger_begins_anew_and_stops_spending(tmp_path: Path) -> None:
    jobs = bought(tmp_path, 30)
    (tmp_path / LOG_NAME).unlink()
    spoil(tmp_path, lambda content: without_page_of(content, jobs[15]))
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert rows_of(ledger) == []
        assert "0 tracks were found again" in str(ledger.loss)
        with pytest.raises(DamagedLedgerError, match="Nothing was sent"):
            ledger.create("test", jobs[0].request, run="run", price=0.001, rules=RULES)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_changes_that_a_crash_kept_from_the_log_are_in_it_from_the_next_start_on(
    tmp_path: Path, lost: int
) -> None:
    jobs = bought(tmp_path, 5)
    log = tmp_path / LOG_NAME
    lines = [line for line in log.read_bytes().splitlines() if line]
    log.write_bytes(b"\n".join([*lines[:-lost], b""]))
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert ledger.loss is None
    (tmp_path / FILE_NAME).unlink()
    assert_nothing_is_bought_again(tmp_path, jobs)


def test_a_submit_that_is_repeated_is_not_taken_back_by_the_log(tmp_path: Path) -> None:
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        job, _ = ledger.create("test", PIANO, run="run", price=0.001, rules=RULES)
        ledger.release(job)
        uncertain = ledger.update(job.local_id, state=State.UNCERTAIN)
        content = (tmp_path / LOG_NAME).read_bytes()
        again = ledger.resubmit(uncertain, run="run", rules=RULES)
    (tmp_path / LOG_NAME).write_bytes(content + b'{"local_id": "gone", "state": "queued"}\n')
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert ledger.get(job.local_id) == again


@pytest.mark.parametrize("content", [b"", GARBAGE, b"[" * 100_000, b'{"local_id": 5}\n', b"\xff\n"])
def test_a_damaged_log_is_written_anew_from_the_ledger(tmp_path: Path, content: bytes) -> None:
    jobs = bought(tmp_path, 5)
    (tmp_path / LOG_NAME).write_bytes(content)
    Ledger(tmp_path).close()
    (tmp_path / FILE_NAME).unlink()
    assert_nothing_is_bought_again(tmp_path, jobs)


def test_a_log_that_was_cut_in_a_line_goes_on(tmp_path: Path) -> None:
    jobs = bought(tmp_path, 3)
    log = tmp_path / LOG_NAME
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        log.write_bytes(log.read_bytes() + b'{"local_id": "cut he')
        jobs.append(buy(ledger, 4))
    (tmp_path / FILE_NAME).unlink()
    assert_nothing_is_bought_again(tmp_path, jobs)


@pytest.mark.parametrize("fingerprint", ["7", "[1]", "{}", '""', "null"])
def test_a_row_of_the_log_that_stands_for_nothing_is_not_put_back(
    tmp_path: Path, fingerprint: str
) -> None:
    jobs = bought(tmp_path, 2)
    with (tmp_path / LOG_NAME).open("a") as log:
        log.write(f'{{"local_id": "another", "fingerprint": {fingerprint}, "state": "queued"}}\n')
    assert_nothing_is_bought_again(tmp_path, jobs)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert "0 of 1 missing tracks were put back" in str(ledger.loss)


def test_a_removed_row_stays_removed(tmp_path: Path) -> None:
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        job = buy(ledger, 1)
        mistake = ledger.adopt("test", "no such job")
        ledger.engine.write(lambda: Rows(ledger.engine).delete(mistake.local_id))
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert ledger.loss is None
    (tmp_path / FILE_NAME).unlink()
    assert_nothing_is_bought_again(tmp_path, [job])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1))
def test_flipped_bits_lose_no_job(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]]
) -> None:
    folder = tmp_path_factory.mktemp("flips")
    jobs = bought(folder, 8)

    def flip(content: bytes) -> bytes:
        flipped = bytearray(content)
        for place, bit in flips:
            flipped[int(place * len(content))] ^= 1 << bit
        return bytes(flipped)

    spoil(folder, flip)
    try:
        ledger = Ledger(folder)
    except LedgerError:
        # The version of a newer pack, for one.
        return
    with contextlib.closing(ledger):
        rows = rows_of(ledger)
        assert {job.job_id for job in jobs} <= {row.job_id for row in rows} or ledger.loss is None
        for job in jobs:
            with contextlib.suppress(GatewayError):
                ledger.create("test", job.request, run="run", price=0.001, rules=RULES)


# Spending stops


async def test_nothing_is_bought_until_the_user_goes_on(tmp_path: Path, sandbox: Sandbox) -> None:
    bought(tmp_path, 2)
    spoil(tmp_path, lambda content: GARBAGE)
    with account_on(sandbox, tmp_path) as account:
        for _ in range(2):
            with pytest.raises(DamagedLedgerError, match=r"damaged-.*Music tab.*Nothing was sent"):
                await account.submit(take(5), Settings(), run="run")
    # Another process stops, too.
    with account_on(sandbox, tmp_path) as account:
        with pytest.raises(DamagedLedgerError):
            await account.submit(take(5), Settings(), run="run")
        assert sandbox.bill()["jobs"] == []
        await account.library.accept_loss()
        assert (await account.submit(take(5), Settings(), run="run")).state is State.QUEUED
    with account_on(sandbox, tmp_path) as account:
        await account.submit(take(6), Settings(), run="run")


async def test_a_script_goes_on_by_its_setting(tmp_path: Path, sandbox: Sandbox) -> None:
    bought(tmp_path, 2)
    spoil(tmp_path, lambda content: GARBAGE)
    with account_on(sandbox, tmp_path) as account:
        accepting = Settings(accept_ledger_loss=True)
        assert (await account.submit(take(5), accepting, run="run")).state is State.QUEUED


async def test_a_free_service_goes_on(tmp_path: Path, sandbox: Sandbox) -> None:
    bought(tmp_path, 2)
    spoil(tmp_path, lambda content: GARBAGE)
    with account_on(sandbox, tmp_path, name="sandbox") as account:
        assert (await account.submit(take(5), Settings(), run="run")).state is State.QUEUED


async def test_a_known_track_is_handed_out_while_spending_stops(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    with account_on(sandbox, tmp_path) as account:
        first = await account.submit(PIANO, Settings(), run="run")
    spoil(tmp_path, lambda content: b"")
    with account_on(sandbox, tmp_path) as account:
        assert (await account.submit(PIANO, Settings(), run="run")).job_id == first.job_id
    assert len(sandbox.bill()["jobs"]) == 1


async def test_an_uncertain_track_is_not_bought_again_while_spending_stops(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        job, _ = ledger.create("test", PIANO, run="run", price=0.001, rules=RULES)
        ledger.update(job.local_id, state=State.UNCERTAIN)
    spoil(tmp_path, lambda content: GARBAGE)
    with account_on(sandbox, tmp_path) as account:
        with pytest.raises(DamagedLedgerError):
            await account.submit(PIANO, Settings(uncertain_limit=1.0), run="run")
        (job,) = rows_of(account.library.ledger)
        with pytest.raises(DamagedLedgerError):
            await account.buy_again(job, Settings())
    assert sandbox.bill()["jobs"] == []


def test_two_losses_are_both_said(tmp_path: Path) -> None:
    bought(tmp_path, 2)
    spoil(tmp_path, lambda content: GARBAGE)
    Ledger(tmp_path).close()
    (tmp_path / FILE_NAME).unlink()
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert "damaged-" in str(ledger.loss)
        assert "was missing" in str(ledger.loss)
        ledger.accept_loss()
        assert ledger.loss is None
        assert not (tmp_path / LOSS_NAME).exists()


def test_a_first_ledger_has_lost_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with contextlib.closing(Ledger(tmp_path)) as ledger:
            assert ledger.loss is None


# Rows that hold anything


async def test_a_row_in_an_unknown_state_is_uncertain(tmp_path: Path) -> None:
    jobs = bought(tmp_path, 3)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute("UPDATE jobs SET state = 'polishing' WHERE take = 2")
        db.commit()
    library = Library(tmp_path, Timing())
    with contextlib.closing(library):
        rows, total, *_ = await library.page("", limit=10, offset=0)
        assert total == 3
        assert {row.take: row.state for row in rows} == {
            1: State.QUEUED,
            2: State.UNCERTAIN,
            3: State.COMPLETED,
        }
        await library.totals(today=0.0, month=0.0)
        living, is_new = library.ledger.create("test", jobs[1].request, run="run", price=0.001)
        assert not is_new
        assert living.state is State.UNCERTAIN


ANYTHING = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.just("\ud800"),
    st.just(["a"]),
    st.just(10**400),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(Job._fields), ANYTHING))
def test_a_row_of_anything_is_a_job(values: dict[str, object]) -> None:
    job = job_of(values)
    assert isinstance(job.state, State)
    assert job.charge is None or job.charge >= 0
    job.request.fingerprint(job.service)
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        bound = [value.value if isinstance(value, State) else value for value in job]
        db.execute(f"SELECT {', '.join('?' * len(job))}", bound)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    values=st.dictionaries(
        st.sampled_from([name for name in Job._fields if name != "local_id"]),
        st.one_of(
            st.integers(-(1 << 63), (1 << 63) - 1),
            st.floats(allow_nan=False),
            st.text(max_size=20),
            st.binary(max_size=20),
        ),
        min_size=1,
    )
)
def test_the_music_tab_lives_on_whatever_a_row_holds(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("anything")
    bought(folder, 2)
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as db:
        assignments = ", ".join(f"{name} = ?" for name in values)
        db.execute(f"UPDATE jobs SET {assignments} WHERE take = 1", list(values.values()))
        db.commit()
    with contextlib.closing(Ledger(folder)) as ledger:
        counts = ledger.page(limit=10).counts
        assert counts["all"] + counts["hidden"] == 2
        for show, sort in itertools.product(Show, Sort):
            page = ledger.page(show=show.value, sort=sort.value, limit=10)
            assert len(page.rows) == page.total
        ledger.page("piano", limit=10)
        ledger.count_active()
        ledger.spent()
        ledger.pending("test", 1.0)
        ledger.run_times("test", PIANO.model)
        ledger.charges("test", PIANO.model)


def test_every_column_of_a_job_is_read() -> None:
    kinds = {str: "text", float: 1.5, int: 1, State: State.COMPLETED}
    values: dict[str, Any] = {
        name: next(value for kind, value in kinds.items() if kind in (hint, *get_args(hint)))
        for name, hint in get_type_hints(Job).items()
    }
    assert job_of(values) == Job(**values)
