"""Layers: cuts a track into drums, low sounds and the rest, for a game that fades them."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..audio.formats import Format
from ..music.methods import CROSSOVER, CROSSOVERS, LAYERS
from . import host
from .conversions import audio_of, preview, remember_origin, samples_of
from .lists import shows_errors
from .saving import loop_points
from .shared_inputs import checked_text


class Layers(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        least, most = CROSSOVERS
        return host.schema(
            "AIGatewayLayers",
            has_intermediate_output=True,
            search_aliases=["stems", "adaptive music", "vertical layers", "drums", "game music"],
            inputs=[
                io.Audio.Input("audio"),
                io.String.Input("name", default="", optional=True),
                io.Int.Input("loop_start", default=0, min=0, max=2**31 - 1, optional=True),
                io.Int.Input("loop_length", default=0, min=0, max=2**31 - 1, optional=True),
                io.Float.Input(
                    "crossover", default=CROSSOVER, min=least, max=most, step=1.0, optional=True
                ),
            ],
            outputs=[
                io.Audio.Output("drums"),
                io.Audio.Output("low"),
                io.Audio.Output("rest"),
                io.Audio.Output("layers", is_output_list=True),
                io.String.Output("name", is_output_list=True),
                io.String.Output("family", is_output_list=True),
                io.String.Output("intensity", is_output_list=True),
                io.Int.Output("loop_start", is_output_list=True),
                io.Int.Output("loop_length", is_output_list=True),
                io.String.Output("report"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        name: str = "",
        loop_start: int = 0,
        loop_length: int = 0,
        crossover: float = CROSSOVER,
    ) -> io.NodeOutput:
        title = checked_text("name", name).strip()
        return await host.in_thread(_layered, audio, title, loop_start, loop_length, crossover)


def _layered(audio: Any, title: str, start: int, length: int, crossover: float) -> io.NodeOutput:
    from ..audio.containers.loop_points import check_loop
    from ..music.layer_masks import cut_layers

    loop = loop_points(start, length, Format.WAV)
    samples, sample_rate = samples_of(audio)
    if loop is not None:
        check_loop(loop, Format.WAV, samples.shape[1])
        # Save Audio ends a file there too.
        samples = samples[:, : loop.end]
    ends = None if loop is None else (loop.start, loop.end)
    made = cut_layers(samples, sample_rate, crossover=crossover, loop=ends)
    layers = [audio_of(layer, sample_rate) for layer in made.all]
    for layer in layers:
        remember_origin(layer, audio)
    players = [preview(layer, sample_rate) for layer in made.all]
    shown = {key: [file for each in players for file in each.get(key, [])] for key in players[0]}
    host.show_status(made.report)
    count = len(LAYERS)
    return io.NodeOutput(
        *layers,
        layers,
        [f"{title} {layer}".strip() for layer in LAYERS],
        [title or "layers"] * count,
        list(LAYERS),
        [start] * count,
        [length] * count,
        made.report,
        ui=shown,
    )
