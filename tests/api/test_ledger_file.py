"""Whatever the ledger's folder is: nothing is bought that is not written down, nothing is emptied.

Every bad file is a real one. A network drive is SQLite's own `unix-dotfile`, which has no shared
memory; drives without locks are those that refuse `flock`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ...api.account import Account
from ...api.base.errors import DamagedLedgerError, LedgerError
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.library import Library
from ...api.money.job import State
from ...api.money.journal import LOG_NAME
from ...api.money.ledger import Ledger
from ...api.money.schema import version
from ...api.money.sqlite import FILE_NAME
from ...api.settings import Settings
from ...sandbox.server import Sandbox
from ..gateway import account_on

PIANO = MusicRequest("calm piano", duration=20.0)
unix = pytest.mark.skipif(os.name == "nt", reason="SQLite's Unix file systems")


def filled(directory: Path, rows: int = 300) -> bytes:
    """A ledger of many pages; returns its content."""
    with contextlib.closing(Ledger(directory)) as ledger:
        for number in range(rows):
            ledger.create("test", PIANO._replace(take=number + 1), run="run", price=0.001)
    return (directory / FILE_NAME).read_bytes()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "garbage": lambda content: b"my own notes, " * 1000,
    "zero bytes": lambda content: b"",
    "one byte": lambda content: b"S",
    "cut in the first page": lambda content: content[:2000],
    "cut in half": lambda content: content[: len(content) // 2],
    "cut by a page": lambda content: content[:-4096],
    "zeros in the middle": lambda content: (
        content[:8192] + bytes(len(content) - 16384) + content[-8192:]
    ),
    "another head": lambda content: b"PK\3\4" + content[4:],
    "a web page": lambda content: b"<!DOCTYPE html><title>Log in</title>",
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside_and_the_ledger_says_so(tmp_path: Path, damage: str) -> None:
    damaged = DAMAGES[damage](filled(tmp_path))
    (tmp_path / FILE_NAME).write_bytes(damaged)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        (aside,) = tmp_path.glob("ledger.damaged-*.sqlite3")
        assert aside.read_bytes() == damaged
        assert aside.name in str(ledger.loss)
        assert str(tmp_path / FILE_NAME) in str(ledger.loss)


def test_a_repaired_file_comes_back_under_its_name(tmp_path: Path) -> None:
    content = filled(tmp_path, rows=5)
    (tmp_path / FILE_NAME).write_bytes(b"")
    Ledger(tmp_path).close()
    (aside,) = tmp_path.glob("ledger.damaged-*")
    aside.write_bytes(content)
    os.replace(aside, tmp_path / FILE_NAME)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert ledger.page(limit=10)[1] == 5


def test_two_damaged_files_of_one_second_have_two_names(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / FILE_NAME).write_bytes(b"notes %d" % number)
        Ledger(tmp_path).close()
    asides = sorted(tmp_path.glob("ledger.damaged-*"))
    assert {aside.read_bytes() for aside in asides} == {b"notes 0", b"notes 1", b"notes 2"}


def test_the_journal_of_a_damaged_file_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"notes")
    (tmp_path / f"{FILE_NAME}-journal").write_bytes(b"journal")
    Ledger(tmp_path).close()
    (aside,) = tmp_path.glob("ledger.damaged-*.sqlite3")
    assert aside.with_name(f"{aside.name}-journal").read_bytes() == b"journal"
    Ledger(tmp_path).close()


def test_a_crash_while_the_first_ledger_is_made_leaves_no_damaged_one(tmp_path: Path) -> None:
    (tmp_path / f"{FILE_NAME}.new").write_bytes(b"")
    (tmp_path / f"{FILE_NAME}.new-journal").write_bytes(b"half")
    Ledger(tmp_path).close()
    assert not list(tmp_path.glob("*.new*"))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o644, 0o666, 0o600])
def test_only_its_owner_reads_the_ledger(tmp_path: Path, mode: int) -> None:
    filled(tmp_path, rows=1)
    (tmp_path / FILE_NAME).chmod(mode)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        ledger.create("test", PIANO._replace(prompt="new"), run="run", price=0.001)
        files = [path for path in tmp_path.glob("ledger*") if path.is_file()]
        assert {path.name for path in files} >= {FILE_NAME, f"{FILE_NAME}-wal", LOG_NAME}
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


# Folders that cannot be used


def a_file(folder: Path) -> Path:
    folder.write_text("a file")
    return folder


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "data"


def a_folder_of_that_name(folder: Path) -> Path:
    (folder / FILE_NAME).mkdir(parents=True)
    return folder


def in_the_kernels_files(folder: Path) -> Path:
    if not sys.platform.startswith("linux"):
        pytest.skip("Linux has folders that nobody can write to")
    return Path("/proc/aigateway")


def of_another_program(folder: Path) -> Path:
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.execute("CREATE TABLE jobs (title TEXT)")
    return folder


def of_another_program_with_our_version(folder: Path) -> Path:
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as db:
        db.execute("CREATE TABLE songs (title TEXT)")
        db.execute(f"PRAGMA user_version = {version()}")
    return folder


def without_rights(folder: Path) -> Path:
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("who runs the tests may write everywhere")
    folder.mkdir(mode=0o500)
    return folder


def a_file_without_rights(folder: Path) -> Path:
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("who runs the tests may write everywhere")
    filled(folder, rows=1)
    (folder / FILE_NAME).chmod(0o400)
    return folder


@pytest.mark.parametrize(
    "make",
    [
        a_file,
        below_a_file,
        a_folder_of_that_name,
        in_the_kernels_files,
        of_another_program,
        of_another_program_with_our_version,
        without_rights,
        a_file_without_rights,
    ],
)
def test_a_folder_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    folder = make(tmp_path / "data")
    with pytest.raises(LedgerError, match="AIGATEWAY_DATA_DIR") as caught:
        Library(folder, Timing(busy_timeout=0.1))
    assert str(folder / FILE_NAME) in str(caught.value)
    assert not isinstance(caught.value, DamagedLedgerError)


@unix
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO])
def test_a_drive_without_locks_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    import fcntl

    def refuse(*arguments: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LedgerError, match="AIGATEWAY_DATA_DIR"):
        Ledger(tmp_path)


def on_network_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def connected(path: Path | str, **options: Any) -> sqlite3.Connection:
        if not isinstance(path, Path):
            return connect(path, **options)
        return connect(f"{path.as_uri()}?vfs=unix-dotfile", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", connected)


@unix
@pytest.mark.parametrize("before", ["new", "written with a write-ahead log", "crashed"])
async def test_a_drive_without_shared_memory_gets_a_rollback_journal(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    if before != "new":
        filled(tmp_path, rows=3)
    if before == "crashed":
        # As a crash leaves it: the last row is in the write-ahead log only.
        with contextlib.closing(Ledger(tmp_path)) as ledger:
            ledger.create("test", PIANO._replace(take=50), run="run", price=0.001)
            shutil.copytree(tmp_path, tmp_path.with_name("copy"))
        tmp_path = tmp_path.with_name("copy")
    rows = {"new": 0, "crashed": 4}.get(before, 3)
    on_network_drive(monkeypatch)
    with account_on(sandbox, tmp_path) as account:
        job = await account.submit(PIANO._replace(take=99), Settings(), run="run")
        assert job.state is State.QUEUED
    assert not list(tmp_path.glob("*-wal"))
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert ledger.page(limit=10)[1] == rows + 1


# Faults while it runs


async def test_a_ledger_that_was_removed_buys_nothing(
    account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    await account.submit(PIANO, Settings(), run="run")
    shutil.rmtree(tmp_path)
    with pytest.raises(LedgerError, match="removed or replaced"):
        await account.submit(PIANO._replace(take=2), Settings(), run="run")
    assert len(sandbox.bill()["jobs"]) == 1


async def test_a_ledger_that_another_process_holds_buys_nothing(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    quick = Timing(busy_timeout=0.05)
    with account_on(sandbox, tmp_path, timing=quick) as account:
        await account.submit(PIANO, Settings(), run="run")
    library = Library(tmp_path, quick)
    account = Account("test", sandbox.base_url, None, library)
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="Another program holds the ledger"):
            await account.submit(PIANO._replace(take=2), Settings(), run="run")
    finally:
        other.close()
        account.close()
        library.close()
    assert len(sandbox.bill()["jobs"]) == 1


async def test_a_full_disk_buys_nothing(
    account: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await account.submit(PIANO, Settings(), run="run")
    engine = account.library.ledger.engine
    ((pages,),) = engine.execute("PRAGMA page_count")
    engine.execute(f"PRAGMA max_page_count = {pages}")
    long = PIANO._replace(take=2, lyrics="la " * 1500)
    with pytest.raises(LedgerError, match=r"disk .* is full"):
        await account.submit(long, Settings(), run="run")
    assert len(sandbox.bill()["jobs"]) == 1
    # The transaction has ended: with room again it goes on.
    engine.execute("PRAGMA max_page_count = 1000000")
    assert (await account.submit(long, Settings(), run="run")).state is State.QUEUED
