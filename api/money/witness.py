"""What stands beside the ledger's file: a log of its rows, room for answers, and what was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import loss, reserve, row_log
from .loss import Loss
from .reserve import Reserve
from .row_log import Change, RowLog, is_kept_on_the_disk, is_new


class Witness:
    """The second record in `directory`. The engine calls it inside its own lock.

    Attributes:
        log: what was written to the rows.
        loss: what the ledger lost, until the user accepts it.
        reserve: room for answers on a disk that is full.
    """

    def __init__(self, directory: Path) -> None:
        self.log = RowLog(directory / row_log.FILE_NAME)
        self.loss = Loss(directory / loss.FILE_NAME)
        self.reserve = Reserve(directory / reserve.FILE_NAME)
        self._noted: list[Change] = []

    def begin(self) -> None:
        """A transaction begins: what an earlier one noted and did not write is void."""
        self._noted.clear()

    def note(self, local_id: str, values: Mapping[str, Any]) -> None:
        """The transaction writes these columns of a row."""
        self._noted.append((local_id, dict(values)))

    def take(self) -> list[Change]:
        """What the transaction noted."""
        noted, self._noted = self._noted, []
        return noted

    def append(self, changes: Sequence[Change]) -> None:
        """Write lines into the log.

        Raises:
            OSError: the disk is full, or the log cannot be written.
        """
        if not changes:
            return
        durable = is_kept_on_the_disk(changes)
        try:
            self.log.append(changes, durable=durable)
        except OSError:
            # The room is for answers: a new purchase on a full disk is refused.
            if any(is_new(values) for _, values in changes) or not self.reserve.release():
                raise
            self.log.append(changes, durable=durable)

    def keep(self, local_id: str, values: Mapping[str, Any]) -> bool:
        """Keep what the ledger does not take, in the log; False where that takes nothing either."""
        try:
            self.append([(local_id, values)])
        except OSError:
            return False
        return True

    def kept(self, local_id: str) -> Mapping[str, Any]:
        """The columns of a row by the log; empty where it does not know the row."""
        return self.log.rows().get(local_id, {})
