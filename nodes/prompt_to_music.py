"""PromptToMusic: ask for a track, and get its job at once."""

from __future__ import annotations

from comfy_api.latest import io

from ..api.errors import InputError
from ..api.request import DEFAULT_MODEL, FORMATS, MAX_DURATION, MIN_DURATION, MusicRequest
from . import host, session

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
                    tooltip="The words to sing. Tags such as [verse] and [chorus] mark the parts. "
                    "Leave empty for instrumental music.",
                ),
                io.Combo.Input(
                    "format",
                    options=list(FORMATS),
                    default=FORMATS[0],
                    tooltip="The format of the delivered file: mp3 is small, wav is lossless.",
                ),
                io.Combo.Input(
                    "model",
                    options=session.model_choices(),
                    default=DEFAULT_MODEL,
                    tooltip="The model that makes the music. Prices differ: see the price line.",
                ),
                io.Int.Input(
                    "take",
                    default=1,
                    min=1,
                    max=1_000_000,
                    control_after_generate=host.FIXED_AFTER_GENERATE,
                    tooltip="A new number makes another track, bought separately. The same number "
                    "gives the same track, paid once.",
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
    def validate_inputs(
        cls,
        prompt: str | None = None,
        duration: float | None = None,
        model: str | None = None,
    ) -> bool | str:
        # Inputs from other nodes are not known yet; `execute` checks them. A model that is not in
        # this machine's list may be in the account's.
        try:
            MusicRequest(
                prompt="…" if prompt is None else prompt,
                duration=MIN_DURATION if duration is None else duration,
                model=DEFAULT_MODEL if model is None else model,
            ).validated()
        except InputError as error:
            return str(error)
        return True

    @classmethod
    async def fingerprint_inputs(cls, **inputs: object) -> str:
        """Changes when another service answers, and when a job of the request is dead."""
        return await session.fingerprint(inputs)

    @classmethod
    @host.shows_errors
    async def execute(
        cls, prompt: str, duration: float, lyrics: str, format: str, model: str, take: int
    ) -> io.NodeOutput:
        request = MusicRequest(prompt, duration, lyrics, format, model, take).validated()
        settings = session.settings(needs_key=True)
        account = await session.account(settings)
        session.warn_of_ignored_inputs(request)
        display = host.Display()
        job = await host.interruptible(
            account.submit(request, settings, run=host.run_id()),
            on_look=lambda: session.show_closed(account, display),
        )
        session.show_job(account, job)
        # The browser looks up the cost of the track.
        bought = {"local_id": job.local_id}
        return io.NodeOutput(job, job.job_id, ui={"aigateway_track": [bought]})
