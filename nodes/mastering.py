"""The inputs `loudness` and `true_peak`, and the samples at that loudness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..api.errors import InputError

if TYPE_CHECKING:
    from ..music.mastering import Master
    from ..music.samples import Samples

LOUDNESS = ("leave", "-14 LUFS", "-16 LUFS", "-23 LUFS")


def loudness_input() -> io.Combo.Input:
    return io.Combo.Input(
        "loudness",
        options=list(LOUDNESS),
        default=LOUDNESS[0],
        optional=True,
        tooltip="The loudness of the result (EBU R 128): -14 for web video, -16 for podcasts, -23 "
        "for television.",
    )


def true_peak_input() -> io.Float.Input:
    return io.Float.Input(
        "true_peak",
        default=-1.0,
        min=-20.0,
        max=0.0,
        step=0.1,
        optional=True,
        tooltip="The ceiling of the true peak in dBTP. A limiter holds it.",
    )


def mastered(samples: Samples, sample_rate: int, loudness: str, true_peak: float) -> Master:
    """`samples` (float32 [channels, n]) at the chosen loudness, under the ceiling.

    Raises:
        InputError: the loudness is not one of the choices.
        MusicError: the ceiling or the samples are out of range.
    """
    from ..music.mastering import master

    if loudness not in LOUDNESS:
        raise InputError(f"The loudness is “{loudness}”: choose one of {', '.join(LOUDNESS)}.")
    target = None if loudness == LOUDNESS[0] else float(loudness.split()[0])
    return master(samples, sample_rate, loudness=target, ceiling=true_peak)
