"""Room on the disk that is kept for the answers to submits.

The file takes its room before a request leaves. When the disk is full and an answer comes, the file
goes, and the answer is written where it was.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ...files.atomic import write_file

FILE_NAME = "ledger.reserve"
BYTES = 1 << 20
"""Room for the pages of some hundred answers."""


class Reserve:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Take the room, unless it is taken already.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        with contextlib.suppress(OSError):
            if self._path.stat().st_size == BYTES:
                return
        # A disk that compresses would give no room to zeros.
        write_file(self._path, os.urandom(BYTES), mode=0o600)

    def release(self) -> bool:
        """Give the room back; False where there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
