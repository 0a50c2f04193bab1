"""A job: one request, its state and its price, as one row of the ledger."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from ..base.errors import DeadJobError, JobCancelledError, JobFailedError
from ..base.plain_text import dollars
from ..base.request import AS_GIVEN, MusicRequest
from ..wire.protocol import JobRecord, JobStatus

SANDBOX = "sandbox"
"""The service that charges nothing: the pack's own sandbox."""
MUSIC = "music"
"""The kind of a row that is a track. A row of another kind is an answer, which has no job."""


class State(str, Enum):
    """The state of a request.

    SUBMITTING: the ledger has the request; the job id is not known yet.
    QUEUED: the gateway has the job.
    RUNNING: the gateway works on the job.
    COMPLETED: the track is there.
    FAILED: the job failed, or the gateway refused the request. `Job.charge` says what it cost.
    CANCELLED: the job was cancelled. `Job.charge` says what it cost.
    UNCERTAIN: the request may have been charged, and no job id is known.
    LOST: the gateway no longer knows the job. It was paid, and may be found again by its id.
    """

    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"
    LOST = "lost"

    @property
    def is_dead(self) -> bool:
        """Failed or cancelled: the request may be bought again."""
        return self in (State.FAILED, State.CANCELLED)

    @property
    def is_final(self) -> bool:
        """Whether the state never changes again."""
        return self is State.COMPLETED or self.is_dead

    @property
    def is_open(self) -> bool:
        """The job may still end without another submit."""
        return self in (State.SUBMITTING, State.QUEUED, State.RUNNING)

    @property
    def is_bought(self) -> bool:
        """Whether the gateway has, or had, the job: the same request gets this job again."""
        return self in (State.QUEUED, State.RUNNING, State.COMPLETED, State.LOST)


DEAD = ", ".join(f"'{state.value}'" for state in State if state.is_dead)
"""The states of failed and cancelled jobs, for `IN (…)`. The text must be equal to that of an
index, so it has no `?`."""


class Job(NamedTuple):
    """One row of the ledger.

    Times are seconds since 1970, prices US dollars (None: not known), durations seconds of audio.

    Attributes:
        local_id: our id; it exists before the job id.
        run: the run of a graph that asked for it first.
        owner: the process that wrote the row last while it was in `submitting`.
        price: the expected price.
        charged: the price that the gateway reported; None until it does.
        submitted: when the gateway answered the submit.
        took: estimated seconds from submit to end of the job.
        job_id: the gateway's id.
        file: the name of the stored track in the track store.
        repeats: submits that were repeated although the one before may have been charged.
        attempt: how many earlier rows of the same request are dead.
        selected: the model that the gateway chose; None if it is the requested one.
        in_bucket: 1 if the bucket has the file, 0 if not yet; None without a bucket.
        request_id: the gateway's id of the submit, for its support.
        arrived: when the track came without a wait for it; None once a person has seen it.
        starred: when a person made it a favorite; None if it is not one.
        hidden: when a person hid it in the list of tracks; None if the list shows it.
        kind: MUSIC, or the purpose of the question that was asked.
        answer: the text of the answer; None for a track, and until the answer comes.
    """

    local_id: str
    service: str
    fingerprint: str
    model: str
    prompt: str
    lyrics: str
    duration: float
    format: str
    take: int
    state: State
    run: str
    owner: str
    created: float
    price: float | None = None
    charged: float | None = None
    submitted: float | None = None
    finished: float | None = None
    took: float | None = None
    job_id: str | None = None
    result_url: str | None = None
    result_duration: float | None = None
    error: str | None = None
    file: str | None = None
    repeats: int = 0
    attempt: int = 0
    request_id: str | None = None
    words: str = AS_GIVEN
    selected: str | None = None
    in_bucket: int | None = None
    arrived: float | None = None
    starred: float | None = None
    hidden: float | None = None
    kind: str = MUSIC
    answer: str | None = None

    @property
    def idempotency_key(self) -> str:
        """The same for every submit of this row, on every machine."""
        return f"{self.fingerprint[:40]}-{self.attempt}"

    @property
    def request(self) -> MusicRequest:
        return MusicRequest(
            self.prompt,
            self.duration,
            self.lyrics,
            self.format,
            self.model,
            self.take,
            self.words,
        )

    @property
    def is_free(self) -> bool:
        return is_free(self.service)

    @property
    def is_listed(self) -> bool:
        """The submit got no answer, but the gateway lists it: `charged` or `request_id` is set."""
        is_found = self.charged is not None or self.request_id is not None
        return self.state is State.UNCERTAIN and is_found

    @property
    def charge(self) -> float | None:
        """US dollars that the gateway took for the job, dead or not: every screen asks this.

        Until the gateway reports an amount, the expected price; None if that is not known.
        A dead job costs only what was reported for it.
        """
        if self.state.is_dead:
            return self.charged or 0.0
        return self.price if self.charged is None else self.charged

    @property
    def bill(self) -> str:
        """`charge` in words."""
        amount = dollars(self.charge)
        if self.is_free:
            return "free"
        if self.state.is_dead:
            return f"charged {amount}" if self.charge else "not charged"
        if self.state is State.COMPLETED:
            return f"paid {amount}"
        if self.charged is not None:
            return f"charged {amount}"
        return f"costs {amount}" if self.state.is_bought else f"may have been charged with {amount}"

    def changes(self, record: JobRecord, took: float | None, now: float) -> dict[str, Any]:
        """The columns that a job record sets. A job that has ended keeps its state.

        Args:
            took: seconds from submit to end, if the record completes the job.
            now: the time, seconds since 1970.
        """
        state = State(record.status.value)
        if record.status is JobStatus.COMPLETED and record.result_url is None:
            # If the record has no address of a track, the job is not done yet.
            state = State.RUNNING
        if self.state.is_final:
            state = self.state
        # The first id stays: a record with another id belongs to another job.
        values: dict[str, Any] = {"state": state, "job_id": self.job_id or record.id}
        if record.selected not in (None, self.model, self.selected) and self.model:
            values["selected"] = record.selected
        if state.is_final and state is not self.state:
            values["finished"] = now
        if state is State.FAILED:
            values["error"] = record.error
        if state.is_dead and (record.cost or self.charged is None):
            # If the gateway reports a charge for a dead job, record it.
            values["charged"] = 0.0 if self.is_free else record.cost or 0.0
        if state is State.COMPLETED:
            # The sandbox reports the price that the gateway would charge; it charges nothing.
            values |= {"charged": 0.0 if self.is_free else record.cost, "error": None}
            news = {
                "took": took,
                "result_url": record.result_url,
                "result_duration": record.duration,
            }
            values |= {name: value for name, value in news.items() if value is not None}
        return values

    def as_error(self) -> DeadJobError:
        """The error of a dead job."""
        # A job that was picked up by its id has no prompt.
        which = f"{self.job_id or ''} ({self.request.label})" if self.prompt else self.job_id or ""
        charged = f"The gateway charged {dollars(self.charge)} for it" if self.charge else ""
        kind: type[DeadJobError] = JobCancelledError
        message = f"The job {which} was cancelled: queue again to buy the track anew."
        if self.state is State.FAILED:
            kind = JobFailedError
            reason = f": {self.error.rstrip('.')}" if self.error else ""
            message = (
                f"The job {which} failed{reason}. {charged or 'It is not charged'}: queue again to "
                "try anew, with another prompt if the gateway refused this one."
            )
        elif charged:
            message = f"{message} {charged}."
        return kind(message, job_id=self.job_id, charge=self.charge or 0.0, bill=self.bill)


def is_free(service: str) -> bool:
    """Whether the service of this name charges nothing."""
    return service == SANDBOX
