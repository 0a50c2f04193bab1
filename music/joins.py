"""The cost of each join from one beat to another, and its exact position.

Wenner et al., "Scalable Music: Automatic Music Retargeting and Synthesis" (Eurographics 2013) and
Rubin et al., "UnderScore" (UIST 2012): a join from beat i to beat j is inaudible if the beats
around i sound like those around j.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Floats, Samples
from ..audio.stopping import look, looked
from .analysis import Analysis, Frames
from .bars import beat_features
from .products import squared_distances
from .track import Track

GUARD_SECONDS = 0.005
"""Seconds from the end of a join to its beat, so that the attack stays whole."""
FADE_SECONDS = 0.02

_WEIGHTS = (1.0, 1.0, 1.0, 0.5)
"""Weights of chroma, timbre, drum pattern and level in the distance of two beats."""
_CONTEXT = {-1: 0.5, 0: 1.0, 1: 0.5}
"""Weights of the beats before, at and after the join."""
_SEAM_COST = 4.0
"""Cost of a change at the join that exceeds the usual change at the track's beats."""
_SEAM_PERCENTILE = 80
_SEAM_SECONDS = 0.046
_SEAM_BANDS = 64
_SEAM_HIGHEST = 16_000.0
"""Hz."""
_LOUD = 1000.0
"""Factor in log(1 + 1000 x) of a magnitude, which reaches down to -60 dB."""
_TEMPO_COST, _SAME_TEMPO = 25.0, 0.01
"""Cost of an audible difference (logarithm) of the local tempos at i and j."""
_ALIGN_SECONDS = 0.012
"""Longest shift of an entry, in seconds, to align two attacks."""
_ALIGN_SHARE = 0.02
"""Longest shift as a share of a beat: the time between beats stays within 3 %."""
_ALIGN_LIKENESS = 0.4
"""Below this correlation two attacks cannot be aligned."""

IMPOSSIBLE = float("inf")


class Joint(NamedTuple):
    """A jump in the source, in samples of the source.

    The source is heard up to `left`, then from `right`; the crossfade ends there.
    """

    left: int
    right: int


def join_costs(track: Track, nodes: npt.NDArray[np.intp], turn: float = IMPOSSIBLE) -> Floats:
    """[n, n] cost of a join that plays node j instead of node i. Two random nodes have about 1.

    `nodes` are indices into the track's beats. A join to another place in the bar costs `turn`
    more, and half as much to the other half of the bar. The cost is infinite if i and j are less
    than two bars apart.
    """
    times, bars = track.beats.times, track.bars
    costs = squared_distances(_vectors(track.analysis, times)[nodes])
    usual = np.median(costs) or 1.0
    costs /= usual
    costs += _SEAM_COST * _seam_excess(track, times[nodes])
    tempos = np.log(_periods(times))[nodes]
    apart = np.abs(tempos[:, None] - tempos[None, :])
    costs += _TEMPO_COST * np.maximum(apart - _SAME_TEMPO, 0)
    turns = (bars.places[nodes][:, None] - bars.places[nodes][None, :]) % bars.meter
    apart = np.abs(nodes[:, None] - nodes[None, :])
    costs[turns != 0] += turn
    costs[2 * turns == bars.meter] -= turn / 2 if np.isfinite(turn) else 0.0
    costs[apart < 2 * bars.meter] = IMPOSSIBLE
    return costs


def _periods(times: Floats) -> Floats:
    """[n] seconds from beat to beat around each of `times` [n], over up to eight beats."""
    reach = min(4, (times.shape[0] - 1) // 2)
    if reach < 1:
        return np.full(times.shape[0], max(float(np.ptp(times)), 1e-3))
    last = times.shape[0] - 1
    index = np.arange(times.shape[0])
    low, high = np.maximum(index - reach, 0), np.minimum(index + reach, last)
    return (times[high] - times[low]) / (high - low)


def _vectors(analysis: Analysis, times: Floats) -> Floats:
    """[beats, k]; the squared distance of two rows is the distance of two beats in context."""
    features = beat_features(analysis, times)
    blocks = (features.chroma, features.timbre, features.pattern, features.level[:, None] / 6)
    scaled = []
    for weight, block in zip(_WEIGHTS, blocks, strict=True):
        spread = np.sqrt(((block - block.mean(axis=0)) ** 2).sum(axis=1).mean())
        scaled.append(block * (weight / (spread + 1e-9)))
    # Do not normalise the level (units of 6 dB): a track of one level would become noise.
    scaled[-1] = blocks[-1] * _WEIGHTS[-1]
    beat = np.hstack(scaled)
    padded = np.pad(beat, ((1, 1), (0, 0)), "edge")
    count = beat.shape[0]
    return np.hstack(
        [padded[1 + lag : 1 + lag + count] * weight**0.5 for lag, weight in _CONTEXT.items()]
    )


def _seam_excess(track: Track, times: Floats) -> Floats:
    """[n, n] change of level and spectrum from i to j, less the usual change at the track's beats.

    The change is that from the 46 ms before beat i to the 46 ms after beat j.
    """
    count = times.shape[0]
    before, level_before = _at_cuts(track, times, -1)
    after, level_after = _at_cuts(track, times, 0)
    flux = np.empty((count, count), np.float32)
    for index, heard in looked(enumerate(before)):
        flux[index] = np.maximum(after - heard, 0).mean(axis=1)
    jump = np.abs(level_after[None, :] - level_before[:, None])
    excess = np.zeros((count, count))
    for measure, least in ((flux, 0.05), (jump, 1.0)):
        usual = max(float(np.percentile(np.diagonal(measure), _SEAM_PERCENTILE)), least)
        excess += np.maximum(measure / usual - 1, 0)
    return excess


def _at_cuts(track: Track, times: Floats, side: int) -> tuple[Frames, Frames]:
    """([n, bands] log spectrum, [n] dB) just before (side -1) or after (0) joins at `times`."""
    rate = track.sample_rate
    # A transform of a prime length would cost five times as much.
    width = 32 * round(_SEAM_SECONDS * rate / 32)
    window = np.hanning(width).astype(np.float32)
    highest = min(_SEAM_HIGHEST, rate / 2)
    edges = np.unique(np.linspace(0, highest * width / rate, _SEAM_BANDS + 1).astype(np.intp)[:-1])
    rows = np.zeros((times.shape[0], edges.shape[0]), np.float32)
    power = np.zeros(times.shape[0], np.float32)
    for index, time in looked(enumerate(times)):
        start = max(0, round((time - GUARD_SECONDS) * rate) + side * width)
        part = track.samples[:, start : start + width].mean(axis=0)
        if part.shape[0] == width:
            spectrum = np.abs(np.fft.rfft(part * window)) / width
            rows[index] = np.add.reduceat(spectrum[: edges[-1] + edges[1]], edges) / edges[1]
            power[index] = np.dot(part, part) / width
    return np.log1p(_LOUD * rows), np.float32(10.0) * np.log10(power + np.float32(1e-8))


def joint(track: Track, left_time: float, right_time: float) -> Joint:
    """The joint from before one beat to before another.

    The entry moves by up to 12 ms, and up to 2 % of a beat, so that the attacks of the two beats
    coincide.
    """
    look()
    rate = track.sample_rate
    guard = round(GUARD_SECONDS * rate)
    left, right = (round(time * rate) for time in (left_time, right_time))
    reach = round(min(_ALIGN_SECONDS, _ALIGN_SHARE * 60 / track.beats.bpm) * rate)
    shift = _alignment(track.samples, rate, left, right, reach)
    return Joint(left - guard, right + shift - guard)


def _alignment(samples: Samples, sample_rate: int, left: int, right: int, reach: int) -> int:
    """Delay in samples, at most `reach`, of the sound at `right` relative to the sound at
    `left`."""
    back, ahead = round(0.04 * sample_rate), round(0.12 * sample_rate)
    if min(left, right) - back - reach < 0 or max(left, right) + ahead + reach > samples.shape[1]:
        return 0
    heard = samples[:, left - back : left + ahead].mean(axis=0, dtype=np.float64)
    coming = samples[:, right - back - reach : right + ahead + reach].mean(axis=0, dtype=np.float64)
    size = 1 << int(heard.shape[0] + coming.shape[0]).bit_length()
    spectrum = np.fft.rfft(coming, size) * np.conj(np.fft.rfft(heard, size))
    matches = np.fft.irfft(spectrum, size)[: 2 * reach + 1]
    energy = np.cumsum(np.insert(coming**2, 0, 0))
    own = energy[heard.shape[0] :][: 2 * reach + 1] - energy[: 2 * reach + 1]
    likeness = matches / (np.sqrt(np.maximum(own, 0) * (heard @ heard)) + 1e-9)
    best = int(likeness.argmax())
    return best - reach if likeness[best] >= _ALIGN_LIKENESS else 0
