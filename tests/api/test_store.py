"""The store: what was paid for stays, byte for byte, within a size."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ...api.account import Account
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.media import track_store
from ...api.media.track_store import TrackStore, name_of
from ...api.settings import Settings
from ...files.hashed import is_whole
from ...sandbox.server import Sandbox
from ..gateway import rows_of

LIMIT = 1e9


@pytest.fixture
def store(tmp_path: Path) -> TrackStore:
    return TrackStore(tmp_path / "tracks", Timing().in_use)


def files(store: TrackStore, tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "tracks").rglob("*") if path.is_file()]


def put(store: TrackStore, content: bytes | memoryview, limit: float = LIMIT) -> Path:
    return store.put(name_of(content), content, limit)


def put_long_ago(store: TrackStore, content: bytes, hours: float) -> Path:
    """A track that was used last so many hours ago."""
    path = put(store, content)
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize("content", [b"x", bytes(range(256)) * 5000, memoryview(b"a view")])
def test_a_track_is_kept_byte_for_byte_under_its_hash(
    store: TrackStore, content: bytes | memoryview
) -> None:
    path = put(store, content)
    assert store.path(name_of(content)) == path
    assert path.read_bytes() == bytes(content)
    assert path.name == f"{hashlib.sha256(content).hexdigest()}.mp3"


def test_the_same_bytes_are_kept_once(store: TrackStore, tmp_path: Path) -> None:
    assert put(store, b"music") == put(store, b"music")
    assert len(files(store, tmp_path)) == 1


def test_a_track_that_is_not_there_is_none(store: TrackStore) -> None:
    path = put(store, b"music")
    path.unlink()
    assert store.path(name_of(b"music")) is None
    assert put(store, b"music") == path
    assert store.path(name_of(b"music")) == path


def test_the_bytes_are_synced_before_the_name_is_given(
    store: TrackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        order.append(f"sync of {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        order.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    put(store, b"music")
    assert order[:2] == ["sync of 5 bytes", "name"]


def test_a_full_disk_leaves_nothing_half(
    store: TrackStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            put(store, b"music")
    assert files(store, tmp_path) == []
    assert put(store, b"music").read_bytes() == b"music"


def test_threads_that_keep_the_same_track_do_not_hurt_each_other(
    store: TrackStore, tmp_path: Path
) -> None:
    content = os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: put(store, content), range(32)))
    assert [path.read_bytes() for path in files(store, tmp_path)] == [content]
    assert len(names) == 1


def test_above_the_limit_what_was_used_longest_ago_goes_first(store: TrackStore) -> None:
    tracks = [put_long_ago(store, bytes([n]) * 1000, hours=100 - n) for n in range(5)]
    store.evict(3000)
    assert [path.exists() for path in tracks] == [False, False, True, True, True]


def test_a_track_that_was_used_again_is_no_old_one(store: TrackStore) -> None:
    first = put_long_ago(store, b"1" * 1000, hours=100)
    second = put_long_ago(store, b"2" * 1000, hours=50)
    assert store.path(f"{first.parent.name}/{first.name}") == first
    store.evict(1000)
    assert (first.exists(), second.exists()) == (True, False)


def test_a_track_in_use_is_never_removed(store: TrackStore) -> None:
    hours = Timing().in_use / 3600
    just_in_use = put_long_ago(store, b"1" * 1000, hours=hours - 0.1)
    not_any_more = put_long_ago(store, b"2" * 1000, hours=hours + 0.1)
    new = put(store, b"3" * 1000, 0)
    assert (just_in_use.exists(), not_any_more.exists(), new.exists()) == (True, False, True)


def test_a_new_track_makes_room_for_itself(store: TrackStore) -> None:
    old = put_long_ago(store, b"1" * 1000, hours=100)
    put(store, b"2" * 1000, 1500)
    assert not old.exists()


def test_within_the_limit_age_is_no_reason(store: TrackStore) -> None:
    old = put_long_ago(store, b"1" * 1000, hours=10_000)
    store.evict(1000)
    assert old.exists()


def test_what_a_crash_left_half_written_goes_too(store: TrackStore, tmp_path: Path) -> None:
    track = put_long_ago(store, b"1" * 1000, hours=10)
    half = track.with_name("half.1.1.tmp")
    half.write_bytes(b"2" * 1000)
    os.utime(half, (0, 0))
    store.evict(1000)
    assert files(store, tmp_path) == [track]


def test_a_store_that_cannot_be_written_still_plays(
    store: TrackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, b"music")

    def refused(*arguments: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", refused)
    path = store.path(name_of(b"music"))
    assert path is not None
    assert path.read_bytes() == b"music"


# Damage: whatever became of the file, the store never gives out other bytes.


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def empty(path: Path) -> None:
    os.truncate(path, 0)


def link(path: Path) -> None:
    """A link to a file outside, which has the right bytes even."""
    elsewhere = path.parent.parent.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def link_folder(path: Path) -> None:
    elsewhere = path.parent.parent.parent / "elsewhere"
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere, target_is_directory=True)


def broken_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent.parent.parent / "nowhere")


def circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def remove(path: Path) -> None:
    path.unlink()


windows = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files for every user")
damages = pytest.mark.parametrize(
    "damage",
    [
        flip,
        truncate,
        lengthen,
        empty,
        remove,
        *(pytest.param(of, marks=windows) for of in (link, link_folder, broken_link, circle, pipe)),
    ],
)


@damages
@pytest.mark.parametrize("session", ["the same", "a new"])
def test_a_damaged_track_is_not_given_out_and_is_mended(
    store: TrackStore, tmp_path: Path, damage: Callable[[Path], None], session: str
) -> None:
    name, path = name_of(b"music"), put(store, b"music")
    damage(path)
    if session == "a new":
        store = TrackStore(tmp_path / "tracks", Timing().in_use)
    assert store.path(name) is None
    assert put(store, b"music") == path
    assert not path.is_symlink()
    assert not path.parent.is_symlink()
    assert path.read_bytes() == b"music"
    assert store.path(name) == path


@windows
@pytest.mark.parametrize("damage", [link, link_folder])
def test_nothing_outside_the_folder_is_read_written_or_removed(
    store: TrackStore, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(put_long_ago(store, b"music", hours=100))
    elsewhere = tmp_path / "elsewhere"
    outside = elsewhere if elsewhere.is_file() else next(elsewhere.iterdir())
    os.utime(outside, (0, 0))
    put(store, b"more music", 0)
    store.evict(0)
    assert outside.read_bytes() == b"music"
    put(store, b"music")
    assert outside.read_bytes() == b"music"
    assert outside.stat().st_mtime == 0


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../secret",
        "ab/../../secret",
        "/etc/passwd",
        "C:/secret",
        "\\\\server\\share",
        "ab/secret",
        "cd/" + "ab" * 32 + ".mp3",
        "ab/" + "ab" * 32 + ".mp3/..",
        "ab/" + "ab" * 32 + ".mp3\n",
        "ab/" + "ab" * 32 + ".mp3\0",
        "ab/" + "AB" * 32 + ".mp3",
        "ab/" + "ab" * 5000,
    ],
)
def test_a_name_that_no_track_has_is_never_opened(
    store: TrackStore, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    put(store, b"music")
    assert store.path(name) is None


def test_a_track_is_hashed_once_and_again_after_a_change(
    store: TrackStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, path = name_of(b"music"), put(store, b"music")
    store = TrackStore(tmp_path / "tracks", Timing().in_use)
    hashed: list[Path] = []

    def noted(path: Path) -> bool:
        hashed.append(path)
        return is_whole(path)

    monkeypatch.setattr(track_store, "is_whole", noted)
    for _ in range(3):
        assert store.path(name) == path
    assert hashed == [path]
    os.utime(path, (1, 1))
    assert store.path(name) == path
    assert hashed == [path, path]


@pytest.fixture
async def loaded(account: Account) -> Callable[[], Awaitable[tuple[Path, bytes]]]:
    """Loads one bought track: the stored file, and the bytes that a decoder reads."""
    request = MusicRequest("piano", 5.0, format="wav")
    job = await account.submit(request, Settings(), run="run")
    done = await account.wait(job, timeout=30, progress=lambda progress: None)

    async def load() -> tuple[Path, bytes]:
        assert done.result_url is not None
        track = await account.open(done.result_url, Settings(max_download_mb=1))
        with track.reader:
            await account.download(track)
            path, _ = await account.store(track, Settings())
            content = track.reader.read()
        assert path is not None
        return path, content

    return load


@pytest.mark.slow
@damages
async def test_a_damaged_track_is_downloaded_again_and_paid_once(
    account: Account, sandbox: Sandbox, loaded: Any, damage: Callable[[Path], None]
) -> None:
    path, first = await loaded()
    damage(path)
    assert await loaded() == (path, first)
    sandbox.seen.clear()
    assert await loaded() == (path, first)
    assert sandbox.seen == []
    assert path.read_bytes() == first
    assert len(sandbox.bill()["jobs"]) == 1


@pytest.mark.slow
async def test_a_ledger_that_names_another_file_does_not_open_it(
    account: Account, loaded: Any, tmp_path: Path
) -> None:
    path, first = await loaded()
    (row,) = rows_of(account)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    for name in ("../secret", str(secret), "../tracks/../secret"):
        account.library.ledger.update(row.local_id, file=name)
        assert await account.library.stored_track(row._replace(file=name), Settings()) is None
        assert await loaded() == (path, first)
    assert secret.read_bytes() == b"secret"


def test_a_file_that_cannot_be_replaced_is_an_error_with_a_type(
    store: TrackStore, tmp_path: Path
) -> None:
    folder = tmp_path / "tracks" / name_of(b"music")
    (folder / "something").mkdir(parents=True)
    assert store.path(name_of(b"music")) is None
    with pytest.raises(OSError, match=r"music|rectory|denied|exists"):
        put(store, b"music")
