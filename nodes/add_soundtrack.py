"""AddSoundtrack: music on a video, without decoding its picture."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..api.errors import InputError
from ..video.choices import Mix
from . import host
from . import picture as pictures
from .inputs import checked
from .mastering import LOUDNESS, loudness_input, mastered, true_peak_input
from .player import preview
from .sound import audio_of, samples_of

if TYPE_CHECKING:
    from ..music.samples import Samples

MIXES = [mix.value for mix in Mix]


class AddSoundtrack(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayAddSoundtrack",
            display_name="Add Soundtrack (AIgateway)",
            description=(
                "Puts music on a video. The picture is copied as it is, so a long video needs "
                "little memory and loses no quality. The sound ends with the picture."
            ),
            has_intermediate_output=True,
            search_aliases=["mux", "add audio to video", "background music", "duck", "voice over"],
            inputs=[
                io.Video.Input("video", tooltip="The video."),
                io.Audio.Input("audio", tooltip="The music. Of a batch, the first item."),
                io.Combo.Input(
                    "mix",
                    options=MIXES,
                    default=MIXES[0],
                    optional=True,
                    tooltip="replace: the music alone. under: the video's own sound with the music "
                    "below it. duck: as under, and the music is lower while somebody speaks.",
                ),
                io.Float.Input(
                    "level",
                    default=-6.0,
                    min=-60.0,
                    max=12.0,
                    step=0.5,
                    optional=True,
                    tooltip="Gain of the music in dB, with under and duck.",
                ),
                io.Float.Input(
                    "duck",
                    default=-10.0,
                    min=-60.0,
                    max=0.0,
                    step=0.5,
                    optional=True,
                    tooltip="Further gain of the music in dB while somebody speaks.",
                ),
                io.Float.Input(
                    "fade",
                    default=0.0,
                    min=0.0,
                    max=60.0,
                    step=0.1,
                    optional=True,
                    tooltip="Seconds in which the music fades in and out.",
                ),
                loudness_input(),
                true_peak_input(),
            ],
            outputs=[
                io.Video.Output(
                    id="video", display_name="video", tooltip="The video with the music."
                ),
                io.Audio.Output(
                    id="audio", display_name="audio", tooltip="The sound of the video: the mix."
                ),
            ],
        )

    @classmethod
    @host.shows_errors
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
        if mix not in MIXES:
            raise InputError(f"The mix is “{mix}”: choose one of {', '.join(MIXES)}.")
        given = {"level": level, "duck": duck, "fade": fade, "true_peak": true_peak}
        for name, value in given.items():
            checked(name, value)
        work = asyncio.to_thread(
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
        return await host.interruptible(work)


def _with_music(
    video: Any, audio: Any, loudness: str, true_peak: float, **how: Any
) -> io.NodeOutput:
    from ..video.soundtrack import add_soundtrack

    music, sample_rate = samples_of(audio)
    reports: list[str] = []

    def master(samples: Samples, sample_rate: int) -> Samples:
        done = mastered(samples, sample_rate, loudness, true_peak)
        reports.extend(done.report.splitlines())
        return done.samples

    with pictures.file_of(video) as source:
        made = add_soundtrack(
            source,
            host.temporary_path(".mp4"),
            music,
            sample_rate,
            master=master,
            **how,
        )
    length = made.picture
    host.show_status(
        " · ".join(
            [f"{length.frames} frames, {float(length.seconds):.3f} s", *made.report, *reports]
        )
    )
    audio = audio_of(made.sound, made.sample_rate)
    return io.NodeOutput(
        host.video_of(made.path),
        audio,
        ui=preview(audio["waveform"][0], made.sample_rate),
    )
