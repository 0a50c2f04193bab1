"""Keep folders within a size: remove the least recently used files first."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

# Seconds by which clocks may differ: some drives have their own clock.
_CLOCK_SLACK = 60.0


def make_room(paths: Iterable[Path], limit_bytes: float, *, in_use: float = 0.0) -> None:
    """Remove files and links of `paths` until the rest have at most `limit_bytes` together.

    Args:
        in_use: a file stays for this many seconds after its last use. The last use is the file's
            time of change.
    """
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            if not stat.S_ISDIR(status.st_mode):
                found.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    now = time.time()
    for used, size, path in sorted(found):
        if total <= limit_bytes:
            return
        # A last use in the future comes from a clock that was ahead: do not keep the file for it.
        if now - in_use < used <= now + _CLOCK_SLACK:
            continue
        # On Windows a file that a program reads cannot be removed: it stays, as it should.
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
