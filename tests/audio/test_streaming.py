"""Decoding goes on while the bytes arrive."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import pytest
import torch

from ...audio.containers.source import Source
from ...audio.decode import decode
from . import make

PIECE = 10_000


@contextmanager
def decoding(source: make.Arriving):
    """`decode(source)` in a thread, as a future."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(decode, cast(BinaryIO, source))


def feed(source: make.Arriving, future: Future[Any], data: bytes) -> None:
    """Let the bytes through piece by piece, each when the decoder waits for it."""
    for _ in range(0, len(data), PIECE):
        while not source.waiting.wait(0.05) and not future.done():
            pass
        source.let_through(PIECE)


def files() -> list[tuple[str, Callable[[], bytes]]]:
    samples = make.on_grid(make.music(4))
    return [
        ("mp3", lambda: make.mp3(samples)),
        ("mp3 without a length", lambda: make.without_xing(make.mp3(samples))),
        ("wav", lambda: make.sound_file(samples, 44100, "WAV")),
        ("flac", lambda: make.sound_file(samples, 44100, "FLAC")),
        ("aiff", lambda: make.sound_file(samples, 44100, "AIFF")),
        ("vorbis", lambda: make.sound_file(samples, 44100, "OGG")),
        ("opus", lambda: make.av_file(samples, 48000, "opus", "libopus")),
        ("m4a", lambda: make.av_file(samples, 44100, "ipod", "aac")),
    ]


FILES = [pytest.param(make_file, id=name) for name, make_file in files()]


@pytest.mark.slow
@pytest.mark.parametrize("size_known", [True, False])
@pytest.mark.parametrize("make_file", FILES)
def test_what_arrives_in_pieces_is_the_same(
    make_file: Callable[[], bytes], size_known: bool
) -> None:
    data = make_file()
    expected, rate = decode(io.BytesIO(data))
    source = make.Arriving(data, size=-1 if size_known else None)
    with decoding(source) as future:
        feed(source, future, data)
        waveform, got_rate = future.result()
    assert got_rate == rate
    assert torch.equal(waveform, expected)


@pytest.mark.slow
@pytest.mark.parametrize("size_known", ["at once", "with the first byte"])
@pytest.mark.parametrize(
    "make_file",
    [param for param in FILES if param.id in ("mp3", "mp3 without a length", "wav", "flac")],
)
def test_decoding_does_not_wait_for_the_end(
    make_file: Callable[[], bytes], size_known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_file()
    furthest = threading.Event()
    read_at = Source.read_at

    def watched(self: Source, position: int, into: memoryview) -> int:
        if position > len(data) // 2:
            furthest.set()
        return read_at(self, position, into)

    monkeypatch.setattr(Source, "read_at", watched)
    source = make.Arriving(data, size=-1 if size_known == "at once" else None)
    with decoding(source) as future:
        if source.size is None:
            assert source.waiting.wait(20)
            source.size = len(data)
        # All but the last bytes: a decoder that waits for the end never asks for the middle.
        source.let_through(len(data) - 300)
        reached = furthest.wait(20)
        source.let_through(len(data))
        future.result()
    assert reached


@pytest.mark.slow
@pytest.mark.parametrize("make_file", FILES)
def test_a_failed_download_comes_through_as_it_is(make_file: Callable[[], bytes]) -> None:
    data = make_file()
    source = make.Arriving(data)
    failure = ConnectionResetError("the line is gone")
    source.let_through(len(data) // 2)
    source.fail(failure)
    with decoding(source) as future, pytest.raises(ConnectionResetError) as raised:
        future.result()
    assert raised.value is failure


def test_a_file_on_disk_is_read_too(tmp_path: Any) -> None:
    samples = make.on_grid(make.music(20))
    path = tmp_path / "song.flac"
    path.write_bytes(make.sound_file(samples, 44100, "FLAC"))
    with open(path, "rb") as file:
        waveform, _ = decode(file)
    assert torch.equal(waveform, make.tensor(samples))
