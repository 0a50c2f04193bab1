"""A file appears whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ...files.atomic import PAUSES, new_file, replaced_file, write_file

both = pytest.mark.parametrize("open_file", [new_file, replaced_file])


@both
def test_what_was_written_is_there_after_the_block_and_not_before(
    open_file: Callable, tmp_path: Path
) -> None:
    path = tmp_path / "song"
    with open_file(path) as temporary:
        temporary.write_bytes(b"whole")
        assert temporary.parent == tmp_path
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


@both
@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, OSError])
def test_an_error_leaves_nothing(
    open_file: Callable, failure: type[BaseException], tmp_path: Path
) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise failure

    with pytest.raises(failure), open_file(tmp_path / "song") as temporary:
        fail(temporary)
    assert not list(tmp_path.iterdir())


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    write_file(path, b"old")

    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"ha")
        raise RuntimeError

    with pytest.raises(RuntimeError), replaced_file(path) as temporary:
        fail(temporary)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    write_file(path, b"a longer old content")
    write_file(path, memoryview(b"new"))
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "song"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="never overwritten"), new_file(path):
        pytest.fail("the block must not run")
    assert path.read_text() == "mine"


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_does_not_replace_one_that_appears_meanwhile(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        forbid_links(monkeypatch)
    path = tmp_path / "song"

    def write_both(temporary: Path) -> None:
        temporary.write_text("ours")
        path.write_text("theirs")

    with pytest.raises(FileExistsError), new_file(path) as temporary:
        write_both(temporary)
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_needs_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_links(monkeypatch)
    with new_file(tmp_path / "song") as temporary:
        temporary.write_text("ours")
    assert (tmp_path / "song").read_text() == "ours"
    assert [path.name for path in tmp_path.iterdir()] == ["song"]


def forbid_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError("no links on this file system")

    monkeypatch.setattr("os.link", no_links)


def test_the_longest_name_has_room_for_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".mp3")
    write_file(path, b"song")
    assert path.read_bytes() == b"song"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_the_mode_is_there_from_the_first_byte_on(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "key"
    umask = os.umask(0o022)
    try:
        path.touch(0o644)
        with replaced_file(path, mode=mode) as temporary:
            assert stat.S_IMODE(temporary.stat().st_mode) == mode & ~0o022
            temporary.write_text("secret")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == mode & ~0o022


@pytest.mark.skipif(sys.platform == "win32", reason="Windows needs no sync of a folder")
@pytest.mark.parametrize(("durable", "expected"), [(True, ["file", "name", "folder"]), (False, [])])
def test_content_reaches_the_disk_before_the_name(
    durable: bool, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        steps.append("name")
        replace(source, target)

    monkeypatch.setattr("os.fsync", noted_fsync)
    monkeypatch.setattr("os.replace", noted_replace)
    write_file(tmp_path / "track", b"song", durable=durable)
    assert steps == (expected or ["name"])


# A virus scanner holds the new file


class Scanner:
    """Holds a file, as Windows says it, for so many tries to rename it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tries: int, winerror: int | None) -> None:
        self.pauses: list[float] = []
        self._left = tries
        self._winerror = winerror
        self._replace = os.replace
        monkeypatch.setattr("os.replace", self.replace)
        monkeypatch.setattr("time.sleep", self.pauses.append)

    def replace(self, source: Path, target: Path) -> None:
        if self._left:
            self._left -= 1
            error = PermissionError(13, "held by another program")
            if self._winerror is not None:
                error.winerror = self._winerror  # type: ignore[attr-defined]
            raise error
        self._replace(source, target)


def test_a_held_file_is_renamed_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = Scanner(monkeypatch, 3, 32)
    write_file(tmp_path / "song", b"whole")
    assert (tmp_path / "song").read_bytes() == b"whole"
    assert scanner.pauses == list(PAUSES[:3])


def test_a_file_that_stays_held_is_an_error_after_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = Scanner(monkeypatch, 1000, 5)
    with pytest.raises(PermissionError):
        write_file(tmp_path / "song", b"whole")
    assert sum(scanner.pauses) == pytest.approx(2)
    assert not list(tmp_path.iterdir())


def test_a_missing_permission_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = Scanner(monkeypatch, 1, None)
    with pytest.raises(PermissionError):
        write_file(tmp_path / "song", b"whole")
    assert not scanner.pauses
