"""PollJob: wait for a job, and get the address of its audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..api.errors import GatewayError, InputError
from ..api.settings import OnInterrupt
from ..api.text import dollars
from . import again, host, session
from .prompt_to_music import JobType
from .said import Said, said
from .waiting import TIMEOUT, fraction_of, line_of, timeout_input

if TYPE_CHECKING:
    from ..api.account import Account
    from ..api.money.job import Job
    from ..api.money.wait import Progress

KEEP, CANCEL = OnInterrupt.KEEP.value, OnInterrupt.CANCEL.value


class PollJob(again.Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayPollJob",
            display_name="Poll Job (AIgateway)",
            description=(
                "Waits until a job is completed and returns the address of its audio. If you stop "
                "the wait, the job goes on: queue again, or use the job's id, to pick it up."
            ),
            search_aliases=["wait for job", "job status", "pick up job", "resume"],
            inputs=[
                JobType.Input("job", optional=True, tooltip="Connect the job of Prompt to Music."),
                io.String.Input(
                    "job_id",
                    default="",
                    optional=True,
                    tooltip="Instead of job: the id of a job from an earlier day or another "
                    "machine.",
                ),
                timeout_input(),
                io.Combo.Input(
                    "on_interrupt",
                    options=[KEEP, CANCEL],
                    default=session.on_interrupt(),
                    optional=True,
                    **host.ADVANCED,
                    tooltip="What an interrupt does to the job. keep: the job goes on, and you can "
                    "pick it up later. cancel: the gateway is asked to cancel it. A job that is "
                    "already running is paid.",
                ),
            ],
            outputs=[
                io.String.Output(
                    id="audio_url",
                    display_name="audio_url",
                    tooltip="The address of the audio. Connect to Load Audio URL.",
                ),
                io.Float.Output(
                    id="duration", display_name="duration", tooltip="Seconds, from the gateway."
                ),
                JobType.Output(id="job", display_name="job", tooltip="The completed job."),
                io.Float.Output(
                    id="price",
                    display_name="price",
                    tooltip="What the track cost, in US dollars. 0 where that is not known.",
                ),
            ],
        )

    @classmethod
    @host.shows_errors
    async def execute(
        cls,
        job: Job | None = None,
        job_id: str = "",
        timeout: float = TIMEOUT,
        on_interrupt: str = KEEP,
    ) -> io.NodeOutput:
        job_id = job_id.strip()
        if (job is None) == (not job_id):
            given = "neither is given" if job is None else "both are given"
            raise InputError(
                f"Poll Job takes either job or job_id, and {given}: connect job of Prompt to "
                "Music, or leave it unconnected and type the id of a job."
            )
        account = await session.account(session.settings(needs_key=True))
        job = await (account.pick_up(job_id) if job is None else account.current(job))
        if job.service != account.name:
            raise InputError(
                f"This job belongs to the service “{job.service}”, and the settings name "
                f"“{account.name}”: change the settings back, or queue Prompt to Music anew."
            )
        if job.prompt:
            host.item().label = job.request.label
        done = await _wait(account, job, timeout, on_interrupt)
        duration = done.duration if done.result_duration is None else done.result_duration
        return io.NodeOutput(done.result_url, duration, done, done.charge or 0.0)


async def _wait(account: Account, job: Job, timeout: float, on_interrupt: str) -> Job:
    display = host.Display()
    latest: list[Progress] = []

    def show() -> None:
        if latest:
            progress = latest[-1]
            latest.clear()
            trouble = session.retry_line(account, job)
            display.show(line_of(progress, trouble), fraction_of(progress))

    try:
        done = await host.interruptible(
            account.wait(job, timeout=timeout, progress=latest.append), on_look=show
        )
    except host.interrupt_exception():
        display.show(await _interrupted(account, job, on_interrupt))
        raise
    display.show(said("completed", job_id=done.job_id), 1.0)
    return done


async def _interrupted(account: Account, job: Job, on_interrupt: str) -> Said:
    kept = said("interrupted", job_id=job.job_id)
    if on_interrupt != CANCEL:
        return kept
    try:
        job = await account.cancel(job)
    except GatewayError as error:
        return kept._replace(more=(said("not_cancelled", reason=error),))
    if not job.state.is_dead:
        return kept._replace(more=(said("already_runs"),))
    if job.charge:
        return said("cancelled_charged", job_id=job.job_id, price=dollars(job.charge))
    return said("cancelled", job_id=job.job_id)
