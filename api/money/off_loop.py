"""The one way from an event loop to the ledger: a call in a thread.

A ledger call waits for the disk, and up to `Timing.busy_timeout` for another process. In an event
loop it would stop every poll and every node.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Threads of their own: the default ones may all wait for bytes of downloads.
_threads = ThreadPoolExecutor(4, thread_name_prefix="aigateway-ledger")


async def off_loop(call: Callable[P, T], *values: P.args, **options: P.kwargs) -> T:
    """Run a blocking call in a thread. The call goes on when the await is cancelled."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, functools.partial(call, *values, **options))
