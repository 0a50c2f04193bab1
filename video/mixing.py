"""Music and a clip's own sound together: gains, fades, and music lowered under speech."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from ..audio.arrays import Curve, Floats, LongSamples, Samples
from ..audio.samples.resample import converted
from .speech import STEP, Flags, speech

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
        # Float32 has too few digits for the sample numbers of a long sound.
        position = np.arange(start, stop) + 0.5
        edge = np.minimum(position, length - position) / fade
        sine = np.sin(np.clip(edge, 0, 1) * (np.pi / 2))
        return (sine * sine).astype(np.float32)

    return gain


# Music is lowered while somebody speaks

_HOP = 0.01
"""Seconds from one value of the gain to the next."""


class Ducker(NamedTuple):
    """Lowers music under speech. The defaults are those of video editors: 10 dB down, and up again
    in half a second.

    The music begins to fall `attack` seconds before speech, and is low when speech begins. It stays
    low in pauses of up to 1.2 s, and for `hold` seconds after speech. Then it rises for `release`
    seconds.
    """

    depth: float = -10.0
    attack: float = 0.2
    hold: float = 0.4
    release: float = 0.5

    def curve(self, sound: LongSamples, sample_rate: int) -> Curve:
        """The gain of the music under `sound` [channels, samples]."""
        hop = max(1, round(_HOP * sample_rate))
        seconds = hop / sample_rate
        middle = (np.arange(-(-sound.shape[1] // hop)) + 0.5) * seconds
        parts = speech(sound, sample_rate)
        active = parts[np.minimum((middle / STEP).astype(np.intp), parts.size - 1)]
        before = _distance(active[::-1])[::-1] * seconds
        after = _distance(active) * seconds
        down = np.clip(1 - before / self.attack, 0, 1) if self.attack else before == 0
        up = np.clip(1 - (after - self.hold) / self.release, 0, 1) if self.release else after == 0
        gain = 10 ** (self.depth * np.maximum(down, up) / 20)
        return Curve(gain.astype(np.float32), hop)


def _distance(active: Flags) -> Floats:
    """Hops since the last active one: 0 if it is active, infinity before the first."""
    index = np.arange(active.size, dtype=np.float64)
    return index - np.maximum.accumulate(np.where(active, index, -np.inf))
