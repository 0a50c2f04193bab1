"""AddSoundtrack: adds music to a video without decoding its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..video.options import Mix
from . import clips, host
from .conversions import audio_of, mastered, preview, samples_of
from .lists import shows_errors
from .shared_inputs import (
    LOUDNESS,
    checked_choice,
    choice_input,
    fade_input,
    loudness_inputs,
)

if TYPE_CHECKING:
    from ..audio.arrays import LongSamples

MIXES = [mix.value for mix in Mix]


class AddSoundtrack(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayAddSoundtrack",
            has_intermediate_output=True,
            search_aliases=["mux", "add audio to video", "background music", "duck", "voice over"],
            inputs=[
                io.Video.Input("video"),
                io.Audio.Input("audio"),
                choice_input("mix", MIXES),
                io.Float.Input("level", default=-6.0, min=-60.0, max=12.0, step=0.5, optional=True),
                io.Float.Input("duck", default=-10.0, min=-60.0, max=0.0, step=0.5, optional=True),
                fade_input("fade"),
                *loudness_inputs(),
            ],
            outputs=[io.Video.Output("video"), io.Audio.Output("audio")],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        video: Any,
        audio: Any,
        mix: str = MIXES[0],
        level: float = -6.0,
        duck: float = -10.0,
        fade: float = 0.0,
        loudness: str = LOUDNESS[0],
        true_peak: float = -1.0,
    ) -> io.NodeOutput:
        checked_choice("mix", mix, MIXES)
        return await host.in_thread(
            _with_music,
            video,
            audio,
            loudness,
            true_peak,
            mix=mix,
            level=level,
            duck=duck,
            fade=fade,
        )


def _with_music(
    video: Any, audio: Any, loudness: str, true_peak: float, **how: Any
) -> io.NodeOutput:
    from ..video.soundtrack import add_soundtrack

    music, sample_rate = samples_of(audio)
    reports: list[str] = []
    player: dict[str, list[str]] = {}

    def master(mix: LongSamples, sample_rate: int) -> None:
        done = mastered(mix, sample_rate, mix, loudness, true_peak)
        reports.extend(done.report.splitlines())
        player.update(preview(mix, sample_rate))

    with clips.file_of(video) as source:
        made = add_soundtrack(
            source,
            host.temporary_path(".mp4"),
            music,
            sample_rate,
            master=master,
            check_length=lambda picture: clips.check_length(picture.seconds),
            **how,
        )
    length = made.picture
    host.show_status(
        " · ".join(
            [f"{length.frames} frames, {float(length.seconds):.3f} s", *made.report, *reports]
        )
    )
    sound = audio_of(made.sound, made.sample_rate)
    return io.NodeOutput(host.video_of(made.path), sound, ui=player)
