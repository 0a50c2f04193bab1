"""What this machine holds: the ledger's rows and the stored tracks. No network.

Every method runs its disk access in a thread, so an event loop may await it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .media.track_store import FOLDER, TrackStore
from .money.job import Job
from .money.ledger import Ledger
from .money.off_loop import off_loop
from .money.prices import Catalogue
from .money.spending import Quote
from .request import MusicRequest
from .settings import Settings
from .timing import Timing


class Totals(NamedTuple):
    """Sums over the ledger: jobs that have not ended, US dollars since two times."""

    active: int
    spent_today: float
    spent_this_month: float


class Library:
    """The ledger and the track store in `directory`, which is made if need be.

    Raises:
        LedgerError: see `Ledger`.
    """

    def __init__(self, directory: Path, timing: Timing | None = None) -> None:
        timing = timing or Timing()
        self.directory = directory
        self.ledger = Ledger(directory, timing)
        self.store = TrackStore(directory / FOLDER, timing.in_use)

    def close(self) -> None:
        self.ledger.close()

    async def job(self, local_id: str) -> Job:
        """Raises KeyError: no such row."""
        return await off_loop(self.ledger.get, local_id)

    async def job_of_file(self, path: Path) -> Job | None:
        """The job whose stored track is `path`."""
        return await off_loop(self.ledger.by_file, path)

    async def stored_track(self, job: Job) -> Path | None:
        """The job's file on this machine; None if it is not here (any more)."""
        return await off_loop(self.store.path, job.file) if job.file else None

    async def page(self, search: str, *, limit: int, offset: int) -> tuple[list[Job], int]:
        """See `Ledger.page`."""
        return await off_loop(self.ledger.page, search, limit=limit, offset=offset)

    async def totals(self, *, today: float, month: float) -> Totals:
        """`today` and `month` are when they began, seconds since 1970."""
        return await off_loop(self._totals, today, month)

    async def quote(
        self, request: MusicRequest, settings: Settings, *, count: int = 1, runs: int = 1
    ) -> Quote:
        """The price of `count` tracks like `request` in each of `runs` runs to come.

        `Account.submit` applies the same rules to the same price. Never asks the network.
        """
        return await off_loop(self._quote, request, settings, count, runs)

    async def dead_attempts(self, service: str, request: MusicRequest | None) -> int:
        """See `Ledger.dead_attempts`."""
        return await off_loop(self.ledger.dead_attempts, service, request)

    def catalogue(self, service: str) -> Catalogue:
        return Catalogue(self.directory, service)

    def _quote(self, request: MusicRequest, settings: Settings, count: int, runs: int) -> Quote:
        service = settings.service
        each = self.catalogue(service).price(request)
        living = self.ledger.living(service, request) if count * runs == 1 else None
        if living is not None and living.state.is_bought:
            return Quote(each, 0.0, is_bought=True)
        return self.ledger.quote(service, each, settings.spending_rules, count=count, runs=runs)

    def _totals(self, today: float, month: float) -> Totals:
        ledger = self.ledger
        return Totals(ledger.count_active(), ledger.spent(since=today), ledger.spent(since=month))


def model_choices(directory: Path, service: str) -> list[str]:
    """The models of a service as far as they are known in `directory`, the default first."""
    return Catalogue(directory, service).models()
