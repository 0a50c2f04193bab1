"""True peaks, which lie between the samples (ITU-R BS.1770, annex 2), and a limiter for them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..audio.arrays import BLOCK, Floats, Samples, blocks
from ..audio.samples.resample import Resampler
from ..audio.stopping import looked

_OVERSAMPLED_RATE = 176_400
"""Lowest rate in Hz after oversampling: 4 times at 44.1 and 48 kHz, as the annex asks."""

_CONTROL_SECONDS = 0.001
"""Seconds from one gain to the next."""
_LOOK_AHEAD = 6
_RELEASE_SECONDS = 0.08


def true_peak(samples: Samples, sample_rate: int) -> float:
    """Highest true peak of float32 [channels, n] in dBTP; -inf for silence."""
    finer = _oversampled(samples, sample_rate)
    highest = max((float(max(block.max(), -block.min())) for block in finer), default=0.0)
    return 20 * math.log10(highest) if highest > 0 else -math.inf


def limit(samples: Samples, sample_rate: int, ceiling: float) -> float:
    """Hold `samples` under `ceiling` dBTP, in place; return the largest reduction in dB.

    The gain is computed each millisecond from the true peaks: it falls 6 ms ahead of a peak,
    recovers in about 80 ms, and has no corners. A peak may stay about 0.1 dB too high: measure it.
    """
    hop = max(1, round(sample_rate * _CONTROL_SECONDS))
    peaks = _peaks(samples, sample_rate, hop)
    wanted = np.minimum(10 ** (ceiling / 20) / np.maximum(peaks, 1e-9), 1.0)
    if wanted.min() >= 1:
        return 0.0
    gain = _smooth(_released(wanted))
    centres = (np.arange(gain.shape[0]) + 0.5) * hop
    for start, part in blocks(samples):
        places = np.arange(start, start + part.shape[1])
        part *= np.interp(places, centres, gain).astype(np.float32)
    return -20 * math.log10(float(gain.min()))


def _released(wanted: Floats) -> Floats:
    """The gain follows `wanted` down at once, and up only slowly."""
    keep = math.exp(-_CONTROL_SECONDS / _RELEASE_SECONDS)
    gains, gain = [], 1.0
    for value in looked(wanted.tolist()):
        gain = min(value, 1 - (1 - gain) * keep)
        gains.append(gain)
    return np.array(gains)


def _smooth(gain: Floats) -> Floats:
    """A moving minimum, then a Hann window of the same width: the result is never above `gain`."""
    # Reach one value further than the window: the gain is interpolated between neighbours.
    reach = _LOOK_AHEAD + 1
    padded = np.pad(gain, reach + _LOOK_AHEAD, "edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(axis=1)
    window = np.hanning(2 * _LOOK_AHEAD + 1 + 2)[1:-1]
    smooth = np.convolve(lowest, window / window.sum(), "same")
    extra = (smooth.shape[0] - gain.shape[0]) // 2
    return smooth[extra : extra + gain.shape[0]]


def _peaks(samples: Samples, sample_rate: int, hop: int) -> Floats:
    """[blocks] true peak of all channels in each block of `hop` samples."""
    count = -(-samples.shape[1] // hop)
    peaks = np.zeros(count)
    wide = hop * _factor(sample_rate)
    position = 0
    for block in _oversampled(samples, sample_rate):
        height = np.abs(block[0])
        for row in block[1:]:
            np.maximum(height, np.abs(row), out=height)
        first = position // wide
        lead = position - first * wide
        hops = -(-(lead + height.shape[0]) // wide)
        filled = np.pad(height, (lead, hops * wide - lead - height.shape[0]))
        highest = filled.reshape(hops, wide).max(axis=1)[: max(0, count - first)]
        there = peaks[first : first + highest.shape[0]]
        np.maximum(there, highest, out=there)
        position += height.shape[0]
    return peaks


def _factor(sample_rate: int) -> int:
    return max(1, -(-_OVERSAMPLED_RATE // sample_rate))


def _oversampled(samples: Samples, sample_rate: int) -> Iterator[Samples]:
    """[channels, n] blocks at four times the rate (less from 48 kHz up)."""
    factor = _factor(sample_rate)
    stream = Resampler(sample_rate, sample_rate * factor, samples.shape[0])
    for start, part in blocks(samples, BLOCK // 4):
        if factor == 1:
            yield part
            continue
        chunk = stream.feed(part, last=start + part.shape[1] >= samples.shape[1])
        if chunk.shape[1]:
            yield chunk
