"""AddSoundtrack: adds music to a video without decoding its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..video.options import Mix
from . import clips, host, session
from .conversions import audio_of, mastered, preview, remember_origin, samples_of, timed_words_of
from .disclosure import OriginMarks, maker_of, soundtrack_tags
from .lists import shows_errors
from .shared_inputs import (
    LOUDNESS,
    ORIGINS,
    checked_choice,
    choice_input,
    fade_input,
    loudness_inputs,
    origin_input,
)

if TYPE_CHECKING:
    from ..api.money.job import Job
    from ..audio.arrays import LevelChange, LongSamples
    from ..music.encoded_level import Decoded
    from ..music.mastering import Level
    from ..music.timed_words import TimedWord

_RAISED = 4.0
"""Largest rise of a peak by a codec, in dB."""
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
                origin_input(),
                io.String.Input("subtitles", default="", optional=True, force_input=True),
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
        origin: str = OriginMarks.ON.value,
        subtitles: str = "",
    ) -> io.NodeOutput:
        from ..audio.validate import check

        checked_choice("mix", mix, MIXES)
        words = timed_words_of("subtitles", subtitles)
        marks = OriginMarks(checked_choice("origin", origin, ORIGINS))
        valid = check(audio)
        _, job = await maker_of(valid["waveform"][0], valid["sample_rate"])
        tags = {} if job is None else soundtrack_tags(job, marks)
        return await host.in_thread(
            _with_music,
            video,
            audio,
            loudness,
            true_peak,
            tags,
            job,
            words,
            mix=mix,
            level=level,
            duck=duck,
            fade=fade,
        )


def _with_music(
    video: Any,
    audio: Any,
    loudness: str,
    true_peak: float,
    tags: Mapping[str, str],
    job: Job | None,
    words: Sequence[TimedWord],
    **how: Any,
) -> io.NodeOutput:
    from ..audio.arrays import UNCHANGED
    from ..music.encoded_level import match_level
    from ..music.timed_words import subtitles
    from ..video.soundtrack import add_soundtrack

    music, sample_rate = samples_of(audio)
    reports: list[str] = []
    player: dict[str, list[str]] = {}
    wanted: list[Level] = []

    def master(mix: LongSamples, sample_rate: int) -> None:
        done = mastered(mix, sample_rate, mix, loudness, true_peak)
        reports.extend(done.report.splitlines())
        wanted.append(done.after)
        player.update(preview(mix, sample_rate))

    def at_level(decoded: Decoded, seconds: float) -> LevelChange:
        # Codecs raise peaks by less than this.
        if wanted[0].true_peak < true_peak - _RAISED:
            return UNCHANGED
        matched = match_level(decoded, wanted[0]._replace(true_peak=true_peak), seconds)
        if matched.note:
            reports.append(matched.note)
        return matched.change

    with clips.file_of(video) as source:
        made = add_soundtrack(
            source,
            host.temporary_path(".mp4"),
            music,
            sample_rate,
            master=master,
            match_level=at_level,
            tags=tags,
            check_length=lambda picture: clips.check_length(picture.seconds),
            subtitles=subtitles(words),
            **how,
        )
    length = made.picture
    host.show_status(
        " · ".join(
            [f"{length.frames} frames, {float(length.seconds):.3f} s", *made.report, *reports]
        )
    )
    sound = audio_of(made.sound, made.sample_rate)
    remember_origin(sound, audio)
    finish = partial(_finish, tags=tags, job=job) if tags and job else None
    return io.NodeOutput(host.video_of(made.path, finish), sound, ui=player)


def _finish(path: Path, tags: Mapping[str, str], job: Job) -> None:
    """Mark a file that ComfyUI saved the video as, and sign it if there is a certificate."""
    from ..video.soundtrack import mark
    from .signing import sign

    mark(path, tags)
    certificate = session.certificate()
    if certificate and (reason := sign(path, job, certificate)):
        host.log.warning("Save Video: %s.", reason)
