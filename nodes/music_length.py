"""MusicLength: the length of the music for a picture, and a tempo that gives whole bars."""

from __future__ import annotations

import math
from typing import Any

from comfy_api.latest import io

from ..api.base.errors import InputError
from ..api.base.request import MAX_DURATION, MIN_DURATION
from . import clips, host
from .lists import shows_errors
from .shared_inputs import fps_input, frames_input, picture_input

NEAR_TEMPO = 100.0


class MusicLength(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayMusicLength",
            search_aliases=["video length", "duration from video", "frames to seconds", "bpm"],
            inputs=[
                picture_input(),
                frames_input(),
                fps_input(),
                io.Float.Input("tail", default=0.0, min=0.0, max=60.0, step=0.1, optional=True),
                io.Float.Input(
                    "near_tempo", default=NEAR_TEMPO, min=40.0, max=240.0, step=1.0, optional=True
                ),
            ],
            outputs=[
                io.Float.Output("duration"),
                io.Float.Output("seconds"),
                io.Int.Output("frames"),
                io.Float.Output("fps"),
                io.Float.Output("tempo"),
                io.String.Output("tempo_words"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        picture: Any = None,
        frames: int = 0,
        fps: float = 0.0,
        tail: float = 0.0,
        near_tempo: float = NEAR_TEMPO,
    ) -> io.NodeOutput:
        return await host.in_thread(_measured, picture, frames, fps, tail, near_tempo)


def _measured(given: Any, frames: int, fps: float, tail: float, near_tempo: float) -> io.NodeOutput:
    from ..music.filling import SHORTEST, filling_tempo, whole_bars

    if tail < 0:
        raise InputError(f"tail is {tail:g} s: give 0 or more seconds.")
    found = clips.length(given, frames, fps)
    seconds = float(found.seconds)
    tempo = filling_tempo(seconds, near_tempo)
    if tail and seconds >= SHORTEST:
        tail = whole_bars(tail, tempo)
    # A request has whole milliseconds. Round up, so that no frame is silent.
    wanted = math.ceil((seconds + tail) * 1000) / 1000
    duration = min(max(wanted, MIN_DURATION), MAX_DURATION)
    filled = f"{tempo:.1f} bpm fills them" if seconds >= SHORTEST else "less than a bar"
    host.show_status(
        f"{found.frames} frames at {float(found.fps):.3f} fps are {seconds:.3f} s · "
        f"{filled}{_beyond(wanted)}"
    )
    return io.NodeOutput(
        duration, seconds, found.frames, float(found.fps), tempo, f"{tempo:.0f} bpm"
    )


def _beyond(wanted: float) -> str:
    if wanted > MAX_DURATION:
        return f" · the model makes {MAX_DURATION:g} s at most: Fit Music makes more of it"
    if wanted < MIN_DURATION:
        return f" · the model makes {MIN_DURATION:g} s at least: Fit Music cuts it"
    return ""
