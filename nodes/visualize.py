"""Visualize: draws a video of the music, and encodes each frame when it is drawn."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..video.options import VideoStyle
from . import host
from .conversions import image_of, samples_of
from .lists import shows_errors
from .shared_inputs import checked_choice, choice_input

LOOKS = [look.value for look in VideoStyle]


class Visualize(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayVisualize",
            search_aliases=[
                "audio visualizer",
                "waveform",
                "spectrum",
                "spectrogram",
                "music video",
            ],
            inputs=[
                io.Audio.Input("audio"),
                io.Float.Input(
                    "fps", default=30.0, min=1.0, max=240.0, step=0.001, round=0.001, optional=True
                ),
                io.Int.Input("width", default=1280, min=32, max=8192, step=2, optional=True),
                io.Int.Input("height", default=720, min=32, max=8192, step=2, optional=True),
                choice_input("look", LOOKS),
                io.String.Input("title", default="", optional=True),
            ],
            outputs=[io.Video.Output("video"), io.Image.Output("still")],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        fps: float = 30.0,
        width: int = 1280,
        height: int = 720,
        look: str = LOOKS[0],
        title: str = "",
    ) -> io.NodeOutput:
        checked_choice("look", look, LOOKS)
        return await host.in_thread(_drawn, audio, fps, width, height, look, title)


def _drawn(audio: Any, fps: float, width: int, height: int, look: str, title: str) -> io.NodeOutput:
    from ..music.track import read_track
    from ..video.lettering import Lettering
    from ..video.still import still
    from ..video.visualize import visualize

    samples, sample_rate = samples_of(audio)
    beats = read_track(samples, sample_rate).beats
    path = host.temporary_path(".mp4")
    frames = visualize(
        samples,
        sample_rate,
        path,
        look=look,
        fps=fps,
        width=width,
        height=height,
        beats=beats.times.tolist() if beats.steady else (),
        title=title,
    )
    picture = still(samples, sample_rate, width=max(width, 320), height=max(height, 240))
    words = (f"{frames} frames at {fps:g} fps", Lettering(title).complaint)
    host.show_status(". ".join(filter(None, words)))
    return io.NodeOutput(host.video_of(path), image_of(picture))
