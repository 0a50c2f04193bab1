"""The files of the jobs: each is rendered once, one after the other, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .jobs import SandboxJob
from .render import MusicRequest


class Renderings:
    """Starts and remembers renderings.

    Args:
        render: makes the file of a request; blocks, so it is called in a thread.
    """

    def __init__(self, render: Callable[[MusicRequest], bytes]) -> None:
        self._render = render
        self._tasks: dict[str, asyncio.Task[bytes]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)

    def start(self, job: SandboxJob) -> asyncio.Task[bytes]:
        """The rendering of this job, started unless it was before."""
        task = self._tasks.get(job.id)
        if task is None:
            task = self._tasks[job.id] = asyncio.ensure_future(self._run(job))
            # Read the exception: else asyncio logs it when nobody fetches the file.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def cancel(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    async def _run(self, job: SandboxJob) -> bytes:
        request = job.request
        if job.cards.has("short"):
            request = request._replace(duration=max(5.0, request.duration / 2))
        async with self._one_at_a_time:
            try:
                content = await asyncio.to_thread(self._render, request)
            except Exception as error:
                job.broken = f"The sandbox could not compose this: {error}"
                raise
        job.rendered = True
        return content
