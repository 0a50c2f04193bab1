"""What the ledger lost, and the rule that nothing is bought until the user has accepted it."""

from __future__ import annotations

from ..errors import DamagedLedgerError, LedgerError
from .job import is_free
from .ledger_reader import LedgerReader
from .spending import SpendingRules

_STOPPED = (
    "What it lost would be bought again, so nothing is bought until you have read this: press Go "
    "on in the Music tab, or set the environment variable AIGATEWAY_ACCEPT_LEDGER_LOSS to true "
    "for a script. Nothing was sent."
)


class LedgerLoss(LedgerReader):
    """The part of `Ledger` that stops spending."""

    @property
    def loss(self) -> str | None:
        """What the ledger lost, until the user accepts it; nothing is bought meanwhile."""
        witness = self.engine.witness
        return None if witness is None else witness.loss.sentence()

    def accept_loss(self) -> None:
        """The user has read what was lost: spending goes on.

        Raises:
            LedgerError: the note of it cannot be removed.
        """
        witness = self.engine.witness
        if witness is not None:
            try:
                witness.loss.accept()
            except OSError as error:
                raise LedgerError(
                    f"The note of what was lost cannot be removed ({error}): remove it by hand."
                ) from error

    def check_may_spend(self, service: str, rules: SpendingRules | None) -> None:
        """
        Raises:
            DamagedLedgerError: the user has not accepted what the ledger lost.
            LedgerError: what is written now, or the answer to it, would be lost.
        """
        accepts = is_free(service) or (rules is not None and rules.accepts_ledger_loss)
        if not accepts and (loss := self.loss):
            raise DamagedLedgerError(f"{loss} {_STOPPED}")
        self.engine.check_usable()
