"""An event loop in a thread of its own.

ComfyUI runs each graph in a fresh event loop. Connections, the rate limiter and the waits that
several nodes share must outlive it, so they live here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """A running loop; `run` is for asynchronous callers, `call` for all others."""

    def __init__(self, name: str = "aigateway") -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine here; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine from another loop."""
        return await asyncio.wrap_future(self.start(coroutine))

    def call(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Block the calling thread until the coroutine has ended."""
        return self.start(coroutine).result(timeout)

    def stop(self) -> None:
        """Cancel all tasks and end the thread, without waiting for it."""
        self.loop.call_soon_threadsafe(self.loop.stop)

    def close(self) -> None:
        """As `stop`, and wait for the end of the thread."""
        self.stop()
        self._thread.join()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()
