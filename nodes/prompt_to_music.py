"""PromptToMusic: ask for a track, and get its job at once."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..api.request import AS_GIVEN, DEFAULT_MODEL, FORMATS, MusicRequest
from . import again, host, session
from .pricing import refusal_at_queue
from .request_inputs import request_inputs

if TYPE_CHECKING:
    from ..api.money.job import Job

JobType = io.Custom("AIGATEWAY_JOB")


class PromptToMusic(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayPromptToMusic",
            display_name="Prompt to Music (AIgateway)",
            description=(
                "Orders a music track from AIgateway's ACE-Step model. Returns the job at once; "
                "Poll Job waits for it. The same inputs with the same take are bought only once. "
                "Without an API key, the sandbox makes a free sketch."
            ),
            has_intermediate_output=True,
            search_aliases=["text to music", "music generation", "song", "ace-step", "soundtrack"],
            inputs=request_inputs(),
            outputs=[
                JobType.Output(id="job", display_name="job", tooltip="Connect to Poll Job."),
                io.String.Output(
                    id="job_id",
                    display_name="job_id",
                    tooltip="The job's id at the gateway, to pick the job up later or elsewhere.",
                ),
            ],
        )

    @classmethod
    async def validate_inputs(cls, prompt: str | None = None) -> bool | str:
        return await refusal_at_queue(prompt, again.id_of(cls)) or True

    @classmethod
    async def fingerprint_inputs(cls, **inputs: object) -> str:
        """Changes with the service, with each dead job of the request, and after a run in which
        items of a list failed."""
        return f"{await session.fingerprint(inputs, again.id_of(cls))} {again.failures(cls)}"

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
    ) -> io.NodeOutput:
        item = host.item()
        item.costs_nothing = True
        request = MusicRequest(prompt, duration, lyrics, format, model, take, words)
        request = request.validated()
        item.label = request.label
        settings = session.settings(needs_key=True)
        account = await session.account(settings)
        hints = await session.hints(request, account.name)
        await session.remember(account.name, request)

        def submit(requests: Sequence[MusicRequest]) -> Awaitable[Sequence[Job | BaseException]]:
            return account.submit_all(requests, settings, run=host.run_id())

        # The price of the whole list is checked before its first request is sent.
        display = host.Display()
        job = await host.interruptible(
            item.together(request, submit),
            on_look=lambda: session.show_wait(account, display, request),
        )
        host.show_status(session.outcome(account, "job", hints, job_id=job.job_id))
        # The browser looks up the cost of the track.
        return io.NodeOutput(job, job.job_id, ui={"aigateway_track": [job.local_id]})
