"""The submit of a row: confirmed before it leaves, its answer on the disk before anything else."""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import GatewayError, LedgerAwayError, LedgerError, NoAnswerError
from ..timing import Timing, pause
from ..wire.client import Client
from ..wire.protocol import JobRecord
from .job import Job
from .ledger import Ledger
from .off_loop import off_loop


class Submits:
    """The submits of one account. Lives in one event loop.

    Each row is in the hand of this process. None in the place of a result: another process took
    this one for dead, and the row over.

    Args:
        service: the name of the service in the ledger.
    """

    def __init__(self, service: str, ledger: Ledger, client: Client, timing: Timing) -> None:
        self._service = service
        self._ledger = ledger
        self._client = client
        self._timing = timing

    async def ended(self, job: Job, **values: Any) -> Job | None:
        """Write columns of the row after a submit that brought no job id."""
        try:
            return await off_loop(self._ledger.end_submit, job, **values)
        except LedgerAwayError:
            self._ledger.peers.end_submit_later(job, **values)
            return job._replace(**values)

    async def posted(self, job: Job) -> JobRecord | None:
        """Submit, and again while the error says that nothing was created."""
        timing, clock = self._timing, self._client.clock
        give_up = clock() + timing.submit_patience
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._client.submit(
                    job.request,
                    idempotency_key=job.idempotency_key,
                    confirm=lambda: self._confirm(job),
                    about=job.fingerprint,
                )
            except _TakenOverError:
                return None
            except GatewayError as error:
                asked = getattr(error, "retry_after", None) or 0.0
                wait = max(asked, pause(attempt, timing.backoff, timing.backoff_max))
                if not _created_nothing(error) or clock() + wait >= give_up:
                    raise
                self._client.retries.note(job.fingerprint, error, wait)
            except Exception as error:
                # The request may have left, whatever its answer broke.
                raise NoAnswerError(
                    f"The gateway's answer cannot be read ({type(error).__name__}: {error})."
                ) from error
            await asyncio.sleep(wait)

    async def _confirm(self, job: Job) -> None:
        """Called at the last moment before a submit leaves."""
        try:
            is_ours = await off_loop(self._ledger.confirm, job)
        except LedgerError as error:
            raise error.noting("Nothing was sent.") from error
        if not is_ours:
            raise _TakenOverError

    async def written(self, job: Job, record: JobRecord) -> Job | None:
        """The row with the job's id: on the disk before anything else is done with it."""
        try:
            return await off_loop(self._ledger.answered, job, record)
        except LedgerAwayError as error:
            await off_loop(self._ledger.peers.answer_later, job, record)
            return await self._written_later(job, record, error)
        except Exception as error:
            is_kept = await off_loop(self._ledger.write_to_journal, job, record)
            what_to_do = (
                "Its id is kept in the log beside the ledger: queue again once the ledger can be "
                "written."
                if is_kept
                else "Put its id into Poll Job once the ledger can be written."
            )
            known = error if isinstance(error, LedgerError) else LedgerError(str(error))
            raise known.noting(
                f"The job {record.id} was bought. {what_to_do}", job_id=record.id
            ) from error

    async def _written_later(
        self, job: Job, record: JobRecord, error: LedgerAwayError
    ) -> Job | None:
        """The row, once the database is there again; the gateway works on the job meanwhile."""
        clock = self._client.clock
        give_up = clock() + self._timing.blip_patience
        while await off_loop(self._ledger.peers.is_late, job.local_id):
            if clock() > give_up:
                raise error.noting(
                    f"The job {record.id} was bought; it is kept on this disk until the ledger can "
                    "be written, and its id is in the log.",
                    job_id=record.id,
                ) from error
            await asyncio.sleep(self._timing.row_poll)
        return await off_loop(self._ledger.by_job_id, self._service, record.id)


class _TakenOverError(Exception):
    """Another process has taken over the row of a submit that has not left."""


def _created_nothing(error: GatewayError) -> bool:
    return error.is_temporary and not error.may_have_been_charged
