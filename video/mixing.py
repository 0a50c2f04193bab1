"""Music and a clip's own sound together: gains, fades, and music lowered under speech."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Curve, Floats, LongSamples, Samples
from ..audio.samples.resample import converted
from ..audio.stopping import looked

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


# Music is lowered while somebody speaks, that is, while the clip's own sound is loud

_HOP = 0.01
"""Seconds between two measures of the level."""
_QUIET = -50.0
"""dBFS (root mean square); quieter sound is no speech."""
_RANGE = 20.0
"""dB below the loudest speech down to which sound counts as speech."""
_ABOVE_NOISE = 6.0
"""dB above the clip's steady noise from which sound counts as speech."""
_CLICK = 0.06
"""Seconds; shorter sounds are no speech."""


class Ducker(NamedTuple):
    """Lowers music under speech. The defaults are those of video editors: 10 dB down, and up again
    in half a second.

    The music begins to fall `attack` seconds before speech, and is low when speech begins. It stays
    low for `hold` seconds after speech, so that it does not rise between words. Then it rises for
    `release` seconds.
    """

    depth: float = -10.0
    attack: float = 0.2
    hold: float = 0.4
    release: float = 0.5

    def curve(self, speech: LongSamples, sample_rate: int) -> Curve:
        """The gain of the music under `speech` [channels, samples]."""
        hop = max(1, round(_HOP * sample_rate))
        active = _speech(_levels(speech, hop), sample_rate / hop)
        before = _distance(active[::-1])[::-1] * hop / sample_rate
        after = _distance(active) * hop / sample_rate
        down = np.clip(1 - before / self.attack, 0, 1) if self.attack else before == 0
        up = np.clip(1 - (after - self.hold) / self.release, 0, 1) if self.release else after == 0
        gain = 10 ** (self.depth * np.maximum(down, up) / 20)
        return Curve(gain.astype(np.float32), hop)


def _levels(sound: LongSamples, hop: int) -> Floats:
    """Root mean square of all channels in dBFS, one value a hop."""
    count = -(-sound.shape[1] // hop)
    levels = np.empty(count)
    step = max(1, (1 << 16) // hop)
    for first in looked(range(0, count, step)):
        piece = sound[:, first * hop : (first + step) * hop]
        power = np.einsum("ij,ij->j", piece, piece) / sound.shape[0]
        power = np.pad(power, (0, -power.size % hop)).reshape(-1, hop).mean(axis=1)
        levels[first : first + step] = 10.0 * np.log10(power + 1e-12)
    return levels


def _speech(levels: Floats, hops_a_second: float) -> npt.NDArray[np.bool_]:
    """Which hops are speech: near the loudest, above steady noise, and longer than a click."""
    audible = levels[levels > _QUIET]
    if not audible.size:
        return np.zeros(levels.size, np.bool_)
    loud = np.percentile(audible, 95)
    noise = np.percentile(levels, 10)
    threshold = max(_QUIET, loud - _RANGE, min(noise + _ABOVE_NOISE, loud - _ABOVE_NOISE))
    active = levels > threshold
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    for start, stop in edges.reshape(-1, 2):
        if stop - start < _CLICK * hops_a_second:
            active[start:stop] = False
    return active


def _distance(active: npt.NDArray[np.bool_]) -> Samples:
    """Hops since the last active one: 0 where it is active, infinity before the first."""
    # Float32 counts exactly to 16 million: the hops of 46 hours.
    index = np.arange(active.size, dtype=np.float32)
    last = np.maximum.accumulate(np.where(active, index, np.float32(-np.inf)))
    return index - last
