"""What the files that one run loads share: turns, and the memory of decoded audio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from ..api.settings import Settings
    from ..audio.memory import Memory

AT_ONCE = 4
"""Files that are downloaded at the same time. Each may take `max_download_mb` of memory."""


class Shared(NamedTuple):
    """Of one run.

    Attributes:
        turn: held while a file is downloaded and decoded.
    """

    turn: asyncio.Semaphore
    memory: Memory


# ComfyUI has a new event loop for each run.
_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Shared] = WeakKeyDictionary()


def of_this_run(settings: Settings) -> Shared:
    """What the running nodes share. The first one's settings count."""
    from ..audio.memory import Memory

    loop = asyncio.get_running_loop()
    if loop not in _of_loop:
        _of_loop[loop] = Shared(asyncio.Semaphore(AT_ONCE), Memory(settings.max_run_gb))
    return _of_loop[loop]
