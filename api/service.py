"""One service and one key, ready to use from any thread: jobs, tracks, prices.

Everything with a connection or a schedule runs in the engine's loop; this is the way in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .client import Client
from .engine import Engine
from .jobs import Jobs, Progress
from .ledger import Job, Ledger, Limits, State
from .paced import PacedClient
from .pacing import Pacer
from .pricing import Catalogue
from .protocol import MusicRequest, parse_balance
from .settings import ApiKey, Settings
from .store import FOLDER, GIGABYTE, Store
from .submits import Policy, Submits
from .timing import Timing
from .tracks import Track, Tracks


class Service:
    """
    Args:
        name: under which the ledger knows the service; stays the same when its address changes.
        ledger: not closed with the service; the store and the catalogue lie beside it.
        is_free: nothing is charged, so no limits apply.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: ApiKey | None,
        ledger: Ledger,
        *,
        is_free: bool,
        timing: Timing | None = None,
    ) -> None:
        self.name = name
        self.is_free = is_free
        timing = timing or Timing()
        self.engine = Engine()
        self.ledger = ledger
        self.store = Store(
            ledger.directory / FOLDER, limit_bytes=Settings().store_limit_gb * GIGABYTE
        )
        clock = self.engine.loop.time
        pacer = Pacer(timing, clock)
        self._client = Client(
            base_url, api_key, observe=pacer.observe, timeout=timing.answer_timeout
        )
        self._paced = PacedClient(self._client, pacer, timing, clock)
        prices = None if is_free else Catalogue(ledger.directory, name)
        self._submits = Submits(name, ledger, self._paced, prices, timing)
        self._jobs = Jobs(name, ledger, self._paced, timing)
        self._tracks = Tracks(ledger, self.store, self._client, self._jobs)

    async def submit(self, request: MusicRequest, *, run: str, settings: Settings) -> Job:
        """See `Submits.submit`."""
        submit = self._submits.submit(request, run=run, policy=self._policy(settings))
        return await self.engine.run(submit)

    async def wait(self, job: Job, *, timeout: float, progress: Callable[[Progress], None]) -> Job:
        """See `Jobs.wait`; `progress` is called in the engine's thread."""
        return await self.engine.run(self._jobs.wait(job, timeout=timeout, progress=progress))

    async def cancel(self, job: Job) -> Job:
        """See `Jobs.cancel`."""
        return await self.engine.run(self._jobs.cancel(job))

    async def buy_again(self, job: Job, *, settings: Settings) -> Job:
        """See `Submits.buy_again`."""
        policy = self._policy(settings)
        again = self._submits.buy_again(job, run=f"again:{job.local_id}", policy=policy)
        return await self.engine.run(again)

    async def balance(self) -> float | None:
        """US dollars left on the account; None where the gateway's answer does not say."""
        return parse_balance(await self.engine.run(self._paced.balance()))

    def current(self, job: Job) -> Job:
        """The job as the ledger has it now."""
        try:
            return self.ledger.get(job.local_id)
        except KeyError:
            return job

    def expected_seconds(self, job: Job) -> float | None:
        """See `Jobs.expected_seconds`."""
        return self._jobs.expected_seconds(job)

    def pick_up(self, remote_id: str) -> Job:
        """The row of a job that is known by its id, also if it was made elsewhere."""
        price = 0.0 if self.is_free else None
        return self.ledger.adopt(self.name, remote_id, State.QUEUED, price=price)

    def open(self, url: str, *, max_download_mb: float) -> Track:
        """See `Tracks.open`."""
        return self._tracks.open(url, max_download_mb=max_download_mb)

    async def fill(self, track: Track) -> None:
        """Download a track that is not here yet, see `fetch`."""
        if track.fill is not None:
            await self.engine.run(track.fill())

    def keep(self, track: Track) -> Path | None:
        """See `Tracks.keep`."""
        return self._tracks.keep(track)

    def _policy(self, settings: Settings) -> Policy:
        limits = Limits(settings.spend_limit_per_run, settings.spend_limit_per_day)
        return Policy(
            None if self.is_free else limits,
            settings.uncertain_limit,
            settings.allow_unknown_price,
        )

    def close(self) -> None:
        """End the connections and the thread."""
        self.engine.call(self._client.close())
        self.engine.close()
