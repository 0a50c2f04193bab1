"""PromptToMusic: requests a track and returns its job at once."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..api.base.request import AS_GIVEN, DEFAULT_MODEL, FORMATS, MusicRequest
from . import host, session
from .lists import failures, id_of, running_item, shows_errors
from .pricing import refusal_at_queue
from .shared_inputs import request_inputs
from .status_lines import outcome, show_submit

if TYPE_CHECKING:
    from ..api.money.job import Job

JobType = io.Custom("AIGATEWAY_JOB")


class PromptToMusic(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayPromptToMusic",
            has_intermediate_output=True,
            search_aliases=["text to music", "music generation", "song", "ace-step", "soundtrack"],
            inputs=request_inputs(),
            outputs=[JobType.Output("job"), io.String.Output("job_id")],
        )

    @classmethod
    async def validate_inputs(cls, prompt: str | None = None) -> bool | str:
        return await refusal_at_queue(prompt, id_of(cls)) or True

    @classmethod
    async def fingerprint_inputs(cls, **inputs: object) -> str:
        """A value that changes with the service, with each dead job of the request, and after a run
        in which items of a list failed."""
        return f"{await session.fingerprint(inputs, id_of(cls))} {failures(cls)}"

    @classmethod
    @shows_errors
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
        item = running_item()
        item.costs_nothing = True
        request = MusicRequest(prompt, duration, lyrics, format, model, take, words)
        request = request.validated()
        item.label = request.label
        settings = session.settings(needs_key=True)
        account = await session.account(settings)
        hints = await session.hints(request, account.name)
        await session.remember(account.name, request)

        def submit(requests: Sequence[MusicRequest]) -> Awaitable[Sequence[Job | BaseException]]:
            return session.submit_all(account, requests, settings)

        # The price of the whole list is checked before its first request is sent.
        display = host.Display()
        job = await host.interruptible(
            item.together(request, submit),
            on_check=lambda: show_submit(account, display, request),
        )
        host.show_status(outcome(account, "job", hints, job_id=job.job_id))
        # The browser looks up the cost of the track.
        return io.NodeOutput(job, job.job_id, ui={"aigateway_track": [job.local_id]})
