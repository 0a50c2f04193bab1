"""A ledger of any version that was ever released opens with all its rows, or stays as it is."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from ...api.errors import LedgerError
from ...api.money import row_log, schema
from ...api.money.job import State
from ...api.money.ledger import Ledger
from ...api.money.ledger_file import FILE_NAME
from ...api.money.rescue import readable_rows
from ...api.request import MusicRequest

NEWEST = len(schema.VERSIONS)
EVERY = range(1, NEWEST + 1)
SEARCHED = 8
"""Since this version a row holds the text that a search reads."""
# A step that was released is never edited: ledgers that ran it would differ from new ones.
RELEASED = [
    "fb6c94ebb618620d",
    "3cc87cea756420d3",
    "7b633bd4d0443d28",
    "ec17b71f1c7ed2b6",
    "4f2daf4f00336944",
    "65042a3e3ecb898b",
    "dd68469cbe330533",
    "0de1772eb312c6cd",
]


def digest(statements: tuple[str, ...]) -> str:
    """Of the words of the statements, whatever their line breaks."""
    return hashlib.sha256(" ".join(" ".join(statements).split()).encode()).hexdigest()[:16]


def request(state: State) -> MusicRequest:
    return MusicRequest(f"piano {state.value}", 20.0)


def old_ledger(folder: Path, version: int) -> Path:
    """A ledger as that version of the pack made it, with a row in each state."""
    folder.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as db:
        db.create_function("one_form", 7, schema.one_form)
        db.create_function("searched_text", 3, schema.searched_text)
        for statement in (each for step in schema.VERSIONS[:version] for each in step):
            db.execute(statement)
        for number, state in enumerate(State):
            values: dict[str, Any] = {
                "local_id": f"local {number}",
                "service": "test",
                "fingerprint": request(state).fingerprint("test"),
                "model": request(state).model,
                "prompt": request(state).prompt,
                "lyrics": "",
                "duration": 20.0,
                "format": request(state).format,
                "take": 1,
                "state": state.value,
                "run": "run",
                "owner": "nobody",
                "price": 0.004,
                "charged": 0.003 if state is State.COMPLETED else None,
                "created": 1_700_000_000.0 + number,
                "remote_id" if version == 1 else "job_id": f"job_{number}",
                "file": "ab/track.mp3" if state is State.COMPLETED else None,
            }
            if version >= SEARCHED:
                values["searched"] = schema.searched_text(values["prompt"], "", values["model"])
            marks = ", ".join("?" * len(values))
            db.execute(
                f"INSERT INTO jobs ({', '.join(values)}) VALUES ({marks})", list(values.values())
            )
        db.execute(f"PRAGMA user_version = {version}")
    return folder / FILE_NAME


def test_the_steps_that_were_released_are_as_they_were() -> None:
    assert [digest(step) for step in schema.VERSIONS[: len(RELEASED)]] == RELEASED


@pytest.mark.slow
@pytest.mark.parametrize("version", EVERY)
def test_every_row_of_every_version_is_found(tmp_path: Path, version: int) -> None:
    path = old_ledger(tmp_path, version)
    for _ in range(2):
        with contextlib.closing(Ledger(tmp_path)) as ledger:
            assert ledger.loss is None
            assert ledger.page(limit=100)[1] == len(State)
            for number, state in enumerate(State):
                job = ledger.get(f"local {number}")
                assert (job.state, job.job_id, job.price) == (state, f"job_{number}", 0.004)
                assert job.request == request(state)
                living = ledger.living("test", request(state))
                assert living == (None if state.is_dead else job)
                assert ledger.page(f"piano {state.value}", limit=10)[1] == 1
            completed = ledger.get(f"local {list(State).index(State.COMPLETED)}")
            assert (completed.charged, completed.file) == (0.003, "ab/track.mp3")
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (NEWEST,)


@pytest.mark.slow
@pytest.mark.parametrize("version", EVERY)
def test_every_version_has_a_log_from_then_on(tmp_path: Path, version: int) -> None:
    path = old_ledger(tmp_path, version)
    Ledger(tmp_path).close()
    path.unlink()
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert ledger.page(limit=100)[1] == len(State)
        assert "was missing" in str(ledger.loss)


@pytest.mark.slow
@pytest.mark.parametrize("version", EVERY)
def test_a_damaged_ledger_of_every_version_is_rescued(tmp_path: Path, version: int) -> None:
    path = old_ledger(tmp_path, version)
    # The count of pages and the root of an index: the table itself is whole.
    content = path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as db:
        (root,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'by_created'"
        ).fetchone()
    at = (root - 1) * 4096
    path.write_bytes(content[:at] + b"\xff" * 4096 + content[at + 4096 :])
    assert len(readable_rows(path)) == len(State)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert "damaged" in str(ledger.loss)
        rows = ledger.page(limit=100)[0]
        assert {row.job_id for row in rows} == {f"job_{number}" for number in range(len(State))}
        assert {row.state for row in rows} == set(State)


@pytest.mark.slow
@pytest.mark.parametrize("version", EVERY)
def test_a_step_that_fails_leaves_the_ledger_as_it_was(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_ledger(tmp_path, version)
    with contextlib.closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())
    broken = ("ALTER TABLE jobs ADD COLUMN more TEXT", "no statement")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "VERSIONS", (*schema.VERSIONS, broken))
        with pytest.raises(LedgerError, match="cannot be used"):
            Ledger(tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert list(db.iterdump()) == before
        assert db.execute("PRAGMA user_version").fetchone() == (version,)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert ledger.page(limit=100)[1] == len(State)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o644, 0o666, 0o600])
def test_only_its_owner_reads_the_ledger(tmp_path: Path, mode: int) -> None:
    old_ledger(tmp_path, NEWEST).chmod(mode)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        ledger.create("test", MusicRequest("new", 20.0), run="run", price=0.001)
        files = [path for path in tmp_path.glob("ledger*") if path.is_file()]
        assert {path.name for path in files} >= {FILE_NAME, f"{FILE_NAME}-wal", row_log.FILE_NAME}
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
