"""FitMusic: fits music to the exact length of a picture. The beat and the ending stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..music.methods import ENDINGS, METHODS
from . import clips, host
from .conversions import image_of, mastered, preview, remember_origin
from .lists import shows_errors
from .shared_inputs import (
    LOUDNESS,
    choice_input,
    fade_input,
    fps_input,
    frames_input,
    hits_input,
    loudness_inputs,
    picture_input,
    tempo_input,
)

if TYPE_CHECKING:
    from ..music.hits import Hits


class FitMusic(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayFitMusic",
            has_intermediate_output=True,
            search_aliases=["music to length", "remix", "trim music", "extend music", "loudness"],
            inputs=[
                io.Audio.Input("audio"),
                picture_input(),
                io.Float.Input(
                    "seconds",
                    default=0.0,
                    min=0.0,
                    max=36000.0,
                    step=0.001,
                    round=0.001,
                    optional=True,
                ),
                frames_input(),
                fps_input(),
                choice_input("method", METHODS),
                choice_input("ending", ENDINGS),
                tempo_input(),
                *loudness_inputs(),
                fade_input("fade_in"),
                fade_input("fade_out"),
                hits_input(),
            ],
            outputs=[
                io.Audio.Output("audio"),
                io.String.Output("report"),
                io.String.Output("joins"),
                io.Image.Output("plot"),
                io.String.Output("markers"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        picture: Any = None,
        seconds: float = 0.0,
        frames: int = 0,
        fps: float = 0.0,
        method: str = METHODS[0],
        ending: str = ENDINGS[0],
        tempo: float = 0.0,
        loudness: str = LOUDNESS[0],
        true_peak: float = -1.0,
        fade_in: float = 0.0,
        fade_out: float = 0.0,
        hits: str = "",
    ) -> io.NodeOutput:
        def wished() -> tuple[clips.Length, Hits]:
            found = clips.length(picture, frames, fps, seconds)
            return found, clips.hits(hits, picture, fps, found)

        return await host.in_thread(
            _fitted,
            audio,
            wished,
            loudness,
            true_peak,
            method=method,
            ending=ending,
            tempo=tempo,
            fade_in=fade_in,
            fade_out=fade_out,
        )


def _fitted(
    audio: Any,
    wished: Callable[[], tuple[clips.Length, Hits]],
    loudness: str,
    true_peak: float,
    **how: Any,
) -> io.NodeOutput:
    """Fit each item of the batch. The report, the joins and the plot describe the first item."""
    import numpy as np
    import torch

    from ..audio.validate import check
    from ..music.drawings import draw_fit
    from ..music.fit import fit
    from ..music.markers import markers_of

    valid = check(audio)
    sample_rate = valid["sample_rate"]
    clips.check_length(valid["waveform"].shape[2] / sample_rate)
    length, hits = wished()
    samples = length.samples(sample_rate)
    fits, sounds, reports = [], [], []
    for waveform in valid["waveform"]:
        done = fit(waveform.numpy(), sample_rate, samples, hits=hits, **how)
        sound = np.empty_like(done.samples)
        master = mastered(done.samples, sample_rate, sound, loudness, true_peak)
        fits.append(done)
        sounds.append(torch.from_numpy(sound))
        reports.append(f"{done.report}\n{master.report}")
    waveform = torch.stack(sounds)
    first = fits[0]
    joins = ", ".join(f"{join.at:.2f}" for join in first.joins)
    seams = [(join.at, join.at) for join in first.joins]
    plot = image_of(draw_fit(first))
    joined = f", {len(first.joins)} joins" if first.joins else ""
    done_how = "as it was" if first.method == "none" else f"by {first.method}{joined}"
    host.show_status(f"{samples / sample_rate:.3f} s {done_how}")
    made = {"waveform": waveform, "sample_rate": sample_rate}
    remember_origin(made, audio)
    markers = markers_of(first, length.fps)
    shown = preview(sounds[0].numpy(), sample_rate, seams)
    return io.NodeOutput(made, reports[0], joins, plot, markers, ui=shown)
