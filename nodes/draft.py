"""A file that is written before it gets its number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from . import host

T = TypeVar("T")


class Draft:
    """A hidden file in the folder where the finished file will be. An interrupt removes it.

    Args:
        prefix: see `host.publish`.
        extension: with its dot.
    """

    def __init__(self, prefix: str, extension: str) -> None:
        self._prefix = prefix
        self._extension = extension
        self._path: Path | None = None
        self._lock = threading.Lock()
        self._is_given_up = False

    def fill(self, write: Callable[[Path], T]) -> T:
        """Let `write` write the file. Runs in a thread, which goes on after an interrupt."""
        path = host.draft_path(self._prefix, self._extension)
        result = write(path)
        with self._lock:
            self._path = path
            if self._is_given_up:
                path.unlink(missing_ok=True)
        return result

    def publish(self) -> host.Slot:
        """Give the file its number. Raises FileNotFoundError: it was given up."""
        with self._lock:
            if self._path is None or self._is_given_up:
                raise FileNotFoundError("The file is not complete: queue again.")
            return host.publish(self._path, self._prefix)

    def give_up(self) -> None:
        """Remove the file, now or once it is written. A published file stays."""
        with self._lock:
            self._is_given_up = True
            if self._path is not None:
                self._path.unlink(missing_ok=True)
