"""The files of the jobs. Threads compose them, one thread per core; old files are dropped."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import SKETCH_NOTICE
from .job_book import SandboxJob, SketchRequest

_MAX_BYTES = 128_000_000
# ComfyUI may share the process with the sandbox, and needs cores too.
_MOST_CORES = 4


def sketch(request: SketchRequest) -> bytes:
    """Compose and encode exactly `duration` seconds of music. Blocks for at most some seconds."""
    import torch

    from ..audio.encode import encode
    from ..audio.formats import Encoding, Format
    from .composer import compose

    composed = compose(request.prompt, request.duration, request.lyrics, request.seed)
    style = composed.score.style
    encoding = {
        "mp3": Encoding(Format.MP3, "192 kbit/s", quick=True),
        "wav": Encoding(Format.WAV, "16 bit"),
    }[request.format]
    tags = {
        "title": request.prompt[:100],
        "artist": "AIgateway sandbox",
        "comment": f"{SKETCH_NOTICE}. {style.tempo:g} bpm, {style.key.name}, {style.mood}.",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sketch.{request.format}"
        encode(torch.from_numpy(composed.waveform), composed.sample_rate, path, encoding, tags=tags)
        return path.read_bytes()


class Sketches:
    """The jobs' files. A file that was dropped is composed again when a client asks for it.

    Args:
        render: makes the file of a request. It blocks, so it runs in a thread.
        max_bytes: the limit for all files together. The oldest files are dropped first.
    """

    def __init__(
        self, render: Callable[[SketchRequest], bytes] = sketch, max_bytes: int = _MAX_BYTES
    ) -> None:
        self._render = render
        self._max_bytes = max_bytes
        self._sizes: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[bytes]] = {}
        self._cores = asyncio.Semaphore(min(os.cpu_count() or 1, _MOST_CORES))

    def __len__(self) -> int:
        """The number of files in memory or in progress."""
        return len(self._tasks)

    def start(self, job: SandboxJob) -> asyncio.Task[bytes]:
        """The task that makes this job's file. It is started if it does not exist yet."""
        task = self._tasks.get(job.id)
        if task is None:
            task = self._tasks[job.id] = asyncio.ensure_future(self._run(job))
            # Read the exception, or asyncio logs it if no client fetches the file.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    @property
    def waiting(self) -> int:
        """The number of tasks that have not ended."""
        return sum(not task.done() for task in self._tasks.values())

    def cancel(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    async def _run(self, job: SandboxJob) -> bytes:
        async with self._cores:
            try:
                content = await asyncio.to_thread(self._render, job.delivered)
            except Exception as error:
                job.broken = f"The sandbox could not compose this: {error}"
                del self._tasks[job.id]
                raise
        job.rendered = True
        self._sizes[job.id] = len(content)
        while sum(self._sizes.values()) > self._max_bytes and len(self._sizes) > 1:
            oldest = next(iter(self._sizes))
            del self._sizes[oldest], self._tasks[oldest]
        return content
