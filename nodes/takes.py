"""Takes: several takes of one request, side by side, each a track."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..api.errors import GatewayError
from ..api.request import AS_GIVEN, DEFAULT_MODEL, FORMATS, MAX_COUNT, MusicRequest
from ..api.text import dollars
from . import again, host, session
from .player import heard
from .poll_job import CANCEL
from .pricing import refusal_at_queue
from .request_inputs import request_inputs
from .said import Said, said
from .take import Take
from .waiting import TIMEOUT, timeout_input

if TYPE_CHECKING:
    from ..api.account import Account
    from ..api.money.job import Job
    from ..api.settings import Settings

COUNT = 4


class Takes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayTakes",
            display_name="Takes (AIgateway)",
            description=(
                "Orders several takes of one request, waits for them and loads them, side by "
                "side: so many takes need the time of one. A take that fails loses none of the "
                "others. Each take is bought only once."
            ),
            search_aliases=["variations", "several tracks", "batch of music", "re-roll"],
            inputs=[
                *request_inputs(),
                io.Int.Input(
                    "count",
                    default=COUNT,
                    min=1,
                    max=MAX_COUNT,
                    optional=True,
                    tooltip="How many takes: the number in take, and those after it. Each is a "
                    "track, bought separately.",
                ),
                timeout_input(),
            ],
            outputs=[
                io.Audio.Output(
                    id="audio",
                    display_name="audio",
                    is_output_list=True,
                    tooltip="A list with the takes that are good, in their order.",
                ),
                io.String.Output(
                    id="job_id",
                    display_name="job_id",
                    is_output_list=True,
                    tooltip="A list with the ids of their jobs.",
                ),
                io.String.Output(
                    id="report",
                    display_name="report",
                    tooltip="Each take with its state, its cost and its length or its error.",
                ),
            ],
        )

    @classmethod
    async def validate_inputs(cls, prompt: str | None = None) -> bool | str:
        return await refusal_at_queue(prompt, again.id_of(cls)) or True

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        """Changes with the service, and after a run in which takes failed."""
        return f"{session.service_fingerprint()} {again.failures(cls)}"

    @classmethod
    @host.shows_errors
    async def execute(
        cls,
        prompt: str,
        duration: float,
        lyrics: str = "",
        format: str = FORMATS[0],
        model: str = DEFAULT_MODEL,
        take: int = 1,
        words: str = AS_GIVEN,
        count: int = COUNT,
        timeout: float = TIMEOUT,
    ) -> io.NodeOutput:
        item = host.item()
        item.costs_nothing = True
        request = MusicRequest(prompt, duration, lyrics, format, model, take, words)
        requests = request.takes(count)
        item.label = f"{len(requests)} takes from {requests[0].label}"
        settings = session.settings(needs_key=True)
        account = await session.account(settings)
        hints = await session.hints(requests[0], account.name)
        display = host.Display()
        takes = await _bought(account, requests, settings, display)
        item.costs_nothing = False
        known = {
            job_id: audio
            for _, output in item.batch.before
            for audio, job_id in zip(*output.args[:2], strict=True)
        }
        work = asyncio.gather(*(take.finish(account, settings, timeout, known) for take in takes))
        try:
            await host.interruptible(work, on_look=lambda: _show(display, account, takes))
        except host.interrupt_exception():
            display.show(await _interrupted(account, takes, settings.on_interrupt.value))
            raise
        return _output(account, takes, display, hints)


async def _bought(
    account: Account,
    requests: Sequence[MusicRequest],
    settings: Settings,
    display: host.Display,
) -> list[Take]:
    """Submit the takes. The price of the whole list of the node is checked before."""

    async def submit(lists: Sequence[Sequence[MusicRequest]]) -> list[list[Job | BaseException]]:
        asked = [request for each in lists for request in each]
        jobs = iter(await account.submit_all(asked, settings, run=host.run_id()))
        return [list(islice(jobs, len(each))) for each in lists]

    jobs = await host.interruptible(
        host.item().together(requests, submit),
        on_look=lambda: session.show_wait(account, display, requests[0]),
    )
    return [Take(request, job) for request, job in zip(requests, jobs, strict=True)]


def _show(display: host.Display, account: Account, takes: Sequence[Take]) -> None:
    waiting = [take for take in takes if not take.has_ended]
    fraction = sum(take.fraction for take in takes) / len(takes)
    slowest = min(waiting, key=lambda take: take.fraction, default=None)
    line = slowest.line(_trouble(account, slowest)) if slowest else ""
    ended = f"{len(takes) - len(waiting)} of {len(takes)} takes ended"
    display.show(f"{ended} · {line}" if line else ended, fraction)


def _trouble(account: Account, take: Take) -> Said | None:
    return session.retry_line(account, take.job) if take.job else None


async def _interrupted(account: Account, takes: Sequence[Take], on_interrupt: str) -> str:
    jobs = [take.job for take in takes if take.job is not None and not take.has_ended]

    async def after(job: Job) -> Job:
        if on_interrupt != CANCEL:
            return job
        try:
            return await account.cancel(job)
        except GatewayError as error:
            host.log.warning("The job %s could not be cancelled: %s", job.job_id, error)
            return job

    ended = [job for job in await asyncio.gather(*map(after, jobs)) if job.state.is_dead]
    go_on = len(jobs) - len(ended)
    line = f"interrupted; {go_on} of {len(takes)} jobs go on, queue again to pick them up"
    if not ended:
        return line
    charge = sum(job.charge or 0.0 for job in ended)
    cost = f"the gateway charged {dollars(charge)} for them" if charge else "they cost nothing"
    return f"{line}; {len(ended)} were cancelled, and {cost}"


def _output(
    account: Account, takes: Sequence[Take], display: host.Display, hints: Sequence[str]
) -> io.NodeOutput:
    """The good takes, and a report of all; the error of the first take if none is good."""
    good = [take for take in takes if take.audio is not None]
    failed = [take for take in takes if take.error is not None]
    if not good:
        raise _error(takes, next(take.error for take in takes if take.error is not None))
    if failed:
        # The next run waits for the others again, and loads only them.
        again.note(host.node_id() or "", host.run_id())
    notes = [*(said("failed", text=take.outcome) for take in failed), *hints]
    loaded = session.outcome(account, "takes", notes, good=len(good), count=len(takes))
    display.show(loaded, 1.0)
    summary = str(loaded._replace(more=()))
    report = "\n".join([summary, *(take.report for take in takes)])
    files = [take.file for take in good if take.file is not None]
    tracks = [take.job.local_id for take in takes if take.job is not None]
    # The browser looks up the cost of the tracks.
    ui: dict[str, Any] = {"aigateway_track": tracks, **heard(*files)}
    ids = [take.job.job_id if take.job else "" for take in good]
    return io.NodeOutput([take.audio for take in good], ids, report, ui=ui)


def _error(takes: Sequence[Take], error: Exception) -> Exception:
    """`error`, which is that of the first take, and what became of all of them."""
    nothing_sent = all(take.job is None and str(take.error) == str(error) for take in takes)
    if len(takes) == 1 or nothing_sent:
        return error
    sentence = f"No take is good: {'; '.join(take.outcome for take in takes)}."
    if isinstance(error, GatewayError):
        return error.noting(sentence)
    named = GatewayError(f"{error} {sentence}")
    named.__cause__ = error
    return named
