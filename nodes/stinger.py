"""Stinger: the tail of a track, which a game plays at the next bar and which ends on its own."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..music.methods import STINGER_SECONDS, TAILS
from . import host
from .conversions import audio_of, preview, remember_origin, samples_of
from .lists import shows_errors
from .shared_inputs import checked_choice, choice_input, tempo_input


class Stinger(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        shortest, longest = STINGER_SECONDS
        return host.schema(
            "AIGatewayStinger",
            has_intermediate_output=True,
            search_aliases=["ending", "victory sting", "game music", "tail", "transition"],
            inputs=[
                io.Audio.Input("audio"),
                io.Float.Input(
                    "seconds", default=4.0, min=shortest, max=longest, step=0.1, optional=True
                ),
                io.Int.Input("bars", default=0, min=0, max=16, optional=True),
                choice_input("tail", TAILS),
                tempo_input(),
            ],
            outputs=[
                io.Audio.Output("audio"),
                io.Float.Output("seconds"),
                io.Float.Output("bpm"),
                io.Float.Output("bars"),
                io.String.Output("report"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        seconds: float = 4.0,
        bars: int = 0,
        tail: str = TAILS[0],
        tempo: float = 0.0,
    ) -> io.NodeOutput:
        checked_choice("tail", tail, TAILS)
        return await host.in_thread(_cut, audio, seconds, bars, tail, tempo)


def _cut(audio: Any, seconds: float, bars: int, tail: str, tempo: float) -> io.NodeOutput:
    from ..music.sting import make_stinger

    samples, sample_rate = samples_of(audio)
    made = make_stinger(samples, sample_rate, seconds=seconds, bars=bars, tail=tail, tempo=tempo)
    output = audio_of(made.samples, sample_rate)
    remember_origin(output, audio)
    host.show_status(made.report)
    shown = preview(made.samples, sample_rate)
    return io.NodeOutput(output, made.seconds, made.bpm, made.bars, made.report, ui=shown)
