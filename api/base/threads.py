"""Threads beside ComfyUI's: one for the account's event loop, some for calls that block.

ComfyUI runs each graph in a new event loop. Connections, the rate limiter and the waits that
several nodes share must survive it, so they are in a separate loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Separate threads: the default threads may all wait for bytes of downloads.
_blocking = concurrent.futures.ThreadPoolExecutor(4, thread_name_prefix="aigateway-ledger")


async def off_loop(call: Callable[P, T], *values: P.args, **options: P.kwargs) -> T:
    """Run a blocking call in a thread: the only way from an event loop to the ledger.

    A ledger call waits for the disk, and up to `Timing.busy_timeout` for another process. In an
    event loop it would stop every poll and every node. The call goes on when the await is
    cancelled.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_blocking, functools.partial(call, *values, **options))


class LoopThread:
    """A running loop. Asynchronous callers use `run`, all others use `call`."""

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
