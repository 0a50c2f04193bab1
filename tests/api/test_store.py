"""The store: what was paid for stays, byte for byte, within a size."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ...api.account import Account
from ...api.media.track_store import TrackStore
from ...api.request import MusicRequest
from ...api.settings import Settings
from ...api.timing import Timing
from ...sandbox.server import Sandbox

LIMIT = 1e9


@pytest.fixture
def store(tmp_path: Path) -> TrackStore:
    return TrackStore(tmp_path / "tracks", Timing().in_use)


def files(store: TrackStore, tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "tracks").rglob("*") if path.is_file()]


def put_long_ago(store: TrackStore, content: bytes, hours: float) -> Path:
    """A track that was used last so many hours ago."""
    path = store.path(store.put(content, LIMIT))
    assert path is not None
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize("content", [b"x", bytes(range(256)) * 5000, memoryview(b"a view")])
def test_a_track_is_kept_byte_for_byte_under_its_hash(
    store: TrackStore, content: bytes | memoryview
) -> None:
    path = store.path(store.put(content, LIMIT))
    assert path is not None
    assert path.read_bytes() == bytes(content)
    assert path.name == f"{hashlib.sha256(content).hexdigest()}.mp3"


def test_the_same_bytes_are_kept_once(store: TrackStore, tmp_path: Path) -> None:
    assert store.put(b"music", LIMIT) == store.put(b"music", LIMIT)
    assert len(files(store, tmp_path)) == 1


def test_a_track_that_is_not_there_is_none(store: TrackStore) -> None:
    name = store.put(b"music", LIMIT)
    path = store.path(name)
    assert path is not None
    path.unlink()
    assert store.path(name) is None
    assert store.put(b"music", LIMIT) == name
    assert store.path(name) == path


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
    store.put(b"music", LIMIT)
    assert order[:2] == ["sync of 5 bytes", "name"]


def test_a_full_disk_leaves_nothing_half(
    store: TrackStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.put(b"music", LIMIT)
    assert files(store, tmp_path) == []
    assert store.path(store.put(b"music", LIMIT)) is not None


def test_threads_that_keep_the_same_track_do_not_hurt_each_other(
    store: TrackStore, tmp_path: Path
) -> None:
    content = os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: store.put(content, LIMIT), range(32)))
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
    new = store.path(store.put(b"3" * 1000, 0))
    assert new is not None
    assert (just_in_use.exists(), not_any_more.exists(), new.exists()) == (True, False, True)


def test_a_new_track_makes_room_for_itself(store: TrackStore) -> None:
    old = put_long_ago(store, b"1" * 1000, hours=100)
    store.put(b"2" * 1000, 1500)
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
    name = store.put(b"music", LIMIT)

    def refused(*arguments: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(os, "utime", refused)
    path = store.path(name)
    assert path is not None
    assert path.read_bytes() == b"music"


async def test_an_evicted_track_is_downloaded_again(account: Account, sandbox: Sandbox) -> None:
    request = MusicRequest("piano", 5.0, format="wav")
    job = await account.submit(request, Settings(), run="run")
    done = await account.wait(job, timeout=30, progress=lambda progress: None)
    assert done.result_url is not None

    async def content() -> tuple[Path, bytes]:
        assert done.result_url is not None
        track = await account.open(done.result_url, Settings(max_download_mb=1))
        with track.reader:
            await account.download(track)
            path = await account.keep(track, Settings())
        assert path is not None
        return path, path.read_bytes()

    path, first = await content()
    path.unlink()
    assert await content() == (path, first)
    assert len(sandbox.bill()["jobs"]) == 1
