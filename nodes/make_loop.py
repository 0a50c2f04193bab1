"""MakeLoop: music that repeats without a seam, with its loop points."""

from __future__ import annotations

import asyncio
from typing import Any

from comfy_api.latest import io

from ..api.errors import InputError
from . import host
from .inputs import tempo_input
from .player import preview
from .sound import audio_of, keep_origin, samples_of

INTROS = ("keep", "none")


class MakeLoop(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayMakeLoop",
            display_name="Make Loop (AIgateway)",
            description=(
                "Finds the part of the music that repeats best, and ends the audio where that part "
                "ends. The report has the figures of the seam, and says if no good loop exists."
            ),
            has_intermediate_output=True,
            search_aliases=["seamless loop", "game music", "loop points", "background loop"],
            inputs=[
                io.Audio.Input("audio", tooltip="The music. Of a batch, the first item."),
                tempo_input(),
                io.Float.Input(
                    "min_seconds",
                    default=8.0,
                    min=0.0,
                    max=3600.0,
                    step=0.1,
                    optional=True,
                    tooltip="The shortest loop in seconds.",
                ),
                io.Combo.Input(
                    "intro",
                    options=list(INTROS),
                    default=INTROS[0],
                    optional=True,
                    tooltip="keep: the music before the loop is played once. none: the audio "
                    "begins with the loop.",
                ),
                io.Boolean.Input(
                    "loop",
                    default=True,
                    optional=True,
                    tooltip="off: the audio is passed on as it is, with the loop points 0. Connect "
                    "loop of Cue Sheet.",
                ),
            ],
            outputs=[
                io.Audio.Output(
                    id="audio", display_name="audio", tooltip="The audio up to the loop's end."
                ),
                io.Int.Output(
                    id="loop_start",
                    display_name="loop_start",
                    tooltip="The first sample of the loop.",
                ),
                io.Int.Output(
                    id="loop_length",
                    display_name="loop_length",
                    tooltip="The length of the loop in samples.",
                ),
                io.String.Output(
                    id="report", display_name="report", tooltip="The loop and its seam in figures."
                ),
            ],
        )

    @classmethod
    @host.shows_errors
    async def execute(
        cls,
        audio: Any,
        tempo: float = 0.0,
        min_seconds: float = 8.0,
        intro: str = INTROS[0],
        loop: bool = True,
    ) -> io.NodeOutput:
        if intro not in INTROS:
            raise InputError(f"The intro is “{intro}”: choose one of {', '.join(INTROS)}.")
        if not loop:
            return await asyncio.to_thread(_passed_on, audio)
        work = asyncio.to_thread(_looped, audio, tempo, min_seconds, intro == INTROS[0])
        return await host.interruptible(work)


def _passed_on(audio: Any) -> io.NodeOutput:
    samples, sample_rate = samples_of(audio)
    shown = preview(audio_of(samples, sample_rate)["waveform"][0], sample_rate)
    return io.NodeOutput(audio, 0, 0, "No loop was asked for: the audio is unchanged.", ui=shown)


def _looped(audio: Any, tempo: float, min_seconds: float, keep_intro: bool) -> io.NodeOutput:
    from ..music.loop import make_loop
    from ..music.track import read_track

    samples, sample_rate = samples_of(audio)
    loop = make_loop(read_track(samples, sample_rate, tempo), min_seconds, keep_intro=keep_intro)
    made = audio_of(loop.samples, sample_rate)
    keep_origin(made, audio)
    verdict = "a good loop" if loop.seam.good else "no good loop: see the report"
    host.show_status(f"{loop.length / sample_rate:.2f} s · {verdict}")
    return io.NodeOutput(
        made,
        loop.start,
        loop.length,
        loop.report,
        ui=preview(made["waveform"][0], sample_rate),
    )
