"""Which processes are alive: each holds a lock of the operating system while it runs.

A row in `submitting` names its owner. A crash leaves the row, and frees the lock.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
from pathlib import Path

from filelock import FileLock, Timeout

_SWEPT = 100
"""How many lock files of earlier processes a start removes."""


class Owners:
    """The lock files in `directory`, which is made if need be; one of them is ours.

    Attributes:
        ours: the name of this process, new in each process.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.ours = uuid.uuid4().hex
        self._lock = FileLock(self._path(self.ours), thread_local=False)
        self._lock.acquire()
        # Each costs half a millisecond, and a crash leaves one: the others wait for later starts.
        for path in itertools.islice(directory.glob("*.lock"), _SWEPT):
            self.is_living(path.stem)

    def is_living(self, owner: str) -> bool:
        """Whether the process of that name runs. The lock file of a dead one is removed."""
        if owner == self.ours:
            return True
        path = self._path(owner)
        if not path.exists():
            return False
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        with contextlib.suppress(OSError):
            path.unlink()
        return False

    def close(self) -> None:
        self._lock.release()
        with contextlib.suppress(OSError):
            self._path(self.ours).unlink()

    def _path(self, owner: str) -> Path:
        return self._directory / f"{owner}.lock"
