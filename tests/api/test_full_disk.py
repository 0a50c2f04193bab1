"""A disk that is full: nothing is bought that cannot be written down, and no paid id is lost.

The disks are real ones of a few megabytes, which Linux makes in memory for its administrator. The
other tests limit the size of files, which POSIX lets every process do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ...api.account import Account
from ...api.base.errors import LedgerError
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.library import Library
from ...api.money.job import Job, State
from ...api.money.journal import LOG_NAME, ROOM_BYTES
from ...api.money.sqlite import FILE_NAME
from ...api.settings import Settings
from ...scripts.lib import pack
from .raw_server import QUEUED, as_http, gateway, submits

PIANO = MusicRequest("calm piano", duration=20.0, lyrics="la " * 1000)
TIMING = Timing(rate_limit=600, busy_timeout=0.3).scaled(1e-4)
DISK_BYTES = 8 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only the administrator of Linux can make a disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, left: int = 0) -> Path:
    """Take all room but `left` bytes."""
    path = folder / "other people's files"
    with path.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
        file.truncate(max(0, file.tell() - left))
    return path


@contextlib.contextmanager
def account_at(url: str, folder: Path) -> Iterator[Account]:
    library = Library(folder, TIMING)
    library.catalogue("test").replace([])
    account = Account("test", url, None, library, TIMING)
    try:
        yield account
    finally:
        account.close()
        library.close()


def rows_of(account: Account) -> list[Job]:
    return account.library.ledger.page(limit=10)[0]


async def submit(account: Account, take: int = 1) -> Job:
    return await account.submit(PIANO._replace(take=take), Settings(), run="run")


@pytest.mark.parametrize("left", [0, 4096, ROOM_BYTES // 2])
async def test_a_disk_without_room_for_the_answer_buys_nothing(disk: Path, left: int) -> None:
    async with gateway(as_http(QUEUED)) as (url, asked):
        with account_at(url, disk) as account:
            taken = fill(disk, left)
            with pytest.raises(LedgerError, match=r"disk .* is full"):
                await submit(account)
            assert submits(asked) == 0
            assert rows_of(account) == []
            taken.unlink()
            assert (await submit(account)).job_id == "job_1"


async def test_the_answer_finds_room_on_a_disk_that_filled_up_meanwhile(disk: Path) -> None:
    async with gateway(as_http(QUEUED), before=lambda: fill(disk)) as (url, asked):
        with account_at(url, disk) as account:
            job = await submit(account)
            assert (job.state, job.job_id) == (State.QUEUED, "job_1")
            # The next one is refused: its answer would have no room.
            fill(disk)
            with pytest.raises(LedgerError, match=r"disk .* is full"):
                await submit(account, take=2)
            assert submits(asked) == 1
        (disk / "other people's files").unlink()
        with account_at(url, disk) as account:
            assert (await submit(account)).job_id == "job_1"
        assert submits(asked) == 1


def remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


async def test_a_disk_that_became_read_only_buys_nothing(disk: Path) -> None:
    async with gateway(as_http(QUEUED)) as (url, asked):
        with account_at(url, disk / "data") as account:
            await submit(account)
        remount(disk, "ro")
        try:
            with pytest.raises(LedgerError, match="AIGATEWAY_DATA_DIR"):
                Library(disk / "data", TIMING)
            with pytest.raises(LedgerError, match="AIGATEWAY_DATA_DIR"):
                Library(disk / "other", TIMING)
        finally:
            remount(disk, "rw")
        with account_at(url, disk / "data") as account:
            assert (await submit(account)).job_id == "job_1"
        assert submits(asked) == 1


async def test_an_id_is_kept_in_the_log_where_the_ledger_takes_nothing(tmp_path: Path) -> None:
    async with gateway(as_http(QUEUED)) as (url, asked):
        with account_at(url, tmp_path) as account:
            ledger = account.library.ledger
            await submit(account, take=2)
            pages = "PRAGMA max_page_count"
            apply = ledger.apply

            def on_a_full_disk(*values: Any, **options: Any) -> Job:
                ledger.engine.execute(f"{pages} = 1")
                ledger.engine.execute("CREATE TABLE more (text TEXT)")
                return apply(*values, **options)

            ledger.apply = on_a_full_disk  # type: ignore[method-assign]
            with pytest.raises(LedgerError, match=r"job_1 was bought\. Its id is kept in the log"):
                await submit(account)
            ledger.apply = apply  # type: ignore[method-assign]
            ledger.engine.execute(f"{pages} = 1000000")
            assert (await submit(account)).job_id == "job_1"
        assert submits(asked) == 2


async def test_an_id_is_kept_while_another_program_holds_the_ledger(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)

    def hold() -> None:
        if not other.in_transaction:
            other.execute("BEGIN IMMEDIATE")

    with contextlib.closing(other):
        (tmp_path / FILE_NAME).unlink()
        async with gateway(as_http(QUEUED), before=lambda: hold()) as (url, asked):
            with account_at(url, tmp_path) as account:
                other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
                with pytest.raises(LedgerError, match=r"job_1 was bought\. Its id is kept"):
                    await submit(account)
                other.execute("ROLLBACK")
                assert (await submit(account)).job_id == "job_1"
            assert submits(asked) == 1


async def test_an_id_that_the_log_kept_is_found_by_the_next_process(tmp_path: Path) -> None:
    async with gateway(as_http(QUEUED)) as (url, asked):
        with account_at(url, tmp_path) as account:
            ledger = account.library.ledger

            def refuse(*values: Any, **options: Any) -> Job:
                raise LedgerError("The ledger cannot be used.")

            ledger.apply = refuse  # type: ignore[method-assign]
            with pytest.raises(LedgerError, match="kept in the log"):
                await submit(account)
        with account_at(url, tmp_path) as account:
            (job,) = rows_of(account)
            assert (job.state, job.job_id) == (State.QUEUED, "job_1")
            assert account.library.ledger.loss is None
        assert submits(asked) == 1


async def test_without_a_log_nothing_is_bought(tmp_path: Path) -> None:
    async with gateway(as_http(QUEUED)) as (url, asked):
        with account_at(url, tmp_path) as account:
            # A folder of that name takes no lines.
            (tmp_path / LOG_NAME).mkdir()
            with pytest.raises(LedgerError, match="cannot be used"):
                await submit(account)
            assert submits(asked) == 0
            assert rows_of(account) == []
            (tmp_path / LOG_NAME).rmdir()
            assert (await submit(account)).job_id == "job_1"


LIMITED = """
import asyncio, importlib, resource, runpy, sys
from pathlib import Path

script, folder, bytes_of_a_file = sys.argv[1:]
root = runpy.run_path(script)["load"]().__name__
tests = importlib.import_module(f"{root}.tests.api.test_full_disk")

async def main():
    async with tests.gateway(tests.as_http(tests.QUEUED), before=limit) as (url, asked):
        with tests.account_at(url, Path(folder)) as account:
            try:
                job = await tests.submit(account)
                print("bought", job.job_id)
            except tests.LedgerError as error:
                print("kept", "job_1" in str(error))
            print(tests.submits(asked))

def limit():
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(bytes_of_a_file), resource.RLIM_INFINITY))

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX limits the size of files")
@pytest.mark.parametrize("limit", [0, 100, 5000, 50_000])
async def test_a_quota_that_ends_between_request_and_answer_names_the_id(
    tmp_path: Path, limit: int
) -> None:
    command = [sys.executable, "-c", LIMITED, pack.__file__, str(tmp_path), str(limit)]
    done = await asyncio.to_thread(
        subprocess.run, command, check=True, capture_output=True, text=True
    )
    said, posts = done.stdout.splitlines()
    assert said in ("bought job_1", "kept True")
    assert posts == "1"
    async with gateway(as_http(QUEUED)) as (url, _):
        with account_at(url, tmp_path) as account:
            (job,) = rows_of(account)
            assert job.state in (State.QUEUED, State.SUBMITTING, State.UNCERTAIN)
