"""Shots: divides music into shots that change on the beat, for nodes that run once for each."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..music.methods import EVERY, GRIDS
from . import host
from .conversions import audio_of, samples_of
from .lists import shows_errors
from .shared_inputs import checked, choice_input, fps_input, tempo_input


class Shots(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayShots",
            search_aliases=["cut to the beat", "music video", "shot list", "split audio"],
            inputs=[
                io.Audio.Input("audio"),
                fps_input(24.0, low=0.001),
                choice_input("every", EVERY, default="bars"),
                io.Int.Input("count", default=0, min=0, max=1000, optional=True),
                _seconds_input("min_seconds"),
                _seconds_input("max_seconds"),
                choice_input("grid", GRIDS),
                tempo_input(),
            ],
            outputs=[
                io.Float.Output("start", is_output_list=True),
                io.Int.Output("frames", is_output_list=True),
                io.Audio.Output("audio", is_output_list=True),
                io.Int.Output("index", is_output_list=True),
                io.String.Output("prompt_slot", is_output_list=True),
                io.Int.Output("count"),
                io.String.Output("report"),
                io.Int.Output("start_frame", is_output_list=True),
                io.Int.Output("keep_frames", is_output_list=True),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        fps: float = 24.0,
        every: str = "bars",
        count: int = 0,
        min_seconds: float = 0.0,
        max_seconds: float = 0.0,
        grid: str = GRIDS[0],
        tempo: float = 0.0,
    ) -> io.NodeOutput:
        limits = {"min_seconds": min_seconds, "max_seconds": max_seconds}
        whole = int(checked("count", count, is_whole=True))
        wish = {"every": every, "count": whole, "grid": grid, **limits}
        return await host.in_thread(_divided, audio, fps, tempo, wish)


def _seconds_input(name: str) -> io.Float.Input:
    """A limit of a shot's length in seconds; 0 means no limit."""
    return io.Float.Input(name, default=0.0, min=0.0, max=3600.0, step=0.1, optional=True)


def _divided(audio: Any, fps: float, tempo: float, wish: dict[str, Any]) -> io.NodeOutput:
    from ..music.shots import plan_shots
    from ..music.track import read_track
    from ..video.options import exact_rate

    samples, sample_rate = samples_of(audio)
    rate = exact_rate(fps)
    made = plan_shots(read_track(samples, sample_rate, tempo), rate, **wish)
    host.show_status(made.report.splitlines()[0].rstrip("."))
    shots = made.shots
    return io.NodeOutput(
        [float(shot.start_frame / rate) for shot in shots],
        [shot.frames for shot in shots],
        # Copy each slice, because a later node may change its samples.
        [audio_of(shot.samples.copy(), sample_rate) for shot in shots],
        list(range(len(shots))),
        [shot.slot for shot in shots],
        len(shots),
        made.report,
        [shot.start_frame for shot in shots],
        [shot.keep for shot in shots],
    )
