"""Music and a clip's own sound together: gains and fades."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..audio.arrays import LongSamples, Samples
from ..audio.samples.resample import converted

# Music added to a clip's own sound, at exactly the picture's length

Master: TypeAlias = Callable[[LongSamples, int], None]
"""Takes the mix [channels, samples] and its rate in Hz. It may change the mix in place: loudness
and true peak, for example."""

Gain: TypeAlias = Callable[[int, int], Samples]
"""The gain of the samples from the first number up to the second."""


def add_music(
    bed: LongSamples, rate: int, music: Samples, music_rate: int, gains: list[Gain]
) -> None:
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
    """A fade in and out over `fade` samples each, or half of `length` if that is less. Its curve is
    a squared quarter of a sine, which has no corner at either end."""
    fade = min(fade, length // 2)

    def gain(start: int, stop: int) -> Samples:
        if start >= fade and stop <= length - fade:
            return np.ones(stop - start, np.float32)
        # Float32 does not tell the samples of a long sound apart.
        place = np.arange(start, stop) + 0.5
        edge = np.minimum(place, length - place) / fade
        sine = np.sin(np.clip(edge, 0, 1) * (np.pi / 2))
        return (sine * sine).astype(np.float32)

    return gain
