"""Visualize: a video of what is heard, encoded as it is drawn."""

from __future__ import annotations

import asyncio
from typing import Any

from comfy_api.latest import io

from ..api.errors import InputError
from ..video.choices import Look
from . import host
from .images import image_of
from .sound import samples_of

LOOKS = [look.value for look in Look]


class Visualize(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayVisualize",
            display_name="Visualize (AIgateway)",
            description=(
                "Draws music as a video with its sound, in little memory however long it is. The "
                "beat lights up the background. The still shows the whole piece with axes."
            ),
            search_aliases=[
                "audio visualizer",
                "waveform",
                "spectrum",
                "spectrogram",
                "music video",
            ],
            inputs=[
                io.Audio.Input("audio", tooltip="The music. Of a batch, the first item."),
                io.Float.Input(
                    "fps",
                    default=30.0,
                    min=1.0,
                    max=240.0,
                    step=0.001,
                    round=0.001,
                    optional=True,
                    tooltip="Frames per second, such as 29.97.",
                ),
                io.Int.Input(
                    "width",
                    default=1280,
                    min=32,
                    max=8192,
                    step=2,
                    optional=True,
                    tooltip="In pixels; an even number.",
                ),
                io.Int.Input(
                    "height",
                    default=720,
                    min=32,
                    max=8192,
                    step=2,
                    optional=True,
                    tooltip="In pixels; an even number.",
                ),
                io.Combo.Input(
                    "look",
                    options=LOOKS,
                    default=LOOKS[0],
                    optional=True,
                    tooltip="waves: the waveform. bars: levels of bands. spectrum: a spectrogram "
                    "that moves. constant-Q: notes as bars.",
                ),
                io.String.Input(
                    "title", default="", optional=True, tooltip="Text in the picture, or none."
                ),
            ],
            outputs=[
                io.Video.Output(
                    id="video", display_name="video", tooltip="The video with its sound."
                ),
                io.Image.Output(
                    id="still",
                    display_name="still",
                    tooltip="Waveform and mel spectrogram of the whole piece.",
                ),
            ],
        )

    @classmethod
    @host.shows_errors
    async def execute(
        cls,
        audio: Any,
        fps: float = 30.0,
        width: int = 1280,
        height: int = 720,
        look: str = LOOKS[0],
        title: str = "",
    ) -> io.NodeOutput:
        if look not in LOOKS:
            raise InputError(f"The look is “{look}”: choose one of {', '.join(LOOKS)}.")
        work = asyncio.to_thread(_drawn, audio, fps, width, height, look, title)
        return await host.interruptible(work)


def _drawn(audio: Any, fps: float, width: int, height: int, look: str, title: str) -> io.NodeOutput:
    from ..music.track import read_track
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
    host.show_status(f"{frames} frames at {fps:g} fps")
    return io.NodeOutput(host.video_of(path), image_of(picture))
