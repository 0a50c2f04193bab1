"""What the gateway says of a job, written down, and said again as an error where it ended badly."""

from __future__ import annotations

import time
from typing import Any

from .errors import GatewayError, JobCancelledError, JobFailedError
from .ledger import Job, Ledger, State
from .protocol import JobRecord, JobStatus


def book(
    ledger: Ledger,
    local_id: str,
    record: JobRecord,
    *,
    submitted: float | None = None,
    took: float | None = None,
) -> Job:
    """Write what the gateway said, if it is news; a job that has ended stays ended.

    Args:
        submitted: when it answered the submit, seconds since 1970; only with that answer.
        took: what a completed job took from submit to end, seconds.
    """
    job = ledger.get(local_id)
    now = time.time()
    if record.status is JobStatus.COMPLETED and record.result_url is None:
        # Done without a file is not done yet.
        record = record._replace(status=JobStatus.RUNNING)
    state = State(record.status.value)
    if job.state is State.COMPLETED or job.state.is_dead:
        state = job.state
    values: dict[str, Any] = {"state": state, "remote_id": record.id}
    if submitted is not None:
        values["submitted"] = submitted
    if state is not State.QUEUED and job.started is None:
        values["started"] = now
    if state is not job.state and record.status.is_final:
        values["finished"] = now
    if state is State.COMPLETED:
        # A sandbox bills what the music would cost elsewhere; nobody pays it.
        cost = 0.0 if job.price == 0 else record.cost
        values["charged"] = job.price if cost is None else cost
        values["error"] = None
        if took is not None:
            values["took"] = took
        if record.result_url:
            values["result_url"] = record.result_url
        if record.duration is not None:
            values["result_duration"] = record.duration
    elif state is State.FAILED:
        values["charged"] = 0.0
        values["error"] = record.error
    news = {name: value for name, value in values.items() if getattr(job, name) != value}
    return ledger.update(local_id, **news) if news else job


def ended(job: Job) -> GatewayError:
    """The error of a job that came to nothing."""
    if job.state is State.FAILED:
        reason = f": {job.error.rstrip('.')}" if job.error else ""
        return JobFailedError(
            f"The job {job.remote_id or ''} failed{reason}. Failed jobs are not charged: queue "
            "again to try anew, with another prompt if it was refused.",
            job_id=job.remote_id,
        )
    return JobCancelledError(
        f"The job {job.remote_id or ''} was cancelled: queue again to buy the track anew.",
        job_id=job.remote_id,
    )
