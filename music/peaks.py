"""True peaks, which lie between the samples (ITU-R BS.1770, annex 2), and a limiter for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from ..audio.arrays import Curve, Floats, Samples, blocks
from ..audio.samples.resample import Resampler
from ..audio.stopping import looked

_OVERSAMPLED_RATE = 176_400
"""Lowest rate in Hz after oversampling: 4 times at 44.1 and 48 kHz, as the annex asks."""
_BLOCK = 1 << 15

_CONTROL_SECONDS = 0.001
"""Seconds from one gain to the next."""
_LOOK_AHEAD = 6
# One value further than the window: the gain is interpolated between neighbours.
_REACH = _LOOK_AHEAD + 1
_RELEASE_SECONDS = 0.08


def true_peak(samples: Samples, sample_rate: int) -> float:
    """Highest true peak of float32 [channels, n] in dBTP; -inf for silence."""
    meter = PeakMeter(samples.shape[0], sample_rate)
    for _, part in blocks(samples, _BLOCK):
        meter.add(part)
    return meter.value()


class PeakMeter:
    """Measures the true peak block by block; see `true_peak`."""

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._finer = _Oversampler(channels, sample_rate)
        self._highest = 0.0

    def add(self, block: Samples) -> None:
        """Add the next samples, [channels, n]."""
        self._measure(self._finer.feed(block))

    def value(self) -> float:
        """The peak of all samples in dBTP; -inf for silence. Add none after it."""
        self._measure(self._finer.rest())
        return 20 * math.log10(self._highest) if self._highest > 0 else -math.inf

    def _measure(self, finer: Samples) -> None:
        if finer.size:
            self._highest = max(self._highest, float(finer.max()), -float(finer.min()))


def limiter(
    parts: Iterable[Samples], channels: int, length: int, sample_rate: int, ceiling: float
) -> Curve | None:
    """The gain that holds samples under `ceiling` dBTP; None if they need none.

    `parts` are the samples, [channels, n] each and `length` together. The gain is computed each
    millisecond from the true peaks: it falls 6 ms ahead of a peak, recovers in about 80 ms, and has
    no corners. A peak may stay about 0.1 dB too high: measure it.
    """
    hop = max(1, round(sample_rate * _CONTROL_SECONDS))
    most = 10 ** (ceiling / 20)
    peaks = _peaks(parts, channels, sample_rate, hop)
    wanted = (np.minimum(most / np.maximum(part, 1e-9), 1.0) for part in peaks)
    # An hour has 3.6 million gains, and 14 MB of them.
    gain, filled, lowest = np.ones(-(-length // hop), np.float32), 0, 1.0
    for part in _smooth(_released(wanted)):
        part = part[: gain.size - filled]
        gain[filled : filled + part.size] = part
        filled += part.size
        lowest = min(lowest, float(part.min(initial=1.0)))
    return Curve(gain, hop) if lowest < 1 else None


def _released(wanted: Iterable[Floats]) -> Iterator[Floats]:
    """The gain falls with `wanted` at once, and rises slowly."""
    keep = math.exp(-_CONTROL_SECONDS / _RELEASE_SECONDS)
    gain = 1.0
    for part in wanted:
        gains = []
        for value in looked(part.tolist()):
            gain = min(value, 1 - (1 - gain) * keep)
            gains.append(gain)
        yield np.array(gains)


def _smooth(parts: Iterable[Floats]) -> Iterator[Floats]:
    """A moving minimum, then a Hann window of the same width: the result is never above `parts`."""
    window = np.hanning(2 * _LOOK_AHEAD + 1 + 2)[1:-1]
    window /= window.sum()
    edge = _REACH + _LOOK_AHEAD

    def smoothed(gain: Floats) -> Floats:
        """The values of `gain` but for `edge` at both ends."""
        if gain.size <= 2 * edge:
            return np.empty(0)
        lowest = np.lib.stride_tricks.sliding_window_view(gain, 2 * _REACH + 1).min(axis=1)
        return np.convolve(lowest, window, "valid")

    held = np.empty(0)
    for part in parts:
        if not held.size and part.size:
            held = np.full(edge, part[0])
        held = np.concatenate((held, part))
        yield smoothed(held)
        held = held[max(0, held.size - 2 * edge) :]
    yield smoothed(np.pad(held, (0, edge), "edge"))


def _peaks(parts: Iterable[Samples], channels: int, sample_rate: int, hop: int) -> Iterator[Floats]:
    """The true peaks of all channels in each `hop` samples of `parts`, in pieces [n]."""
    finer = _Oversampler(channels, sample_rate)
    wide = hop * finer.factor
    rest = np.empty(0, np.float32)

    def heights(block: Samples) -> Samples:
        height = np.abs(block[0])
        for row in block[1:]:
            np.maximum(height, np.abs(row), out=height)
        return np.concatenate((rest, height))

    for part in parts:
        height = heights(finer.feed(part))
        whole = height.size // wide * wide
        yield height[:whole].reshape(-1, wide).max(axis=1).astype(np.float64)
        rest = height[whole:]
    height = heights(finer.rest())
    height = np.pad(height, (0, -height.size % wide))
    yield height.reshape(-1, wide).max(axis=1).astype(np.float64)


class _Oversampler:
    """Blocks at four times their rate (less from 48 kHz up)."""

    def __init__(self, channels: int, sample_rate: int) -> None:
        self.factor = max(1, -(-_OVERSAMPLED_RATE // sample_rate))
        self._channels = channels
        self._stream = None
        if self.factor > 1:
            self._stream = Resampler(sample_rate, sample_rate * self.factor, channels)

    def feed(self, block: Samples) -> Samples:
        """The samples [channels, n] that are ready after the next `block`."""
        return block if self._stream is None else self._stream.feed(block)

    def rest(self) -> Samples:
        """The last samples."""
        nothing = np.empty((self._channels, 0), np.float32)
        return nothing if self._stream is None else self._stream.feed(nothing, last=True)
