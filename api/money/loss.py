"""What the ledger lost, in a file beside it until the user has read it.

While the file is there, nothing is bought: what the ledger does not know would be bought again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from ...files.atomic import write_file
from ..plain_text import plain

FILE_NAME = "ledger.loss.txt"


class Loss:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, sentence: str) -> None:
        """Stop the spending, and keep why. A loss that was noted before stays in the text.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        before = self.sentence()
        if before is None or sentence not in before:
            text = f"{before} {sentence}" if before else sentence
            write_file(self._path, plain(text).encode(), mode=0o600)

    def sentence(self) -> str | None:
        """What was lost; None where nothing was, or where the user has accepted it."""
        try:
            return plain(self._path.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"The file {self._path} cannot be read ({error})."

    def accept(self) -> None:
        """The user has read it: spending goes on.

        Raises:
            OSError: the file cannot be removed.
        """
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
