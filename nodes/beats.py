"""Beats: one value for each frame of a picture, and the beats of the music."""

from __future__ import annotations

import asyncio
from typing import Any

from comfy_api.latest import io

from ..music.choices import FOLLOW
from . import host
from .inputs import tempo_input
from .sound import samples_of

# A list of numbers in one socket. It connects to inputs of either type, because ComfyUI wants one
# type in common.
FloatsType = io.Custom("FLOAT,FLOATS")


class Beats(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayBeats",
            display_name="Beats (AIgateway)",
            description=(
                "Gives one value for each frame of a picture that follows the music, and the beats "
                "as frames, times and keyframes. The value of frame n belongs to the time n ÷ fps."
            ),
            search_aliases=["audio reactive", "beat detection", "bpm", "onset", "audio to float"],
            inputs=[
                io.Audio.Input("audio", tooltip="The music. Of a batch, the first item."),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=1_000_000,
                    optional=True,
                    tooltip="How many values. 0 makes as many as the music lasts.",
                ),
                io.Float.Input(
                    "fps",
                    default=24.0,
                    min=0.001,
                    max=1000.0,
                    step=0.001,
                    round=0.001,
                    optional=True,
                    tooltip="Frames per second, such as 23.976.",
                ),
                tempo_input(),
                io.Combo.Input(
                    "follow",
                    options=list(FOLLOW),
                    default=FOLLOW[0],
                    optional=True,
                    tooltip="energy, bass, highs: the level. onsets: the attacks. beat, bar: a "
                    "pulse that falls to the next one.",
                ),
                io.Float.Input(
                    "low",
                    default=0.0,
                    min=-10_000.0,
                    max=10_000.0,
                    step=0.01,
                    optional=True,
                    tooltip="The value where the music is silent.",
                ),
                io.Float.Input(
                    "high",
                    default=1.0,
                    min=-10_000.0,
                    max=10_000.0,
                    step=0.01,
                    optional=True,
                    tooltip="The value where the music is at its strongest.",
                ),
                io.Float.Input(
                    "smooth",
                    default=0.0,
                    min=0.0,
                    max=60.0,
                    step=0.01,
                    optional=True,
                    tooltip="Seconds over which the values are evened out.",
                ),
            ],
            outputs=[
                FloatsType.Output(
                    id="values",
                    display_name="values",
                    tooltip="A list with a value for each frame.",
                ),
                io.Float.Output(id="bpm", display_name="bpm", tooltip="Beats per minute."),
                io.String.Output(
                    id="beat_frames",
                    display_name="beat_frames",
                    tooltip="The frames of the beats: “0, 12, 24”.",
                ),
                io.String.Output(
                    id="beats",
                    display_name="beats",
                    tooltip="JSON with beat_times, bpm, num_beats, sample_rate and bar_times.",
                ),
                io.String.Output(
                    id="keyframes",
                    display_name="keyframes",
                    tooltip="A line for each frame: “0:(0.1200),”.",
                ),
                io.Int.Output(id="frames", display_name="frames", tooltip="How many values."),
                io.Image.Output(
                    id="plot", display_name="plot", tooltip="The values over the waveform."
                ),
            ],
        )

    @classmethod
    @host.shows_errors
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
        work = asyncio.to_thread(_followed, audio, frames, fps, tempo, follow, low, high, smooth)
        return await host.interruptible(work)


def _followed(
    audio: Any,
    frames: int,
    fps: float,
    tempo: float,
    what: str,
    low: float,
    high: float,
    smooth: float,
) -> io.NodeOutput:
    from ..music.follow import follow
    from ..music.plot import draw_values
    from ..music.track import read_track
    from ..video.rates import exact_rate
    from .images import image_of

    samples, sample_rate = samples_of(audio)
    track = read_track(samples, sample_rate, tempo)
    # A typed 23.976 means 24000 ÷ 1001. In ten minutes the difference is most of a frame.
    rate = float(exact_rate(fps))
    made = follow(track, rate, frames, what=what, low=low, high=high, smooth=smooth)
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
    )
