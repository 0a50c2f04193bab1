"""Wait for a bought job, cancel it, or read its record again.

A wait costs nothing and may stop at any time; the job goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections.abc import Callable
from typing import NamedTuple

from ..base.errors import (
    DASHBOARD_URL,
    GatewayError,
    LedgerError,
    MissingFileError,
    NotFoundError,
    WaitTimeoutError,
)
from ..base.threads import off_loop
from ..base.timing import Timing
from ..wire.client import Client
from ..wire.protocol import JobRecord, JobStatus
from .job import Job, State
from .ledger import Ledger

# How many of the most similar earlier jobs make an estimate.
_NEIGHBOURS = 9


class Progress(NamedTuple):
    """The state of a wait: seconds since the submit, and since the job was seen running.

    `expected`: seconds from submit to end of similar jobs; None if the ledger has no similar job.
    `is_reported`: the gateway has told this wait the state; until then the ledger's state is shown.
    """

    state: State
    elapsed: float
    running: float | None
    expected: float | None
    is_reported: bool = True


class _Watch:
    """The one poll loop of a job, shared by all waits for it.

    Attributes:
        expected: seconds from submit to end; None if no similar job is known.
        error: the error of the last poll that failed.
    """

    def __init__(self, job: Job, expected: float | None) -> None:
        self.job = job
        self.expected = expected
        self.users = 0
        self.is_reported = False
        self.error: GatewayError | None = None
        self.running_since: float | None = None
        self.task: asyncio.Task[Job]


class Waits:
    """The waits of one account. Lives in one event loop.

    Args:
        service: the name of the service in the ledger.
    """

    def __init__(self, service: str, ledger: Ledger, client: Client, timing: Timing) -> None:
        self._service = service
        self._ledger = ledger
        self._client = client
        self._timing = timing
        self._watches: dict[str, _Watch] = {}

    async def wait(
        self,
        job: Job,
        *,
        timeout: float,
        progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Job:
        """Wait until a job has completed.

        Args:
            timeout: seconds from when a poll first finds the job running, or from now if it runs.
                If polls bring no record, the seconds count from the first such poll. A job that the
                gateway reports as queued may wait for `Timing.queue_limit`.
            progress: called every `Timing.progress_tick` seconds, in this loop.

        Raises:
            JobFailedError, JobCancelledError: the job failed or was cancelled.
            WaitTimeoutError: the wait ended, the job goes on.
            GatewayError: the polls failed for `Timing.blip_patience`, or the gateway refuses them.
        """
        if job.state is State.COMPLETED:
            return job
        if job.state.is_dead:
            raise job.as_error()
        if job.job_id is None:
            raise GatewayError(
                f"The ledger has no job id for {job.request.label}: look for it in the dashboard "
                f"({DASHBOARD_URL}), and load it by its job id. It is not bought again by itself."
            )
        began = self._client.clock()
        age = await off_loop(self._ledger.age, job)
        expected = await self._expected_seconds(job)
        watch = self._watches.get(job.local_id)
        if watch is None:
            # A poll from before this wait does not count as unanswered.
            self._client.retries.clear(job.job_id)
            watch = self._watches[job.local_id] = _Watch(job, expected)
            watch.task = asyncio.ensure_future(self._poll(watch, job.job_id))
        watch.users += 1
        try:
            while not watch.task.done():
                now = self._client.clock()
                running = watch.running_since
                asked = self._client.retries.asked_since(job.job_id)
                since = running if asked is None or running is not None else asked
                if since is None:
                    left = began + self._timing.queue_limit - now
                else:
                    left = max(began, since) + timeout - now
                if left <= 0:
                    waited = self._timing.queue_limit if since is None else timeout
                    raise _timed_out(job.job_id, waited, watch.error if asked else None)
                progress(
                    Progress(
                        watch.job.state,
                        age + now - began,
                        None if running is None else now - running,
                        watch.expected,
                        watch.is_reported,
                    )
                )
                tick = min(left, self._timing.progress_tick)
                await asyncio.wait({watch.task}, timeout=tick)
            return watch.task.result()
        finally:
            watch.users -= 1
            if watch.users == 0:
                self._client.retries.clear(job.job_id or "")
                watch.task.cancel()
                self._watches.pop(job.local_id, None)
                with contextlib.suppress(LedgerError):
                    await off_loop(self._ledger.peers.unwatch, job)

    async def cancel(self, job: Job) -> Job:
        """Ask the gateway to cancel the job. The returned row has the job's new state.

        Raises:
            GatewayError: the gateway could not be asked; the job goes on.
        """
        if job.job_id is None or job.state.is_final:
            return job
        try:
            record = await self._client.cancel(job.job_id)
        except GatewayError as error:
            raise _resumable(error, job) from error
        return await off_loop(self._ledger.apply, job.local_id, record)

    async def adopt(self, job_id: str, *, timeout: float | None) -> Job:
        """The row of a job that was made elsewhere. It is written once the gateway knows the job.

        Raises:
            NotFoundError: the gateway knows no such job; no row was written.
            MissingFileError: the job is a transcription; no row was written.
            WaitTimeoutError: the gateway has sent no record for `timeout` seconds.
            GatewayError: polls failed for `Timing.blip_patience`, or the gateway refuses them.
        """
        try:
            record = await asyncio.wait_for(self._first_record(job_id), timeout)
        except asyncio.TimeoutError:
            raise _timed_out(job_id, timeout or 0.0, None) from None
        if record.is_transcription:
            raise _transcription(job_id)

        def written() -> Job:
            job = self._ledger.adopt(self._service, job_id)
            return self._ledger.apply(job.local_id, record)

        return await off_loop(written)

    async def _first_record(self, job_id: str) -> JobRecord:
        client, timing = self._client, self._timing
        give_up = client.clock() + timing.blip_patience
        try:
            while True:
                try:
                    record = await client.poll(job_id)
                except NotFoundError as error:
                    raise error.noting("Check the id.") from error
                except GatewayError as error:
                    if not error.is_temporary or client.clock() > give_up:
                        raise
                    client.retries.note(job_id, error, timing.poll_floor)
                else:
                    if record is not None:
                        return record
        finally:
            client.retries.clear(job_id)

    async def refresh(self, job: Job) -> Job:
        """Read the job's record again, for a new address of its track.

        Raises:
            GatewayError: the gateway could not be asked, or does not know the job any more.
        """
        if job.job_id is None:
            return job
        clock = self._client.clock
        give_up = clock() + self._timing.blip_patience
        record = None
        # A restarted sandbox makes the file again, and reports the job as running meanwhile.
        while record is None or not (record.status.is_final or clock() > give_up):
            record = await self._client.poll(job.job_id)
        return await off_loop(self._ledger.apply, job.local_id, record)

    async def _poll(self, watch: _Watch, job_id: str) -> Job:
        """Poll until the job ends; `watch` holds the last record.

        The ledger's clock may jump. It is read once, for the age of a job that was picked up again.
        """
        job, timing, clock = watch.job, self._timing, self._client.clock
        submitted = clock() - await off_loop(self._ledger.age, job)
        if job.state is State.RUNNING:
            watch.running_since = clock()
        after = submitted
        failing_since: float | None = None
        last_going: float | None = None
        fileless_since: float | None = None

        def first() -> float:
            """Seconds from the submit to the first poll."""
            known = timing.first_poll if watch.expected is None else watch.expected
            return min(known, timing.first_poll_max)

        def due() -> float:
            return max(after, submitted + first())

        while True:
            record: JobRecord | None = None
            try:
                if await off_loop(self._ledger.peers.watch, job):
                    record = await self._client.poll(job_id, due=due)
                else:
                    await asyncio.sleep(max(due(), clock() + timing.poll_floor) - clock())
                    watch.job = await off_loop(self._ledger.get, job.local_id)
                if record is not None:
                    took = self._took(clock() - submitted, first(), last_going)
                    watch.job = await off_loop(self._ledger.apply, job.local_id, record, took=took)
                failing_since = None
                watch.is_reported = True
            except GatewayError as error:
                failing_since = clock() if failing_since is None else failing_since
                watch.error = error
                if self._is_over(error, job, clock() - failing_since, clock() - submitted):
                    raise await self.lost(error, watch.job) from error
                self._client.retries.note(job_id, error, timing.poll_floor)
            if record is not None:
                if record.is_transcription:
                    error = _transcription(job_id)
                    await off_loop(self._ledger.fail, job.local_id, str(error))
                    raise error
                last_going = clock() - submitted
                if record.status is not JobStatus.COMPLETED or record.result_url:
                    fileless_since = None
                elif fileless_since is None:
                    fileless_since = clock()
                elif clock() - fileless_since >= timing.file_grace:
                    raise _fileless(watch.job)
            if watch.job.state.is_dead:
                raise watch.job.as_error()
            if watch.job.state is State.COMPLETED:
                await self._tell_others()
                return watch.job
            if watch.job.state is State.RUNNING and watch.running_since is None:
                watch.running_since = clock()
            after = clock()

    async def _tell_others(self) -> None:
        """Reschedule polls of jobs without an estimate: a first run time is known now."""
        for watch in [one for one in self._watches.values() if one.expected is None]:
            watch.expected = await self._expected_seconds(watch.job)
        self._client.replan()

    def _is_over(self, error: GatewayError, job: Job, failing: float, age: float) -> bool:
        """Whether the wait ends after polls have failed for `failing` seconds."""
        if isinstance(error, NotFoundError):
            # The gateway may know a job a moment later than its id. Do not trust the age of a job
            # that this process submitted: the clock may have jumped.
            is_ours = job.owner == self._ledger.owner
            known = failing if is_ours else max(failing, age)
            return job.submitted is None or known >= self._timing.not_found_grace
        return not error.is_temporary or failing >= self._timing.blip_patience

    def _took(self, elapsed: float, first: float, last_going: float | None) -> float | None:
        """Estimated seconds from submit to end, if a poll finds the job completed now.

        Args:
            elapsed, last_going: seconds from submit to now, and to the last poll before its end.
        """
        if last_going is not None:
            # It ended between this poll and the last poll before it that found the job going.
            return (last_going + elapsed) / 2
        if elapsed < 2 * first:
            # Completed at the first poll: assume that it ended one poll interval earlier.
            return max(first - self._timing.poll_floor, self._timing.poll_floor)
        # If the first poll is long after the end, the job was picked up again: the run time is
        # unknown.
        return None

    def is_waited_for(self, job: Job) -> bool:
        return job.local_id in self._watches

    async def lost(self, error: GatewayError, job: Job) -> GatewayError:
        """The error of a wait that cannot go on. A job that the gateway does not know is over."""
        if not isinstance(error, NotFoundError):
            return _resumable(error, job)
        if job.is_free:
            await off_loop(self._ledger.fail, job.local_id, str(error))
            return error
        await off_loop(self._ledger.update, job.local_id, state=State.LOST, error=str(error))
        return error.noting(
            "The gateway keeps jobs and their files for 7 days. To buy the track anew, set "
            "another take."
        )

    async def _expected_seconds(self, job: Job) -> float | None:
        """How long jobs of this model and about this length took from submit to end."""
        times = await off_loop(self._ledger.run_times, self._service, job.model)
        if not times:
            return None
        nearest = sorted(times, key=lambda pair: abs(pair[0] - job.duration))[:_NEIGHBOURS]
        return statistics.median(seconds for _, seconds in nearest)


def _timed_out(job_id: str, seconds: float, cause: GatewayError | None) -> WaitTimeoutError:
    """Args:
    cause: why the gateway's last answer was not a record.
    """
    why = f" The last poll failed: {cause}" if cause else ""
    return WaitTimeoutError(
        f"The job {job_id} is not done after {seconds:g} s.{why} The job goes on without this "
        "wait: queue again, or put its id into Poll Job, to pick it up. It is paid for once.",
        job_id=job_id,
    )


def _fileless(job: Job) -> MissingFileError:
    return MissingFileError(
        f"The job {job.job_id} has completed and is paid, but the gateway names no audio file: "
        "queue again to ask once more, or look for the job in AIgateway's dashboard.",
        job_id=job.job_id,
    )


def _transcription(job_id: str) -> MissingFileError:
    return MissingFileError(
        f"The job {job_id} is a transcription, not music: it has a text and no audio file. Give "
        "the id of a job of Prompt to Music.",
        job_id=job_id,
    )


def _resumable(error: GatewayError, job: Job) -> GatewayError:
    """The same error, which names the job and says that it is not lost."""
    return error.noting(
        f"The job {job.job_id} is kept in the ledger: queue again to pick it up.",
        job_id=job.job_id,
    )
