"""The bought tracks on this machine: the gateway's files, byte for byte, named by their hash."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ...files.atomic import write_file
from ...files.hashed import hashed_name, is_whole
from ...files.size_limit import make_room

GIGABYTE = 1e9
FOLDER = "tracks"
"""The name of the folder, beside the ledger."""

_NAME = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}\.[a-z0-9]{1,8}")


def name_of(content: bytes | memoryview) -> str:
    """The name by which a store finds a track with these bytes."""
    name = hashed_name(content)
    return f"{name[:2]}/{name}"


def is_name(name: str) -> bool:
    """Whether `name_of` can return this name."""
    return _NAME.fullmatch(name) is not None


class TrackStore:
    """A folder of files within a size limit. The store does not follow links.

    Args:
        directory: made if it does not exist.
        in_use: seconds after its last use in which a file is not evicted: a running graph may
            read it, in this process or in another one.
    """

    def __init__(self, directory: Path, in_use: float) -> None:
        self._directory = directory
        self._in_use = in_use
        self._checked: dict[str, tuple[int, ...]] = {}

    def put(self, name: str, content: bytes | memoryview, limit_bytes: float) -> Path:
        """Store a file; it is on the disk when this returns. A damaged file is replaced.

        Args:
            name: the `name_of` its bytes.
            limit_bytes: above this size of the store, the files used longest ago are removed.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        path = self.path(name)
        if path is None:
            path = self._directory / name
            if not self._has_no_link(path.parent):
                path.parent.unlink()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, content)
            self._checked[name] = _mark(path)
        self.evict(limit_bytes)
        return path

    def path(self, name: str) -> Path | None:
        """The file, marked as used now; None if it is missing or damaged.

        Its bytes are checked once, and again after another program has changed it. For a name of
        another form than that of `name_of` the result is None.
        """
        path = self._directory / name
        try:
            if not (is_name(name) and self._has_no_link(path)):
                return None
            if self._checked.get(name) != _mark(path) and not is_whole(path):
                return None
            # The tracks of a read-only store can still be played.
            with contextlib.suppress(OSError):
                os.utime(path)
            self._checked[name] = _mark(path)
        except OSError:
            return None
        return path

    def evict(self, limit_bytes: float) -> None:
        """Remove the files that were used longest ago until the limit holds; files in use stay."""
        make_room(self._files(), limit_bytes, in_use=self._in_use)

    def _files(self) -> Iterator[Path]:
        for folder in self._directory.glob("??"):
            if self._has_no_link(folder):
                yield from folder.glob("*")

    def _has_no_link(self, path: Path) -> bool:
        """Whether the path from the store's folder to `path` has no link of any kind."""
        root = os.path.realpath(self._directory)
        return os.path.realpath(path) == os.path.join(root, path.relative_to(self._directory))


def _mark(path: Path) -> tuple[int, ...]:
    """A mark of a file that differs after a change of its bytes."""
    status = os.lstat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns
