"""PromptToMusic: ask for a track, and get its job at once."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..api.errors import InputError
from ..api.request import (
    AS_GIVEN,
    DEFAULT_MODEL,
    FORMATS,
    MAX_DURATION,
    MIN_DURATION,
    WORDS,
    MusicRequest,
)
from . import again, host, session

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
            search_aliases=["text to music", "music generation", "song", "ace-step", "soundtrack"],
            inputs=[
                io.String.Input(
                    "prompt",
                    multiline=True,
                    tooltip="Describe the music: style, mood, instruments, tempo.",
                ),
                io.Float.Input(
                    "duration",
                    default=30.0,
                    min=MIN_DURATION,
                    max=MAX_DURATION,
                    step=0.1,
                    tooltip="Length in seconds, 5 to 240. ACE-Step costs $0.0002 per second.",
                ),
                io.String.Input(
                    "lyrics",
                    multiline=True,
                    default="",
                    # A script may leave out what has a default.
                    optional=True,
                    tooltip="Words that the model is asked to sing; it is not certain that it "
                    "does. Tags such as [verse] and [chorus] mark the parts. Leave empty for "
                    "instrumental music.",
                ),
                io.Combo.Input(
                    "format",
                    options=list(FORMATS),
                    default=FORMATS[0],
                    optional=True,
                    tooltip="The format that the gateway is asked for: mp3 is small, wav is "
                    "lossless. It may send another one; Load Audio URL reads what comes.",
                ),
                io.Combo.Input(
                    "model",
                    options=_Models(session.model_choices()),
                    default=DEFAULT_MODEL,
                    optional=True,
                    tooltip="The model that makes the music. Prices differ: see the price line.",
                ),
                io.Int.Input(
                    "take",
                    default=1,
                    min=1,
                    max=1_000_000,
                    optional=True,
                    control_after_generate=host.FIXED_AFTER_GENERATE,
                    tooltip="A new number makes another track, bought separately. The same number "
                    "gives the same track, paid once.",
                ),
                io.Combo.Input(
                    "words",
                    options=list(WORDS),
                    default=AS_GIVEN,
                    optional=True,
                    tooltip="as given: the lyrics are sent, and no lyrics mean instrumental. "
                    "instrumental: the lyrics are not sent. let the model write: the model may "
                    "sing words of its own.",
                ),
            ],
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
    def validate_inputs(cls, prompt: str | None = None) -> bool | str:
        # ComfyUI shows an error of this method at each input that it takes, so it takes one. The
        # schema has the limits of the others, and `execute` checks values from other nodes.
        try:
            if prompt is not None:
                MusicRequest(prompt).validated()
        except InputError as error:
            return str(error)
        return True

    @classmethod
    async def fingerprint_inputs(cls, **inputs: object) -> str:
        """Changes with the service, with each dead job of the request, and after a run in which
        items of a list failed."""
        node_id = getattr(cls.hidden, "unique_id", None)
        return f"{await session.fingerprint(inputs, node_id)} {again.failures(cls)}"

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
        session.warn_of_ignored_inputs(request)
        await session.remember(account.name, request)

        def submit(requests: Sequence[MusicRequest]) -> Awaitable[Sequence[Job | BaseException]]:
            return account.submit_all(requests, settings, run=host.run_id())

        # The price of the whole list is checked before its first request is sent.
        display = host.Display()
        job = await host.interruptible(
            item.together(request, submit), on_look=lambda: session.show_closed(account, display)
        )
        session.show_job(account, job)
        # The browser looks up the cost of the track.
        return io.NodeOutput(job, job.job_id, ui={"aigateway_track": [job.local_id]})


class _Models(list[str]):
    """The models to choose from. The account may have a model that this machine's list lacks, so
    every id is valid."""

    def __contains__(self, model: object) -> bool:
        return isinstance(model, str) and bool(model.strip())
