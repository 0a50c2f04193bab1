"""The tracks that were paid for: the provider's files, byte for byte, by content hash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

# A track used within this time is never evicted: a graph that runs may be using it, in this
# process or in another one.
IN_USE_SECONDS = 6 * 3600.0
GIGABYTE = 1e9
FOLDER = "tracks"
"""Its name, beside the ledger."""


class Store:
    """A folder of tracks within a size limit.

    Args:
        directory: made if need be.
        limit_bytes: above this, the tracks that were used longest ago go first.
    """

    def __init__(self, directory: Path, limit_bytes: float) -> None:
        self._directory = directory
        self.limit_bytes = limit_bytes

    def put(self, content: bytes | memoryview, extension: str) -> str:
        """Keep a file; on the disk when this returns.

        Args:
            extension: without the dot, such as `mp3`.

        Returns:
            The name by which `path` finds it.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        name = f"{digest[:2]}/{digest}.{extension}"
        path = self._directory / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{digest}.{os.getpid()}.{time.monotonic_ns()}.tmp")
            try:
                with temporary.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
                _sync_folder(path.parent)
            finally:
                temporary.unlink(missing_ok=True)
        self.path(name)
        self.evict()
        return name

    def path(self, name: str) -> Path | None:
        """The file, marked as used just now; None if it is not here any more."""
        path = self._directory / name
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError:
            # A read-only store still plays.
            return path if path.exists() else None
        return path

    def evict(self) -> None:
        """Remove what was used longest ago until the limit is kept, sparing what is in use."""
        files = []
        for path in self._directory.glob("??/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        in_use = time.time() - IN_USE_SECONDS
        for used, size, path in sorted(files):
            if total <= self.limit_bytes or used > in_use:
                return
            # On Windows a file that is being read cannot be removed, which is as it should be.
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk too; Windows does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
