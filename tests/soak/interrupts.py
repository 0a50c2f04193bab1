"""Interrupts of the nodes that decode, measure, draw and encode, while they work."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..audio import make
from ..video.make import make_clip
from ..videos import VideoFromFile, classes

EVERY = 20.0
"""Seconds from one interrupt to the next."""
IDLE = 1.5
"""Seconds after an interrupt in which a node and its thread end."""
MINUTES = 4
RATE = 44100

Work = Callable[[], Awaitable[Any]]


class Interrupts:
    """Starts one node after the other, and interrupts each at a random time of its work.

    Attributes:
        slowest: for each node, its most seconds from an interrupt to its end.
        finished: how many nodes ended before their interrupt.
        problems: a sentence for each that ended late, or left a file.
    """

    def __init__(self, run: Callable[..., Awaitable[Any]], folder: Path) -> None:
        latest: Any = importlib.import_module("comfy_api.latest")
        latest.InputImpl = classes()
        self._management: Any = importlib.import_module("comfy.model_management")
        self._folders = [folder, Path(tempfile.gettempdir())]
        self._works = itertools.cycle(self._nodes(run, folder).items())
        self._random = random.Random(0)
        self._lasts: dict[str, float] = {}
        self.slowest: dict[str, float] = {}
        self.finished = 0
        self.problems: list[str] = []

    def _nodes(self, run: Callable[..., Awaitable[Any]], folder: Path) -> dict[str, Work]:
        inputs = folder / "comfyui" / "input"
        samples = make.music(60.0 * MINUTES, sample_rate=RATE)
        audio = {"waveform": torch.from_numpy(samples)[None], "sample_rate": RATE}
        (inputs / "long.flac").write_bytes(make.sound_file(samples, RATE, "flac"))
        own = np.ascontiguousarray(samples[:, : RATE * 60])
        clip = make_clip(inputs / "clip.mp4", 60 * 30, Fraction(30), sound=own, sound_rate=RATE)
        video = VideoFromFile(clip)
        number = itertools.count()

        def table() -> str:
            rows = [f"n{row},10,piano {row} of {next(number)}" for row in range(1000)]
            return "\n".join(["name,seconds,prompt", *rows])

        async def track() -> Any:
            job, _ = await run(
                "PromptToMusic", prompt=f"long {next(number)}", duration=240.0, format="wav"
            )
            url, *_ = await run("PollJob", job=job)
            return await run("LoadAudioURL", url=url, sample_rate="48000", channels="stereo")

        duck = {"mix": "duck", "loudness": "-14 LUFS"}
        return {
            "Add Soundtrack": lambda: run("AddSoundtrack", video=video, audio=audio, **duck),
            "Visualize": lambda: run("Visualize", audio=audio, width=320, height=180),
            "Load Audio URL": track,
            "Cue Sheet": lambda: run("CueSheet", table=table()),
            "Fit Music": lambda: run("FitMusic", audio=audio, seconds=150.0, loudness="-14 LUFS"),
            "Beats": lambda: run("Beats", audio=audio),
            "Make Loop": lambda: run("MakeLoop", audio=audio),
            "Music Length": lambda: run("MusicLength", picture=video),
            "Read Receipt": lambda: run("ReadReceipt", file="long.flac"),
            "Save Audio": lambda: run(
                "SaveAudio", audio=audio, filename_prefix="long", format={"format": "mp3"}
            ),
        }

    def one(self) -> None:
        """Run the next node in a loop of its own, as ComfyUI does, and interrupt it."""
        name, work = next(self._works)
        before = self._files()
        if asyncio.run(self._is_interrupted(name, work)):
            for path in sorted(self._files() - before):
                self.problems.append(f"{name} left {path.name} when it was interrupted.")

    async def _is_interrupted(self, name: str, work: Work) -> bool:
        """Whether the interrupt came before the end of `work`."""
        began = time.monotonic()
        task = asyncio.ensure_future(work())
        await asyncio.wait({task}, timeout=self._random.uniform(0, self._lasts.get(name, 2.0)))
        if task.done():
            task.result()
            self.finished += 1
            self._lasts[name] = 0.8 * (time.monotonic() - began)
            return False
        told = time.monotonic()
        self._management.interrupt_current_processing(True)
        try:
            await task
        except self._management.InterruptProcessingException:
            took = time.monotonic() - told
            self.slowest[name] = max(took, self.slowest.get(name, 0.0))
            if took > IDLE:
                self.problems.append(f"{name} ended {took:.2f} s after its interrupt.")
            return True
        finally:
            self._management.interrupt_current_processing(False)
        return False

    def _files(self) -> set[Path]:
        """The files in ComfyUI's folders, and the pack's in the system's temporary folder."""
        here, system = self._folders
        ours = (path for path in (here / "comfyui" / "temp").rglob("*") if path.is_file())
        return {*ours, *system.glob("aigateway*")}

    def report(self) -> Iterator[str]:
        """The figures in lines."""
        yield f"{self.finished} nodes ended before their interrupt"
        for name, took in sorted(self.slowest.items(), key=lambda pair: -pair[1]):
            yield f"{took:8.2f} s from interrupt to idle: {name}"
