"""Visualize: draws a video of the music, and encodes each frame when it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..video.options import VideoStyle
from . import host
from .conversions import image_of, samples_of, timed_words_of
from .lists import shows_errors
from .shared_inputs import checked_choice, choice_input

if TYPE_CHECKING:
    from ..music.timed_words import TimedWord

STYLES = [style.value for style in VideoStyle]


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
                choice_input("look", STYLES),
                io.String.Input("title", default="", optional=True),
                io.String.Input("lyrics", default="", optional=True, force_input=True),
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
        look: str = STYLES[0],
        title: str = "",
        lyrics: str = "",
    ) -> io.NodeOutput:
        checked_choice("look", look, STYLES)
        words = timed_words_of("lyrics", lyrics)
        size = {"width": width, "height": height}
        return await host.in_thread(_drawn, audio, fps, size, look, title, words)


def _drawn(
    audio: Any,
    fps: float,
    size: Mapping[str, int],
    look: str,
    title: str,
    words: Sequence[TimedWord],
) -> io.NodeOutput:
    from ..music.timed_words import ROW_LETTERS, subtitles
    from ..music.track import read_track
    from ..video.lettering import Lettering
    from ..video.still import still
    from ..video.sung_lines import row_letters
    from ..video.visualize import visualize

    samples, sample_rate = samples_of(audio)
    beats = read_track(samples, sample_rate).beats
    path = host.temporary_path(".mp4")
    lyrics = subtitles(words, min(ROW_LETTERS, row_letters(**size))) if words else []
    frames = visualize(
        samples,
        sample_rate,
        path,
        style=look,
        fps=fps,
        **size,
        beats=beats.times.tolist() if beats.steady else (),
        title=title,
        lyrics=lyrics,
    )
    width, height = max(size["width"], 320), max(size["height"], 240)
    picture = still(samples, sample_rate, width=width, height=height)
    sung = "\n".join(word.word for word in words)
    faults = (Lettering(title).complaint, Lettering(sung, "lyrics").complaint)
    host.show_status(". ".join(filter(None, (f"{frames} frames at {fps:g} fps", *faults))))
    return io.NodeOutput(host.video_of(path), image_of(picture))
