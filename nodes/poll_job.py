"""PollJob: waits for a job and returns the address of its audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..api.base.errors import GatewayError, InputError
from ..api.base.plain_text import dollars
from ..api.settings import OnInterrupt
from . import host, session
from .host import StatusText, status_text
from .lists import ListNode, running_item, shows_errors
from .prompt_to_music import JobType
from .shared_inputs import TIMEOUT, checked_timeout, choice_input, timeout_input
from .status_lines import retry_line, wait_fraction, wait_line

if TYPE_CHECKING:
    from ..api.account import Account
    from ..api.money.job import Job
    from ..api.money.wait import Progress

KEEP, CANCEL = OnInterrupt.KEEP.value, OnInterrupt.CANCEL.value


class PollJob(ListNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayPollJob",
            search_aliases=["wait for job", "job status", "pick up job", "resume"],
            inputs=[
                JobType.Input("job", optional=True),
                io.String.Input("job_id", default="", optional=True),
                timeout_input(),
                choice_input(
                    "on_interrupt", [KEEP, CANCEL], session.on_interrupt(), **host.ADVANCED
                ),
            ],
            outputs=[
                io.String.Output("audio_url"),
                io.Float.Output("duration"),
                JobType.Output("job"),
                io.Float.Output("price"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        job: Job | None = None,
        job_id: str = "",
        timeout: float = TIMEOUT,
        on_interrupt: str = KEEP,
    ) -> io.NodeOutput:
        timeout = checked_timeout(timeout)
        job_id = job_id.strip()
        if (job is None) == (not job_id):
            given = "neither is given" if job is None else "both are given"
            # ComfyUI does not run a muted or bypassed node.
            off = " A Prompt to Music that is muted or bypassed gives no job: turn it on again."
            raise InputError(
                f"Poll Job takes either job or job_id, and {given}: connect job of Prompt to "
                f"Music, or leave it unconnected and type the id of a job.{'' if job else off}"
            )
        account = await session.account(session.settings(needs_key=True))
        job = await (_picked_up(account, job_id, timeout) if job is None else account.current(job))
        if job.service != account.name:
            raise InputError(
                f"This job belongs to the service “{job.service}”, and the settings name "
                f"“{account.name}”: change the settings back, or queue Prompt to Music anew."
            )
        if job.prompt:
            running_item().label = job.request.label
        done = await _wait(account, job, timeout, on_interrupt)
        duration = done.duration if done.result_duration is None else done.result_duration
        return io.NodeOutput(done.result_url, duration, done, done.charge or 0.0)


async def _picked_up(account: Account, job_id: str, timeout: float) -> Job:
    """The job with this id. If the ledger does not have it, ask the gateway."""
    display = host.Display()

    def show() -> None:
        display.show(retry_line(account, job_id) or "")

    return await host.interruptible(account.pick_up(job_id, timeout=timeout), on_check=show)


async def _wait(account: Account, job: Job, timeout: float, on_interrupt: str) -> Job:
    display = host.Display()
    latest: list[Progress] = []

    def show() -> None:
        if latest:
            progress = latest[-1]
            latest.clear()
            trouble = retry_line(account, job)
            display.show(wait_line(progress, trouble), wait_fraction(progress))

    try:
        done = await host.interruptible(
            account.wait(job, timeout=timeout, progress=latest.append), on_check=show
        )
    except host.interrupt_exception():
        display.show(await _interrupted(account, job, on_interrupt))
        raise
    display.show(status_text("completed", job_id=done.job_id), 1.0)
    return done


async def _interrupted(account: Account, job: Job, on_interrupt: str) -> StatusText:
    kept = status_text("interrupted", job_id=job.job_id)
    if on_interrupt != CANCEL:
        return kept
    try:
        job = await account.cancel(job)
    except GatewayError as error:
        return kept._replace(more=(status_text("not_cancelled", reason=error),))
    if not job.state.is_dead:
        return kept._replace(more=(status_text("already_runs"),))
    if job.charge:
        return status_text("cancelled_charged", job_id=job.job_id, price=dollars(job.charge))
    return status_text("cancelled", job_id=job.job_id)
