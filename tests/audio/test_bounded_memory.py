"""A small file demands no large memory, many files none together, and a picture none at all."""

from __future__ import annotations

import io
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ...audio.arrays import MediaError
from ...audio.decode import decode
from ...audio.draw import draw_file, draw_waveform
from ...audio.memory import Memory
from ...audio.samples.envelope import Envelope
from . import make

MINUTE = 60


def silence(seconds: float, sample_rate: int, channels: int, format: str = "FLAC") -> bytes:
    return make.sound_file(
        np.zeros((channels, int(seconds * sample_rate)), np.float32), sample_rate, format
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sample_rate", "channels", "minutes"),
    [(8000, 1, "1"), (44100, 2, "1"), (96000, 2, "0.5"), (48000, 8, "0.25"), (192000, 1, "0.5")],
)
@pytest.mark.parametrize("format", ["FLAC", "WAV"])
def test_a_file_holds_no_more_than_its_minutes_of_common_stereo(
    sample_rate: int, channels: int, minutes: str, format: str
) -> None:
    fits = silence(float(minutes) * MINUTE - 0.01, sample_rate, channels, format)
    waveform, _ = decode(io.BytesIO(fits), max_minutes=1)
    assert waveform.nbytes <= MINUTE * 48000 * 2 * 4
    longer = silence(float(minutes) * MINUTE + 0.01, sample_rate, channels, format)
    with pytest.raises(MediaError, match=rf"longer than {minutes} minutes.*max_audio_minutes"):
        decode(io.BytesIO(longer), max_minutes=1)


FILES = {
    "FLAC": lambda: silence(10, 44100, 2),
    "WAV": lambda: silence(10, 44100, 2, "WAV"),
    "MP3": lambda: make.mp3(np.zeros((2, 441000), np.float32)),
    "MP3 without a length": lambda: make.without_xing(make.mp3(np.zeros((2, 441000), np.float32))),
    "Opus": lambda: make.av_file(np.zeros((2, 480000), np.float32), 48000, "opus", "libopus"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_files_of_a_run_share_its_memory(name: str) -> None:
    data = FILES[name]()
    size = decode(io.BytesIO(data))[0].nbytes
    # Where a file does not say its length, its first guess is a minute.
    guess = MINUTE * 48000 * 2 * 4 if name in ("Opus", "MP3 without a length") else 0
    memory = Memory((3.5 * size + guess) / 1e9)
    for _ in range(3):
        decode(io.BytesIO(data), memory=memory)
    memory.take(guess)
    with pytest.raises(MediaError, match=r"more than .* GB of memory.*max_run_gb"):
        decode(io.BytesIO(data), memory=memory)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_takes_nothing_of_it(name: str) -> None:
    data = FILES[name]()
    size = decode(io.BytesIO(data))[0].nbytes
    memory = Memory((size + MINUTE * 48000 * 2 * 4) / 1e9)
    for _ in range(4):
        with pytest.raises(MediaError):
            decode(io.BytesIO(data[: len(data) // 2 if "WAV" in name else 200]), memory=memory)
    decode(io.BytesIO(data), memory=memory)


def test_memory_is_counted_right_from_many_threads() -> None:
    memory, begin = Memory(1e-6), threading.Barrier(8)

    def work(_: int) -> int:
        begin.wait()
        taken = 0
        for _ in range(100):
            try:
                memory.take(7)
                taken += 7
            except MediaError:
                return taken
        return taken

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 1000 // 7 * 7


@pytest.mark.slow
@pytest.mark.parametrize("format", ["wav", "flac", "mp3"])
def test_a_picture_of_a_long_file_takes_no_more_memory(format: str, tmp_path: Path) -> None:
    def peak(minutes: int) -> int:
        data = {
            "wav": lambda: silence(minutes * MINUTE, 16000, 1, "WAV"),
            "flac": lambda: silence(minutes * MINUTE, 16000, 1),
            "mp3": lambda: make.mp3(np.zeros((1, minutes * MINUTE * 16000), np.float32), 16000),
        }[format]()
        path = tmp_path / f"{minutes}.{format}"
        path.write_bytes(data)
        del data
        tracemalloc.start()
        try:
            with path.open("rb") as file:
                assert draw_file(file, max_minutes=60, width=800, height=120)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # imports
    # Decoded as a whole, ten minutes take 38 MB.
    assert peak(10) < peak(1) + 1_000_000


def test_a_picture_is_that_of_the_decoded_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(make.sound_file(make.music(3.0), 44100, "WAV"))
    waveform, rate = decode(path.open("rb"))
    with path.open("rb") as file:
        picture = draw_file(file, max_minutes=1, width=300, height=100)
    assert picture == draw_waveform(waveform, rate, width=300, height=100)


def test_a_file_that_is_too_long_or_no_audio_is_not_draw_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"longer than 0\.5 minutes"):
        draw_file(io.BytesIO(silence(31, 8000, 1)), max_minutes=0.5, width=80, height=40)
    with pytest.raises(MediaError, match="web page"):
        draw_file(io.BytesIO(b"<!DOCTYPE html><html>"), max_minutes=1, width=80, height=40)
    data = make.sound_file(np.full((1, 100), np.nan, np.float32), 8000, "WAV", subtype="FLOAT")
    with pytest.raises(MediaError, match="NaN"):
        draw_file(io.BytesIO(data), max_minutes=1, width=80, height=40)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(1, 30_000), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(1, 900),
)
def test_an_outline_does_not_depend_on_the_blocks(
    sizes: list[int], channels: int, width: int
) -> None:
    samples = np.random.default_rng(sum(sizes)).uniform(-1, 1, (channels, sum(sizes)))
    samples = samples.astype(np.float32)
    whole, pieces = Envelope(), Envelope()
    whole.add(samples)
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        pieces.add(samples[:, end - size : end])
    for one, other in zip(whole.columns(width), pieces.columns(width), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
    lanes = samples if channels <= 2 else samples.mean(axis=0, keepdims=True)
    low, high, loud = whole.columns(1)
    np.testing.assert_allclose(low[:, 0], lanes.min(axis=1), atol=1e-6)
    np.testing.assert_allclose(high[:, 0], lanes.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(loud[:, 0], np.sqrt((lanes**2).mean(axis=1)), rtol=1e-3)
