"""Is it the same music at another length? What a listener would notice, measured.

The judge knows nothing of how a result was made: it gets samples, where they were joined, and the
source's beats with their places in the bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...audio.arrays import Floats, Samples

ON_BEAT = 0.020
"""Seconds; the crossfade ends this near to a beat."""
INTERVAL = 0.03
"""Share of the beat by which the interval across a join may be wrong."""
SILENCE = 1e-5


class Splice(NamedTuple):
    """Seconds: where in the result the source jumps from `left` to `right`."""

    at: float
    left: float
    right: float


class Source(NamedTuple):
    samples: Samples
    rate: int
    beats: Floats
    places: Sequence[int]
    meter: int

    @property
    def period(self) -> float:
        return float(np.median(np.diff(self.beats)))


def judge(source: Source, result: Samples, length: int, splices: Sequence[Splice]) -> list[str]:
    """What is wrong with `result`, a sentence each; nothing where it is right."""
    faults = []
    if result.shape[1] != length:
        faults.append(f"length: {result.shape[1]} samples instead of {length}")
    faults += _ending(source, result) + _opening(source, result)
    for splice in splices:
        faults += _place(source, splice)
    return faults + _seams(source, result, splices)


def _ending(source: Source, result: Samples) -> list[str]:
    count = round(2 * source.meter * source.period * source.rate)
    if result.shape[1] < count:
        return ["ending: shorter than two bars"]
    difference = float(np.abs(result[:, -count:] - source.samples[:, -count:]).max())
    return [f"ending: differs by {difference:.4f}"] if difference > SILENCE else []


def _opening(source: Source, result: Samples) -> list[str]:
    first = int(np.flatnonzero(np.array(source.places) == 0)[0])
    end = source.beats[first + 2 * source.meter] - 0.01
    count = min(round(end * source.rate), result.shape[1] // 4)
    difference = float(np.abs(result[:, :count] - source.samples[:, :count]).max())
    return [f"opening: differs by {difference:.4f}"] if difference > SILENCE else []


def _place(source: Source, splice: Splice) -> list[str]:
    left = int(np.abs(source.beats - splice.left).argmin())
    right = int(np.abs(source.beats - splice.right).argmin())
    where = f"join at {splice.at:.2f} s"
    faults = []
    off = max(abs(source.beats[left] - splice.left), abs(source.beats[right] - splice.right))
    if off > ON_BEAT:
        faults.append(f"{where}: {off * 1000:.0f} ms off the beat")
    if source.places[left] != source.places[right]:
        faults.append(f"{where}: from beat {source.places[left]} to {source.places[right]}")
    if left > 0:
        heard = splice.left - source.beats[left - 1] + source.beats[right] - splice.right
        usual = source.beats[left] - source.beats[left - 1]
        if abs(heard / usual - 1) > INTERVAL:
            faults.append(f"{where}: the beat lasts {heard / usual:.3f} of the usual")
    return faults


def _seams(source: Source, result: Samples, splices: Sequence[Splice]) -> list[str]:
    own = np.array([jump(source.samples, source.rate, beat - 0.005) for beat in source.beats[1:-1]])
    level_limit, flux_limit = np.percentile(own, 95, axis=0)
    faults = []
    for splice in splices:
        level, flux = jump(result, source.rate, splice.at)
        if level > level_limit:
            faults.append(
                f"join at {splice.at:.2f} s: level jumps {level:.1f} dB, own {level_limit:.1f}"
            )
        if flux > flux_limit:
            faults.append(f"join at {splice.at:.2f} s: flux {flux:.2f}, own {flux_limit:.2f}")
    return faults


def jump(samples: Samples, rate: int, moment: float) -> tuple[float, float]:
    """(dB, rise of the log spectrum) from just before to just after `moment`, in seconds."""
    width = round(0.046 * rate)
    middle = round(moment * rate)
    before = samples[:, max(middle - width, 0) : middle].mean(axis=0)
    after = samples[:, middle : middle + width].mean(axis=0)
    if min(before.shape[0], after.shape[0]) < width:
        return 0.0, 0.0
    window = np.hanning(width)
    spectra = [np.abs(np.fft.rfft(part * window)) / width for part in (before, after)]
    level = 10 * np.log10((np.mean(after**2) + 1e-8) / (np.mean(before**2) + 1e-8))
    rise = np.maximum(np.log1p(1000 * spectra[1]) - np.log1p(1000 * spectra[0]), 0)
    return abs(float(level)), float(rise.mean())


def plain_cut(source: Source, length: int) -> tuple[Samples, list[Splice]]:
    """The first samples; where they do not reach, from the beginning again."""
    repeats = -(-length // source.samples.shape[1])
    whole = source.samples.shape[1] / source.rate
    splices = [Splice(index * whole, whole, 0.0) for index in range(1, repeats)]
    return np.tile(source.samples, repeats)[:, :length], splices


def fade_loop(source: Source, length: int) -> tuple[Samples, list[Splice]]:
    """What CRT-Nodes' AudioFrameAdjuster does with `fade_loop`, written anew.

    Copies are laid over each other by a linear crossfade of half a second, as many as would do
    without the overlaps: each crossfade eats its length, so it comes out short.
    """
    total = source.samples.shape[1]
    if length <= total:
        return source.samples[:, :length].copy(), []
    fade = min(source.rate // 2, total // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    out, splices = source.samples.copy(), []
    for _ in range(-(-length // total) - 1):
        at = out.shape[1]
        overlap = out[:, -fade:] * (1 - ramp) + source.samples[:, :fade] * ramp
        parts = (out[:, :-fade], overlap, source.samples[:, fade:])
        out = np.concatenate(parts, axis=1).astype(np.float32)
        splices.append(Splice(at / source.rate, total / source.rate, fade / source.rate))
    return out[:, :length], splices
