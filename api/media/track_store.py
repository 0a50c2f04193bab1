"""The bought tracks on this machine: the gateway's files, byte for byte, named by their hash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

from ...files.atomic import write_file
from ...files.sniff import SNIFF_BYTES, sniff

GIGABYTE = 1e9
# Seconds by which clocks may differ: some drives have one of their own.
_CLOCK_SLACK = 60.0
FOLDER = "tracks"
"""The name of the folder, beside the ledger."""


class TrackStore:
    """A folder of files within a size limit.

    Args:
        directory: made if need be.
        in_use: seconds after its last use in which a file is not evicted: a running graph may
            read it, in this process or in another one.
    """

    def __init__(self, directory: Path, in_use: float) -> None:
        self._directory = directory
        self._in_use = in_use

    def put(self, content: bytes | memoryview, limit_bytes: float) -> str:
        """Keep a file; on the disk when this returns.

        Args:
            limit_bytes: above this size of the store, the files that were used longest ago go.

        Returns:
            The name by which `path` finds it.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        extension = sniff(content[:SNIFF_BYTES]).extension
        name = f"{digest[:2]}/{digest}.{extension}"
        path = self._directory / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, content)
        self.path(name)
        self.evict(limit_bytes)
        return name

    def path(self, name: str) -> Path | None:
        """The file, marked as used now; None if it is not here (any more)."""
        path = self._directory / name
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError:
            # A read-only store still plays.
            return path if path.exists() else None
        return path

    def evict(self, limit_bytes: float) -> None:
        """Remove what was used longest ago until the limit is kept; files in use stay."""
        files = []
        for path in self._directory.glob("??/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        now = time.time()
        for used, size, path in sorted(files):
            if total <= limit_bytes:
                return
            # A use that is yet to come is of a clock that was ahead.
            if now - self._in_use < used <= now + _CLOCK_SLACK:
                continue
            # On Windows a file that is being read cannot be removed, which is right.
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
