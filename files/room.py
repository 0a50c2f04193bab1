"""Keep folders within a size: what was used longest ago goes first."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

# Seconds by which clocks may differ: some drives have one of their own.
_CLOCK_SLACK = 60.0


def make_room(paths: Iterable[Path], limit_bytes: float, *, in_use: float = 0.0) -> None:
    """Remove files and links of `paths` until the others have at most `limit_bytes` together.

    Args:
        in_use: seconds after its last use in which a file stays. Its time of change is its last
            use.
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
        # A use that is yet to come is of a clock that was ahead.
        if now - in_use < used <= now + _CLOCK_SLACK:
            continue
        # On Windows a file that is being read cannot be removed, which is right.
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size
