"""Limits for decoded audio: a length for each file, and a memory for all files of one run."""

from __future__ import annotations

import threading
from typing import NamedTuple

from .arrays import MediaError


class Memory:
    """The memory that decoded files may take together. It is safe to use from several threads.

    Args:
        most_gb: in 10^9 bytes.
    """

    def __init__(self, most_gb: float) -> None:
        self._most_gb = most_gb
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Count `size` more bytes.

        Raises:
            MediaError: the sum would be above the limit; the count is unchanged.
        """
        with self._lock:
            if self._taken + size > self._most_gb * 1e9:
                raise MediaError(
                    f"The decoded audio of this run takes more than {self._most_gb:g} GB of "
                    "memory: load fewer or shorter files in one run, or raise max_run_gb in the "
                    "settings."
                )
            self._taken += size

    def give_back(self, size: int) -> None:
        """Subtract `size` bytes from the count."""
        with self._lock:
            self._taken -= size


class Bounds(NamedTuple):
    """The limits for one decoded file: a length, and a share of the memory of its run."""

    max_minutes: float
    memory: Share


class Share:
    """The memory that one file takes from its run. `memory` None: the file has no run."""

    def __init__(self, memory: Memory | None) -> None:
        self._memory = memory
        self._taken = 0

    def take(self, size: int) -> None:
        """See `Memory.take`."""
        if self._memory is not None:
            self._memory.take(size)
            self._taken += size

    def settle(self, size: int) -> None:
        """Keep `size` bytes of the share, and give the rest back."""
        if self._memory is not None:
            self._memory.give_back(self._taken - size)
            self._taken = size
