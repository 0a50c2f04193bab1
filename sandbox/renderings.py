"""The files of the jobs: rendered in threads, one for each core, and kept for a while."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from .jobs import SandboxJob
from .render import MusicRequest

_MAX_BYTES = 128_000_000
_MOST_BROKEN = 100
# ComfyUI, which may hold the sandbox, needs cores too.
_MOST_CORES = 4


class Renderings:
    """Starts and remembers renderings. One that had to go is rendered again when it is asked for.

    Args:
        render: makes the file of a request; blocks, so it is called in a thread.
        max_bytes: of all files that are kept; the oldest go first.
    """

    def __init__(
        self, render: Callable[[MusicRequest], bytes], max_bytes: int = _MAX_BYTES
    ) -> None:
        self._render = render
        self._max_bytes = max_bytes
        self._kept: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[bytes]] = {}
        self._cores = asyncio.Semaphore(min(os.cpu_count() or 1, _MOST_CORES))

    def start(self, job: SandboxJob) -> asyncio.Task[bytes]:
        """The rendering of this job, started unless it was before."""
        task = self._tasks.get(job.id)
        if task is None:
            task = self._tasks[job.id] = asyncio.ensure_future(self._run(job))
            # Read the exception: else asyncio logs it when nobody fetches the file.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    @property
    def waiting(self) -> int:
        """Renderings that have not ended."""
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
                self._forget_broken()
                raise
        job.rendered = True
        self._keep(job.id, len(content))
        return content

    def _forget_broken(self) -> None:
        broken = [id for id, task in self._tasks.items() if task.done() and id not in self._kept]
        for id in broken[:-_MOST_BROKEN]:
            del self._tasks[id]

    def _keep(self, job_id: str, size: int) -> None:
        self._kept[job_id] = size
        while sum(self._kept.values()) > self._max_bytes and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            del self._tasks[oldest]
