"""How loud a track is to the ear: integrated loudness by ITU-R BS.1770-4, as EBU R128 uses it."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import NamedTuple

import av
import av.error
import av.filter
import numpy as np
import numpy.typing as npt
import torch

from ..audio.arrays import MediaError, Samples, blocks, check_sample_rate

ABSOLUTE_GATE = -70.0
"""LUFS; quieter blocks do not count (BS.1770-4, annex 1)."""
RELATIVE_GATE = -10.0
"""LU below the mean of the blocks that passed the absolute gate."""

_HOP = Fraction(1, 100)
"""Seconds from one window to the next: a tone of 0.4 s between two windows is 0.06 LU too quiet."""
_MOMENTARY, _SHORT_TERM = 40, 300
"""Hops of a window of 0.4 s, which is also a gating block, and of one of 3 s (EBU Tech 3341,
2.2)."""
_GATE_STEP = 10
"""Hops from one gating block to the next: 0.1 s."""
_RANGE_GATE = -20.0
"""LU below the mean short-term loudness down to which the range counts it (EBU Tech 3342)."""
_RANGE_PERCENTILES = 10, 95
"""The loudness range lies between these (EBU Tech 3342)."""
_BLOCK = 1 << 16

# Surrounds count +1.5 dB; the low-frequency channel does not count. Channels are in WAVE order.
_WEIGHTS: dict[int, tuple[float, ...]] = {
    4: (1, 1, 1.41, 1.41),
    5: (1, 1, 1, 1.41, 1.41),
    6: (1, 1, 1, 0, 1.41, 1.41),
    7: (1, 1, 1, 0, 1.41, 1.41, 1.41),
    8: (1, 1, 1, 0, 1.41, 1.41, 1.41, 1.41),
}


class Loudness(NamedTuple):
    """The measures of EBU Tech 3341 and 3342; -inf for silence.

    Sound shorter than a window (0.4 s, and 3 s for the short-term loudness) is measured whole.
    """

    integrated: float
    """LUFS, of the whole, gated."""
    momentary: float
    """Highest loudness of 0.4 s, in LUFS."""
    short_term: float
    """Highest loudness of 3 s, in LUFS."""
    range: float
    """Loudness range in LU (EBU Tech 3342); 0 for less than 3 s."""


def integrated_loudness(
    waveform: torch.Tensor | npt.NDArray[np.float32], sample_rate: int
) -> float:
    """Integrated loudness in LUFS of float32 planar [C, T], torch or numpy; -inf for silence.

    Clips shorter than one gating block (0.4 s) are measured whole. MediaError for another shape.

    >>> tone = np.sin(2 * np.pi * 997 * np.arange(48000) / 48000).astype(np.float32)
    >>> round(integrated_loudness(tone[None], 48000), 1)  # as BS.1770 says of full scale
    -3.0
    """
    rows = waveform.detach().numpy() if isinstance(waveform, torch.Tensor) else waveform
    if rows.ndim != 2 or 0 in rows.shape:
        raise MediaError(
            f"Loudness was asked of the shape {list(rows.shape)}: expected [channels, samples] "
            "with at least one of each; pass one item of the batch."
        )
    meter = LoudnessMeter(rows.shape[0], check_sample_rate(sample_rate))
    for _, block in blocks(rows, _BLOCK):
        meter.add(block)
    return meter.value().integrated


class LoudnessMeter:
    """Measures loudness block by block. Memory grows by 3 MB an hour."""

    def __init__(self, channels: int, sample_rate: int) -> None:
        weights = _WEIGHTS.get(channels) or (1.0,) * channels
        self._channels = [(weight, _KWeighting(sample_rate)) for weight in weights]
        # At a rate of few Hz a hop has no samples: such a sound is measured whole.
        self._hop = round(sample_rate * _HOP) or sys.maxsize
        self._count = 0
        self._energies: list[npt.NDArray[np.float64]] = []
        self._rest = np.empty(0, np.float64)

    def add(self, block: Samples) -> None:
        """Add the next samples, [channels, n]."""
        self._count += block.shape[1]
        rows = zip(block, self._channels, strict=True)
        self._gather([w * np.square(each.filtered(row)) for row, (w, each) in rows if w])

    def value(self) -> Loudness:
        """The loudness of all samples. Add at least one before, and none after it."""
        self._gather([w * np.square(each.filtered(None)) for w, each in self._channels if w])
        hops = np.concatenate([np.empty(0), *self._energies])
        total = hops.sum() + self._rest.sum()
        whole = np.array([total / self._count])
        sums = np.concatenate(([0.0], np.cumsum(hops)))

        def windows(size: int, step: int = 1) -> npt.NDArray[np.float64]:
            """Mean square of windows of `size` hops, one each `step` hops."""
            if hops.size < size:
                return whole
            return np.maximum(sums[size:] - sums[:-size], 0)[::step] / (size * self._hop)

        short = windows(_SHORT_TERM)
        return Loudness(
            _gated(windows(_MOMENTARY, _GATE_STEP)),
            _lufs(windows(_MOMENTARY).max()),
            _lufs(short.max()),
            _range(short[::_GATE_STEP]) if hops.size >= _SHORT_TERM else 0.0,
        )

    def _gather(self, squares: list[npt.NDArray[np.float64]]) -> None:
        self._rest = np.concatenate((self._rest, np.sum(squares, axis=0)))
        whole = self._rest.shape[0] // self._hop * self._hop
        if whole:
            self._energies.append(self._rest[:whole].reshape(-1, self._hop).sum(axis=1))
            self._rest = self._rest[whole:]


def _range(short: npt.NDArray[np.float64]) -> float:
    """Loudness range in LU from the mean squares of windows of 3 s (EBU Tech 3342)."""
    short = short[short > _power(ABSOLUTE_GATE)]
    if not short.size:
        return 0.0
    short = short[short > short.mean() * 10 ** (_RANGE_GATE / 10)]
    low, high = np.percentile(short, _RANGE_PERCENTILES)
    return float(10 * np.log10(high / low))


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power) if power > 0 else -math.inf


def _gated(power: npt.NDArray[np.float64]) -> float:
    """Mean of the blocks' power in LUFS, after both gates."""
    power = power[power > _power(ABSOLUTE_GATE)]
    if power.size:
        power = power[power > power.mean() * 10 ** (RELATIVE_GATE / 10)]
    return _lufs(power.mean() if power.size else 0.0)


def _power(loudness: float) -> float:
    return 10 ** ((loudness + 0.691) / 10)


class _KWeighting:
    """The K-weighting filters of one channel, which run in FFmpeg at float64."""

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._count = sample_rate, 0
        self._graph = av.filter.Graph()
        chain = [
            self._graph.add(
                "abuffer",
                sample_rate=str(sample_rate),
                sample_fmt="dblp",
                channel_layout="mono",
                time_base=f"1/{sample_rate}",
            ),
            *(self._graph.add("biquad", _options(each)) for each in _k_filters(sample_rate)),
            self._graph.add("abuffersink"),
        ]
        self._graph.link_nodes(*chain).configure()

    def filtered(self, row: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float64]:
        """The samples that are ready after the next `row`; with None, the remaining samples."""
        frame = None
        if row is not None:
            frame = av.AudioFrame.from_ndarray(row[None].astype(np.float64), "dblp", "mono")
            frame.sample_rate, frame.pts = self._rate, self._count
            self._count += row.shape[0]
        self._graph.push(frame)
        parts = [np.empty(0)]
        while True:
            try:
                ready = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return np.concatenate(parts)
            plane = np.frombuffer(ready.planes[0], np.float64, ready.samples)  # type: ignore[union-attr]
            parts.append(plane)


def _options(filter_: tuple[float, ...]) -> str:
    names = ("b0", "b1", "b2", "a0", "a1", "a2")
    return ":".join(f"{name}={value:.17g}" for name, value in zip(names, filter_, strict=True))


def _k_filters(sample_rate: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(b0, b1, b2, a0, a1, a2) of the two K-weighting stages at any sample rate.

    BS.1770-4 tabulates them for 48 kHz; the analogue prototypes behind that table are those of
    B. De Man, "Evaluation of implementations of the EBU R128 loudness measurement" (AES 145).
    """
    frequency, gain, quality = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = math.tan(math.pi * frequency / sample_rate)
    high = 10 ** (gain / 20)
    band = high**0.4996667741545416
    shelf = (
        high + band * k / quality + k * k,
        2 * (k * k - high),
        high - band * k / quality + k * k,
        1 + k / quality + k * k,
        2 * (k * k - 1),
        1 - k / quality + k * k,
    )
    frequency, quality = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * frequency / sample_rate)
    # The table leaves this stage's numerator at 1, -2, 1: its gain is part of the -0.691 dB.
    scale = 1 + k / quality + k * k
    high_pass = (scale, -2 * scale, scale, scale, 2 * (k * k - 1), 1 - k / quality + k * k)
    return shelf, high_pass
