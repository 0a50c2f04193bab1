"""The ledger's rows and the stored tracks of this machine. Sends no request to the gateway.

Every method runs its disk access in a thread, so an event loop may await it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock

from .base.hints import Hint, hints_for
from .base.secret import Secret
from .base.threads import off_loop
from .base.timing import Timing
from .media.stored_tracks import SharedStore, StoredTracks
from .media.track_store import FOLDER, GIGABYTE, TrackStore
from .money.job import Job, State
from .money.ledger import Ledger
from .money.listing import Page
from .money.prices import Catalogue, Price, expected_prices, price_fall
from .money.spending import Quote
from .money.sqlite import FILE_NAME

if TYPE_CHECKING:
    from .base.request import MusicRequest
    from .farm.shared_addresses import LedgerUrl
    from .settings import Settings

# The most requests of a list that get hints.
_MOST_HINTED = 20


class Totals(NamedTuple):
    """Sums over the ledger: jobs that have not ended, and US dollars since two times.

    `loss` is the note of lost rows, until the user accepts it.
    """

    active: int
    spent_today: float
    spent_this_month: float
    loss: str | None = None


class Library:
    """The ledger and the track store in `directory`, which is made if need be.

    Args:
        ledger_url: the ledger that machines share, which replaces the one in `directory`.

    Raises:
        LedgerError: see `Ledger`.
    """

    def __init__(
        self,
        directory: Path,
        timing: Timing | None = None,
        *,
        ledger_url: LedgerUrl | None = None,
    ) -> None:
        timing = timing or Timing()
        self.directory = directory
        self.ledger = Ledger(directory, timing, ledger_url.peers() if ledger_url else None)
        # The lock of the process that collects the jobs without a wait.
        self.watching = FileLock(directory / "watching.lock", thread_local=False)
        self.store = TrackStore(directory / FOLDER, timing.in_use)
        self._timing = timing
        self._buckets: dict[Secret, SharedStore] = {}

    def close(self) -> None:
        self.ledger.close()

    async def job(self, local_id: str) -> Job:
        """Raises KeyError: no such row."""
        return await off_loop(self.ledger.get, local_id)

    async def job_of_file(self, path: Path) -> Job | None:
        """The job whose stored track is `path`."""
        return await off_loop(self.ledger.by_file, path)

    async def job_of_id(self, service: str, job_id: str) -> Job | None:
        """The job with this `job_id`."""
        return await off_loop(self.ledger.by_job_id, service, job_id)

    async def stored_track(self, job: Job, settings: Settings) -> Path | None:
        """The job's file on this machine, if need be from the bucket; None if neither has it.

        Raises:
            BucketError: see `StoredTracks.find`.
            SettingsError: see `StoreUrl.bucket`.
        """
        found = await self.stored_tracks(settings).find(job)
        return None if isinstance(found, bytes) else found

    def stored_tracks(self, settings: Settings) -> StoredTracks:
        """
        Raises:
            SettingsError: see `StoreUrl.bucket`.
        """
        url = None if settings.is_sandbox else settings.store_url
        bucket = None
        if url is not None:
            bucket = self._buckets.get(url) or self._buckets.setdefault(
                url, url.bucket(self._timing)
            )
        return StoredTracks(
            self.store,
            self.ledger,
            bucket,
            limit_bytes=settings.store_limit_gb * GIGABYTE,
            max_bytes=settings.max_download_bytes,
        )

    async def page(
        self,
        search: str,
        *,
        show: str = "all",
        sort: str = "newest",
        limit: int,
        offset: int,
        opened: Sequence[str] | None = None,
    ) -> Page:
        """See `Ledger.page`."""
        return await off_loop(
            self.ledger.page,
            search,
            show=show,
            sort=sort,
            limit=limit,
            offset=offset,
            opened=opened,
        )

    async def star(self, local_id: str, *, is_on: bool) -> Job:
        """See `Ledger.star`."""
        return await off_loop(self.ledger.star, local_id, is_on=is_on)

    async def hide(self, local_id: str, *, is_on: bool) -> Job:
        """See `Ledger.hide`."""
        return await off_loop(self.ledger.hide, local_id, is_on=is_on)

    async def totals(self, *, today: float, month: float) -> Totals:
        """`today` and `month`: when they began, in seconds since 1970."""
        return await off_loop(self._totals, today, month)

    async def accept_loss(self) -> None:
        """The user has read the note of lost rows: spending goes on.

        Raises:
            LedgerError: the file of the note cannot be removed.
        """
        await off_loop(self.ledger.accept_loss)

    async def arrived(self) -> int:
        """See `Ledger.count_arrived`."""
        return await off_loop(self.ledger.count_arrived)

    async def see_arrived(self) -> None:
        """See `Ledger.see_arrived`."""
        await off_loop(self.ledger.see_arrived)

    async def has_open_jobs(self, service: str) -> bool:
        """Whether a job of the service may still bring a track."""
        return bool(await off_loop(self.ledger.uncollected, service))

    async def quote(
        self, requests: Sequence[MusicRequest], settings: Settings, *, runs: int = 1
    ) -> Quote:
        """The price of `requests` in each of the next `runs` runs.

        `Account.submit_all` applies the same rules to the same prices. Sends no request.
        """
        return await off_loop(self._quote, requests, settings, runs)

    async def prices(self, requests: Sequence[MusicRequest], service: str) -> list[Price]:
        """The expected price of each track. Sends no request."""
        return await off_loop(
            lambda: expected_prices(self.catalogue(service), self.ledger, requests)
        )

    async def hints(self, requests: Sequence[MusicRequest], service: str) -> list[Hint]:
        """Hints for a person before `requests` are bought; each hint once."""

        def read() -> list[Hint]:
            ledger, found = self.ledger, []
            # The takes of a request have the same hints.
            distinct = dict.fromkeys(request._replace(take=1) for request in requests)
            first = list(distinct)[:_MOST_HINTED]
            catalogue = self.catalogue(service)
            falls = {
                model: price_fall(catalogue, ledger, model) for model in {r.model for r in first}
            }
            for request in first:
                same = ledger.takes_with_one_file(service, request)
                found += hints_for(request, same, falls[request.model])
            return [hint for at, hint in enumerate(found) if hint not in found[:at]]

        return await off_loop(read)

    async def dead_attempts(self, fingerprints: Collection[str]) -> dict[str, int]:
        """How many rows of each request are dead."""

        def count() -> dict[str, int]:
            return {name: self.ledger.dead_attempts(name) for name in fingerprints}

        return await off_loop(count)

    def catalogue(self, service: str) -> Catalogue:
        return Catalogue(self.directory, service, self.ledger.peers)

    def _quote(self, requests: Sequence[MusicRequest], settings: Settings, runs: int) -> Quote:
        service = settings.service
        catalogue = self.catalogue(service)
        rows = {request: self.ledger.living(service, request) for request in requests}
        uncertain = tuple(
            row.local_id for row in rows.values() if row and row.state is State.UNCERTAIN
        )
        # A further run asks for other takes, which the ledger does not have yet.
        new = [
            request
            for request, row in rows.items()
            if runs > 1 or row is None or not row.state.is_bought
        ]
        if not new:
            each = expected_prices(catalogue, self.ledger, requests[:1])[0].amount
            return Quote(each, 0.0, is_bought=True, tracks=0)
        prices = expected_prices(catalogue, self.ledger, new)
        amounts = [price.amount for price in prices]
        made = self.ledger.quote(service, amounts, settings.spending_rules, runs=runs)
        is_at_most = any(price.is_at_most for price in prices)
        return made._replace(is_at_most=is_at_most, uncertain=uncertain)

    def _totals(self, today: float, month: float) -> Totals:
        ledger = self.ledger
        return Totals(
            ledger.count_active(),
            ledger.spent(since=today),
            ledger.spent(since=month),
            ledger.loss,
        )


def has_ledger(directory: Path) -> bool:
    """Whether a request was ever made in `directory`."""
    return (directory / FILE_NAME).exists()


def model_choices(directory: Path, service: str) -> list[str]:
    """The known models of a service, from files in `directory`; the default first."""
    return Catalogue(directory, service).models()
