"""Beats: finds the beats of the music, and gives one value for each frame of a picture."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..music.methods import FOLLOW
from . import clips, host
from .conversions import image_of, samples_of
from .lists import shows_errors
from .shared_inputs import checked, choice_input, fps_input, tempo_input

# A list of numbers in one socket, for nodes that read a list. It connects to inputs of either type,
# because ComfyUI wants one type in common. The output `each` is for nodes that take one number.
FloatsType = io.Custom("FLOAT,FLOATS")


class Beats(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayBeats",
            search_aliases=["audio reactive", "beat detection", "bpm", "onset", "audio to float"],
            inputs=[
                io.Audio.Input("audio"),
                io.Int.Input("frames", default=0, min=0, max=1_000_000, optional=True),
                fps_input(24.0, low=0.001),
                tempo_input(),
                choice_input("follow", FOLLOW),
                io.Float.Input(
                    "low", default=0.0, min=-10_000.0, max=10_000.0, step=0.01, optional=True
                ),
                io.Float.Input(
                    "high", default=1.0, min=-10_000.0, max=10_000.0, step=0.01, optional=True
                ),
                io.Float.Input("smooth", default=0.0, min=0.0, max=60.0, step=0.01, optional=True),
            ],
            outputs=[
                FloatsType.Output("values"),
                io.Float.Output("bpm"),
                io.String.Output("beat_frames"),
                io.String.Output("beats"),
                io.String.Output("keyframes"),
                io.Int.Output("frames"),
                io.Image.Output("plot"),
                io.Float.Output("each", is_output_list=True),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        frames: int = 0,
        fps: float = 24.0,
        tempo: float = 0.0,
        follow: str = FOLLOW[0],
        low: float = 0.0,
        high: float = 1.0,
        smooth: float = 0.0,
    ) -> io.NodeOutput:
        return await host.in_thread(_followed, audio, frames, fps, tempo, follow, low, high, smooth)


def _followed(
    audio: Any,
    frames: int,
    fps: float,
    tempo: float,
    feature: str,
    low: float,
    high: float,
    smooth: float,
) -> io.NodeOutput:
    from ..music.drawings import draw_values
    from ..music.follow import follow
    from ..music.track import read_track
    from ..video.options import exact_rate

    samples, sample_rate = samples_of(audio)
    if frames > 0 and checked("fps", fps) > 0:
        clips.check_length(frames / fps)
    track = read_track(samples, sample_rate, tempo)
    # A person who types 23.976 means 24000 ÷ 1001. In ten minutes the two differ by almost a frame.
    rate = float(exact_rate(fps))
    made = follow(track, rate, frames, what=feature, low=low, high=high, smooth=smooth)
    bpm = track.beats.bpm
    found = f"{bpm:.1f} bpm, {len(made.beat_frames)} beats" if bpm else "no beat was found"
    host.show_status(f"{len(made.values)} frames · {found}")
    return io.NodeOutput(
        list(made.values),
        bpm,
        ", ".join(map(str, made.beat_frames)),
        made.beats_json,
        made.keyframes,
        len(made.values),
        image_of(draw_values(made)),
        list(made.values),
    )
