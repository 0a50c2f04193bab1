"""The other machines that share a ledger, as the rest of the pack sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.timing import Timing
from ..wire.key import ApiKey
from ..wire.protocol import JobRecord, Model
from ..wire.rate_limit import RateLimiter
from .job import Job
from .rows import Engine
from .sqlite import SqliteEngine

if TYPE_CHECKING:
    from .ledger import Ledger


class Peers:
    """No other machine: each method answers for this machine alone.

    A ledger that machines share has a subclass of this class.
    """

    def opened(self, directory: Path, timing: Timing) -> Engine:
        """The database of the ledger, made if it does not exist.

        Raises:
            LedgerError: the database cannot be used. Never use another database in its place.
        """
        return SqliteEngine(directory, timing)

    def join(self, ledger: Ledger) -> None:
        """Note that the ledger of this machine is open.

        Raises:
            LedgerError: answers of an earlier process cannot be written.
        """

    def bind(self, service: str, key: ApiKey | None) -> None:
        """Note that `key` buys from the service with this ledger.

        Raises:
            LedgerError: another key already buys with it. The gateway would not find that key's
                jobs with this one.
        """

    def rate_limiter(self, service: str, timing: Timing, clock: Callable[[], float]) -> RateLimiter:
        """The schedule of the requests of the key. `clock` gives seconds, monotonic."""
        return RateLimiter(timing, clock)

    def watch(self, job: Job) -> bool:
        """Whether this machine polls the job. If not, it reads the ledger meanwhile."""
        return True

    def unwatch(self, job: Job) -> None:
        """Note that this machine no longer polls the job."""

    def catalogue(self, service: str) -> tuple[float, list[Model]] | None:
        """The model list that another machine has fetched, and its age in seconds."""
        return None

    def share_catalogue(self, service: str, models: Iterable[Model]) -> None:
        """Give the other machines a model list that has just been fetched."""

    def answer_later(self, job: Job, record: JobRecord) -> None:
        """Do as `Ledger.answered`, once the ledger can be written."""

    def end_submit_later(self, job: Job, **values: Any) -> None:
        """Do as `Ledger.end_submit`, once the ledger can be written."""

    def is_late(self, local_id: str) -> bool:
        """Whether a change of the row waits until the ledger can be written."""
        return False
