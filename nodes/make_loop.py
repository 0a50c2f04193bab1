"""MakeLoop: makes music that repeats without a seam, and its loop points."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from . import host
from .conversions import audio_of, loop_seam, preview, remember_origin, samples_of
from .lists import shows_errors
from .shared_inputs import checked_choice, choice_input, tempo_input

INTROS = ("keep", "none")


class MakeLoop(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayMakeLoop",
            has_intermediate_output=True,
            search_aliases=["seamless loop", "game music", "loop points", "background loop"],
            inputs=[
                io.Audio.Input("audio"),
                tempo_input(),
                io.Float.Input(
                    "min_seconds", default=8.0, min=0.0, max=3600.0, step=0.1, optional=True
                ),
                choice_input("intro", INTROS),
                io.Boolean.Input("loop", default=True, optional=True),
            ],
            outputs=[
                io.Audio.Output("audio"),
                io.Int.Output("loop_start"),
                io.Int.Output("loop_length"),
                io.String.Output("report"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        tempo: float = 0.0,
        min_seconds: float = 8.0,
        intro: str = INTROS[0],
        loop: bool = True,
    ) -> io.NodeOutput:
        checked_choice("intro", intro, INTROS)
        if not loop:
            return await host.in_thread(_passed_on, audio)
        return await host.in_thread(_looped, audio, tempo, min_seconds, intro == INTROS[0])


def _passed_on(audio: Any) -> io.NodeOutput:
    shown = preview(*samples_of(audio))
    return io.NodeOutput(audio, 0, 0, "No loop was asked for: the audio is unchanged.", ui=shown)


def _looped(audio: Any, tempo: float, min_seconds: float, keep_intro: bool) -> io.NodeOutput:
    from ..music.loop import make_loop
    from ..music.track import read_track

    samples, sample_rate = samples_of(audio)
    loop = make_loop(read_track(samples, sample_rate, tempo), min_seconds, keep_intro=keep_intro)
    made = audio_of(loop.samples, sample_rate)
    remember_origin(made, audio)
    verdict = "loop_good" if loop.seam.good else "loop_bad"
    host.show_status(host.status_text(verdict, seconds=f"{loop.length / sample_rate:.2f}"))
    seam = loop_seam(loop.start, loop.start + loop.length, sample_rate)
    shown = preview(loop.samples, sample_rate, seam)
    return io.NodeOutput(made, loop.start, loop.length, loop.report, ui=shown)
