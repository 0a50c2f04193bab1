"""A stop ends every node that decodes, measures, draws or encodes, at any of its looks."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest
import torch

from ...audio.stopping import Stop, Stopped
from ...sandbox.composer import compose
from ...sandbox.server import Sandbox
from ..audio import make
from .test_music_nodes import Node, clip
from .test_nodes import run, submit

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("host_with_videos")]

T = TypeVar("T")
PATIENCE = 120.0
Work = Callable[[], Awaitable[Any]]


class Looks:
    """Counts the looks of a node's threads, and holds the one at number `at` until it is told."""

    def __init__(self, at: int = 0) -> None:
        self.count, self.at = 0, at
        self.reached = threading.Event()
        self.raised: Counter[int] = Counter()
        self.running, self.done = 0, threading.Condition()

    def token(self) -> Stop:
        looks, told = self, threading.Event()

        class Token(Stop):
            def set(self) -> None:
                super().set()
                told.set()

            def look(self) -> None:
                looks.count += 1
                if looks.count == looks.at:
                    looks.reached.set()
                    assert told.wait(PATIENCE)
                try:
                    super().look()
                except Stopped:
                    looks.raised[threading.get_ident()] += 1
                    raise

            def run(self, work: Callable[[], T]) -> T:
                with looks.done:
                    looks.running += 1
                try:
                    return super().run(work)
                finally:
                    with looks.done:
                        looks.running -= 1
                        looks.done.notify_all()

        return Token()

    def wait_for_threads(self) -> None:
        with self.done:
            assert self.done.wait_for(lambda: not self.running, PATIENCE)


@pytest.fixture(scope="module")
def music() -> Mapping[str, Any]:
    piece = compose("electronic, 120 bpm", 20.0)
    waveform = torch.as_tensor(piece.waveform, dtype=torch.float32).reshape(1, 2, -1)
    return {"waveform": waveform.repeat(1, 1, 2), "sample_rate": piece.sample_rate}


@pytest.fixture
def inputs(nodes: ModuleType) -> Path:
    return Path(importlib.import_module("folder_paths").get_input_directory())


@pytest.fixture
def watch(nodes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[[Looks], None]:
    running = importlib.import_module(f"{nodes.__name__}.host.running")
    return lambda looks: monkeypatch.setattr(running, "Stop", looks.token)


@pytest.fixture
def folders(output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where the pack may leave files: what is written, ComfyUI's temp folder, the system's."""
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))
    return [output, tmp_path / "host" / "temp", system]


def files(folders: list[Path]) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


FORMATS = ("flac", "wav", "mp3", "opus", "ogg")
MUSIC: dict[str, tuple[str, dict[str, Any]]] = {
    "Beats": ("Beats", {"smooth": 0.1}),
    "Fit Music": ("FitMusic", {"seconds": 27.0, "loudness": "-14 LUFS"}),
    "Fit Music to hits": ("FitMusic", {"seconds": 27.0, "hits": "[5.1, 9.4, 14.2]"}),
    "Fit Music by stretch": ("FitMusic", {"seconds": 38.0, "method": "stretch"}),
    "Fit Music by loop": ("FitMusic", {"seconds": 60.0, "method": "loop"}),
    "Make Loop": ("MakeLoop", {"min_seconds": 6.0}),
    "Layers": ("Layers", {}),
    "Stinger": ("Stinger", {}),
    "Make Loop that passes on": ("MakeLoop", {"loop": False}),
    "Shots": ("Shots", {"every": "strongest", "min_seconds": 2.0}),
    "Visualize": ("Visualize", {"width": 64, "height": 64, "title": "Stop"}),
    "Visualize by constant Q": ("Visualize", {"width": 64, "height": 64, "look": "constant-Q"}),
    **{
        f"Save Audio as {name}": (
            "SaveAudio",
            {"filename_prefix": "x/%bpm%", "format": {"format": name}},
        )
        for name in FORMATS
    },
}


async def stopped_at(work: Work, looks: Looks) -> None:
    """Cancel `work` at the look that `looks` holds; its thread has ended then."""
    task = asyncio.ensure_future(work())
    reached = asyncio.ensure_future(asyncio.to_thread(looks.reached.wait, PATIENCE))
    await asyncio.wait({task, reached}, return_when=asyncio.FIRST_COMPLETED)
    assert looks.reached.is_set(), "the node did not look"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(looks.wait_for_threads)


async def check_stops(work: Work, watch: Callable[[Looks], None], folders: list[Path]) -> None:
    """Stop `work` at its first look, in the middle and near its end: it leaves no file."""
    whole = Looks()
    watch(whole)
    await work()
    assert whole.count
    before = files(folders)
    for share in (0.0, 0.5, 0.9):
        looks = Looks(max(1, int(share * whole.count)))
        watch(looks)
        await stopped_at(work, looks)
        # Each thread of the work ends at its first look after the stop.
        assert looks.raised
        assert max(looks.raised.values()) == 1
        assert files(folders) == before


@pytest.mark.parametrize("name", MUSIC)
async def test_work_on_music_stops(
    name: str, node: Node, music: Any, watch: Any, folders: list[Path]
) -> None:
    kind, given = MUSIC[name]
    await check_stops(lambda: run(node, kind, audio=music, **given), watch, folders)


@pytest.mark.parametrize("mix", ["replace", "under", "duck"])
async def test_work_on_a_clip_stops(
    mix: str, node: Node, music: Any, watch: Any, folders: list[Path], inputs: Path, nodes: Any
) -> None:
    host = importlib.import_module(f"{nodes.__name__}.host")
    video = host.video_of(clip(inputs / "clip.mp4", 900, Fraction(30), sound=True))
    work = lambda: run(node, "AddSoundtrack", video=video, audio=music, mix=mix)  # noqa: E731
    await check_stops(work, watch, folders)


async def test_the_measuring_of_a_clip_stops(
    node: Node, watch: Any, folders: list[Path], inputs: Path, nodes: Any
) -> None:
    host = importlib.import_module(f"{nodes.__name__}.host")
    picture = host.video_of(clip(inputs / "clip.mp4", 900, Fraction(30)))
    await check_stops(lambda: run(node, "MusicLength", picture=picture), watch, folders)


async def test_the_description_of_a_clip_stops(
    node: Node, watch: Any, folders: list[Path], inputs: Path, nodes: Any
) -> None:
    host = importlib.import_module(f"{nodes.__name__}.host")
    video = host.video_of(clip(inputs / "clip.mp4", 200, Fraction(30), sound=True))
    await check_stops(lambda: run(node, "DescribeClip", video=video), watch, folders)


async def test_the_reading_of_a_table_stops(node: Node, watch: Any, folders: list[Path]) -> None:
    number = itertools.count()

    def work() -> Awaitable[Any]:
        # A table that was read before is not read again.
        rows = [f"n{row},10,piano {row} of {next(number)}" for row in range(200)]
        return run(node, "CueSheet", table="\n".join(["name,seconds,prompt", *rows]))

    await check_stops(work, watch, folders)


@pytest.mark.parametrize("format", FORMATS)
async def test_the_reading_of_a_receipt_stops(
    format: str, node: Node, watch: Any, folders: list[Path], inputs: Path, session: Any
) -> None:
    samples, path = make.music(40.0, sample_rate=48000), inputs / f"sound.{format}"
    if format == "opus":
        path.write_bytes(make.av_file(samples, 48000, "ogg", "libopus"))
    else:
        path.write_bytes(make.sound_file(samples, 48000, format))
    await check_stops(lambda: run(node, "ReadReceipt", file=path.name), watch, folders)


@pytest.mark.parametrize("kind", ["LoadAudioURL", "Takes"])
async def test_the_decoding_of_a_track_stops(
    kind: str, node: Node, sandbox: Sandbox, watch: Any, folders: list[Path]
) -> None:
    if kind == "Takes":
        work = lambda: run(node, "Takes", prompt="piano", duration=20.0, count=2)  # noqa: E731
    else:
        job, _ = await submit(node, duration=20.0, format="mp3")
        url, *_ = await run(node, "PollJob", job=job)
        given = {"url": url, "sample_rate": "48000", "channels": "mono"}
        work = lambda: run(node, "LoadAudioURL", **given)  # noqa: E731
    # From now on the tracks are stored, and each run looks as often as the one before.
    await work()
    await check_stops(work, watch, folders)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """ComfyUI's flag."""
    flag = threading.Event()
    management = importlib.import_module("comfy.model_management")
    monkeypatch.setattr(management, "processing_interrupted", flag.is_set)
    return flag


async def test_the_interrupt_flag_stops_the_thread_too(
    node: Node, music: Any, watch: Any, folders: list[Path], interrupted: threading.Event
) -> None:
    looks = Looks(20)
    watch(looks)
    task = asyncio.ensure_future(run(node, "Beats", audio=music))
    await asyncio.to_thread(looks.reached.wait, PATIENCE)
    interrupted.set()
    stopped = importlib.import_module("comfy.model_management").InterruptProcessingException
    with pytest.raises(stopped):
        await task
    await asyncio.to_thread(looks.wait_for_threads)
    assert max(looks.raised.values()) == 1
    assert files(folders) == set()


async def test_a_call_that_cannot_look_is_not_waited_for(
    nodes: ModuleType, watch: Any, folders: list[Path]
) -> None:
    """Its file goes when it returns."""
    host = importlib.import_module(f"{nodes.__name__}.host")
    began, returns, looks = threading.Event(), threading.Event(), Looks()
    watch(looks)

    def work() -> None:
        host.temporary_path(".mp4").write_bytes(b"half a clip")
        began.set()
        assert returns.wait(PATIENCE)

    task = asyncio.ensure_future(host.in_thread(work))
    await asyncio.to_thread(began.wait, PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(files(folders)) == 1
    returns.set()
    await asyncio.to_thread(looks.wait_for_threads)
    assert files(folders) == set()
