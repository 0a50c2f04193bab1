"""What the ledger asks of its database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from ..witness import Witness

T = TypeVar("T")


class Tables(Protocol):
    """The ledger's tables.

    Attributes:
        witness: the second record of what is written; None where the database needs none.
        bytewise: follows a text in SQL, which is then compared by its bytes.
    """

    @property
    def witness(self) -> Witness | None: ...

    @property
    def bytewise(self) -> str: ...

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, with a `?` for each value, and return its rows.

        Raises:
            LedgerError: the database cannot be read or written.
        """
        ...


class Engine(Tables, Protocol):
    """A database with the ledger's tables. Safe to use from several threads.

    Every method raises LedgerError where the database cannot be read or written.

    Attributes:
        owner: the name of this process in the rows that it submits, new in each process.
        is_shared: other machines write the same ledger.
        each_beat: called every `Timing.beat` seconds while the ledger can be reached, in a thread.
    """

    @property
    def owner(self) -> str: ...

    @property
    def is_shared(self) -> bool: ...

    each_beat: Callable[[], object]

    def write(self, work: Callable[[], T]) -> T:
        """Run `work` in one write transaction, which is on the disk when this returns.

        `work` may be called again where its first transaction was lost.

        Writers of all processes follow one another. A nested call joins the outer transaction.
        """
        ...

    def now(self) -> float:
        """Seconds since 1970, by the clock that dates the rows."""
        ...

    def is_living(self, owner: str) -> bool:
        """Whether the process of that name runs."""
        ...

    def beat(self) -> None:
        """Make sure that no other process takes this one for dead within `longest_silence`.

        Raises:
            LedgerError: the ledger did not hear it.
        """
        ...

    def check_usable(self) -> None:
        """
        Raises:
            LedgerError: what is written now, or the answer to it, would be lost.
        """
        ...

    def close(self) -> None: ...
