"""One service and one key, ready to use from any thread or event loop.

It is the only way to the client: every connection and every schedule is in the loop of the
account.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..files.sniff import SNIFF_BYTES, Container, sniff
from .base.errors import DownloadError, NoAnswerError, NotFoundError
from .base.threads import LoopThread, off_loop
from .base.timing import Timing
from .media.collector import Collector
from .media.stored_tracks import Stored
from .media.tracks import OpenAudio, Tracks
from .money.job import Job, is_free
from .money.purchase import Answers, Purchases
from .money.spending import SpendingRules
from .money.wait import Progress, Waits
from .wire.client import Client
from .wire.guard import AddressGuard
from .wire.protocol import parse_balance
from .wire.rate_limit import moment_in

if TYPE_CHECKING:
    from .base.question import AnyQuestion
    from .base.request import MusicRequest
    from .library import Library
    from .settings import Settings
    from .wire.key import ApiKey

T = TypeVar("T")
_NOTHING = SpendingRules(per_run=0.0, per_day=0.0)


class Account:
    """
    Args:
        name: the name of the service in the ledger; it stays if the address changes.
        cost_tag, skip_cache: see `Client`.
        library: shared by all accounts of a machine; not closed with this one.
        file_origins: other origins of the gateway's files, as any URL of each. Downloads may reach
            them, and `base_url`, even if they are not public.

    Raises:
        LedgerError: the ledger belongs to another key.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: ApiKey | None,
        library: Library,
        timing: Timing | None = None,
        cost_tag: str = "",
        *,
        file_origins: Sequence[str] = (),
        skip_cache: bool = True,
    ) -> None:
        timing = timing or Timing()
        library.ledger.peers.bind(name, api_key)
        self.name = name
        self.library = library
        self._own_origins = (base_url, *file_origins)
        self._thread = LoopThread()
        self._queue_limit = timing.queue_limit
        self._balance_patience = timing.balance_patience
        self._balance: tuple[float, float | None] = (-math.inf, None)
        self._calls: set[asyncio.Future[Any]] = set()
        ledger = library.ledger
        clock = self._thread.loop.time
        rate_limiter = ledger.peers.rate_limiter(name, timing, clock)
        self._client = Client(
            base_url, api_key, timing, clock, cost_tag, rate_limiter, skip_cache=skip_cache
        )
        catalogue = library.catalogue(name)
        self._purchases = Purchases(name, ledger, self._client, catalogue, timing)
        self._answers = Answers(name, ledger, self._client, timing)
        self._waits = Waits(name, ledger, self._client, timing)
        self._tracks = Tracks(ledger, self._client, self._refreshed, timing)
        self._collector = Collector(
            name, ledger, self._waits, self._client, library.watching, timing
        )

    @property
    def is_free(self) -> bool:
        """Whether the service charges nothing, so that no limit applies."""
        return is_free(self.name)

    @property
    def closed_until(self) -> str:
        """The time of day until which the gateway takes no requests; "" if it takes them."""
        return _moment(self._client.closed_for)

    @property
    def held_until(self) -> str:
        """The time of day until which a request waits for a slot in the account's rate."""
        return _moment(self._client.held_for)

    @property
    def is_looking_up(self) -> bool:
        """Whether a submit without an answer is being looked up in the gateway's lists."""
        return self._purchases.lookups.under_way > 0

    def retry_of(self, about: MusicRequest | Job | str) -> tuple[str, int, str] | None:
        """The retry of a request, a job or a job id, if it has one; see `Retries.of`."""
        if isinstance(about, Job):
            about = about.job_id or ""
        elif not isinstance(about, str):
            about = about.fingerprint(self.name)
        return self._client.retries.of(about)

    def collect(self, settings: Settings, tell: Callable[[Job], object]) -> None:
        """Fetch, in the background, the tracks of jobs that have no wait; see `Collector`.

        Args:
            tell: called in the account's thread with each job that the collector saw end.
        """

        async def fetch(job: Job) -> None:
            audio = await self._opened(job.result_url or "", settings)
            if audio.download is not None:
                await audio.download()
                if sniff(audio.content()[:SNIFF_BYTES]) is Container.UNKNOWN:
                    raise DownloadError("The file is not audio.", job_id=job.job_id)
            audio.reader.close()
            await self.store(audio, settings)

        self._thread.loop.call_soon_threadsafe(self._collector.start, fetch, tell)

    async def submit(self, request: MusicRequest, settings: Settings, *, run: str) -> Job:
        """See `Purchases.submit`."""
        return await self._run(
            self._purchases.submit(request, run=run, rules=settings.spending_rules)
        )

    async def submit_all(
        self, requests: Sequence[MusicRequest], settings: Settings, *, run: str
    ) -> list[Job | BaseException]:
        """See `Purchases.submit_all`."""
        return await self._run(
            self._purchases.submit_all(requests, run=run, rules=settings.spending_rules)
        )

    async def ask(self, question: AnyQuestion, settings: Settings, *, run: str) -> Job:
        """See `Answers.ask`."""
        return await self._run(self._answers.ask(question, run=run, rules=settings.spending_rules))

    async def buy_again(self, job: Job, settings: Settings) -> Job:
        """See `Purchases.buy_again`; it counts as a separate run."""
        run = f"again:{job.local_id}"
        return await self._run(
            self._purchases.buy_again(job, run=run, rules=settings.spending_rules)
        )

    async def wait(self, job: Job, *, timeout: float, progress: Callable[[Progress], None]) -> Job:
        """See `Waits.wait`; `progress` is called in the account's thread.

        If the service has lost a free job, the job is made again: the returned row is a new one.
        """
        return await self._run(self._waited(job, timeout, progress))

    async def cancel(self, job: Job) -> Job:
        """See `Waits.cancel`."""
        return await self._run(self._waits.cancel(job))

    async def balance(self, *, max_age: float = 0.0) -> float | None:
        """US dollars left on the account; None if the gateway's answer has no amount.

        Args:
            max_age: seconds for which the last answer is used again.

        Raises:
            NoAnswerError: the gateway did not answer within `Timing.balance_patience`.
        """
        then, balance = self._balance
        if time.monotonic() - then < max_age:
            return balance
        try:
            asked = self._run(self._client.balance())
            balance = parse_balance(await asyncio.wait_for(asked, self._balance_patience))
        except asyncio.TimeoutError:
            until = self.closed_until or self.held_until
            closed = f", and takes no requests until {until}" if until else ""
            raise NoAnswerError(
                f"The gateway has not answered within {self._balance_patience:g} s{closed}: test "
                "the connection again later. Runs are not affected."
            ) from None
        self._balance = time.monotonic(), balance
        return balance

    async def current(self, job: Job) -> Job:
        """The job as the ledger has it now."""
        try:
            return await off_loop(self.library.ledger.get, job.local_id)
        except KeyError:
            return job

    async def pick_up(self, job_id: str, *, timeout: float | None = None) -> Job:
        """The row of the job with this id; see `Waits.adopt` for a job that was made elsewhere."""
        known = await off_loop(self.library.ledger.by_job_id, self.name, job_id)
        return known or await self._run(self._waits.adopt(job_id, timeout=timeout))

    async def open(self, url: str, settings: Settings) -> OpenAudio:
        """See `Tracks.open`."""
        return await self._run(self._opened(url, settings))

    async def download(self, audio: OpenAudio) -> None:
        """Download audio that is not stored; see `download`."""
        if audio.download is not None:
            await self._run(audio.download())

    async def store(self, audio: OpenAudio, settings: Settings) -> Stored:
        """See `Tracks.store`."""
        return await self._run(self._tracks.store(audio, self.library.stored_tracks(settings)))

    def retire(self) -> None:
        """Close the account once its calls and its submits have ended."""
        self._thread.start(self._close_when_idle())

    def close(self) -> None:
        """End the connections and the thread now, unless a retired account has already closed."""
        if self._thread.is_alive:
            self._thread.call(self._client.close())
            self._thread.close()

    async def _opened(self, url: str, settings: Settings) -> OpenAudio:
        guard = AddressGuard(self._own_origins, settings.allow_hosts, only=settings.only_hosts)
        return await self._tracks.open(
            url,
            self.library.stored_tracks(settings),
            max_download_mb=settings.max_download_mb,
            guard=guard,
        )

    async def _waited(self, job: Job, timeout: float, progress: Callable[[Progress], None]) -> Job:
        try:
            return await self._waits.wait(job, timeout=timeout, progress=progress)
        except NotFoundError as error:
            anew = await self._anew(job, error)
            return await self._waits.wait(anew, timeout=timeout, progress=progress)

    async def _refreshed(self, job: Job) -> Job:
        """See `Waits.refresh`; a free job that the service has lost is made again."""
        try:
            return await self._waits.refresh(job)
        except NotFoundError as error:
            anew = await self._anew(job, error)
            return await self._waited(anew, self._queue_limit, lambda progress: None)

    async def _anew(self, job: Job, lost: NotFoundError) -> Job:
        """Submit again the request of a job that the service has lost, if that costs nothing.

        Raises:
            NotFoundError: `lost`, if the job was paid or its request is not known.
        """
        if not job.is_free or not job.prompt:
            raise lost
        await off_loop(self.library.ledger.fail, job.local_id, "The service has lost the job.")
        return await self._purchases.submit(job.request, run=job.run, rules=_NOTHING)

    async def _close_when_idle(self) -> None:
        while self._calls:
            await asyncio.wait(self._calls)
        self._collector.stop()
        await self._purchases.idle()
        await self._answers.idle()
        await self._client.close()
        self._thread.stop()

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` in the account's loop."""
        return await self._thread.run(self._counted(work))

    async def _counted(self, work: Coroutine[Any, Any, T]) -> T:
        call = asyncio.ensure_future(work)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        # The call may leave a job without a wait.
        call.add_done_callback(lambda call: self._collector.wake())
        try:
            return await call
        except asyncio.CancelledError:
            call.cancel()
            raise


def _moment(seconds: float) -> str:
    """The time of day in `seconds` from now; "" for less than one second."""
    return moment_in(seconds) if seconds >= 1 else ""
