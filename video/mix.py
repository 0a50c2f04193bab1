"""Music and a clip's own sound together, at exactly the picture's length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Samples
from ..audio.samples.resample import converted

Master: TypeAlias = Callable[[Samples, int], Samples]
"""Loudness and true peak: takes the mix [channels, samples] and its rate, gives as many samples.
It may work in the array that it is given, which saves the memory of a second one."""

Gain: TypeAlias = Callable[[int, int], npt.NDArray[np.float32]]
"""The gain of the samples from the first number up to the second."""


def add_music(bed: Samples, rate: int, music: Samples, music_rate: int, gains: list[Gain]) -> None:
    """Add `music` times all `gains` to `bed`, from the beginning to the end of the shorter."""
    for start, block in converted(music, music_rate, rate, bed.shape[0]):
        stop = min(start + block.shape[1], bed.shape[1])
        if stop <= start:
            return
        gain = np.ones(stop - start, np.float32)
        for part in gains:
            gain *= part(start, stop)
        bed[:, start:stop] += block[:, : stop - start] * gain


def constant(decibels: float) -> Gain:
    gain = np.float32(10 ** (decibels / 20))
    return lambda start, stop: np.full(stop - start, gain)


def fades(length: int, fade: int) -> Gain:
    """In and out over `fade` samples each, or half of `length` where that is less; a sine's
    quarter, squared, which has no corner at either end."""
    fade = min(fade, length // 2)

    def gain(start: int, stop: int) -> npt.NDArray[np.float32]:
        place = np.arange(start, stop, dtype=np.float32) + 0.5
        edge = np.minimum(place, length - place) / fade
        return np.sin(np.clip(edge, 0, 1) * np.float32(np.pi / 2)) ** 2

    return gain
