"""How loud a track is to the ear: integrated loudness by ITU-R BS.1770-4, as EBU R128 uses it."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import av
import av.error
import av.filter
import numpy as np
import numpy.typing as npt
import torch

from ..audio.arrays import MediaError, Samples, blocks, check_sample_rate

ABSOLUTE_GATE = -70.0
"""LUFS; quieter blocks are silence to the measure (BS.1770-4, annex 1)."""
RELATIVE_GATE = -10.0
"""LU below the mean of the blocks that passed the absolute gate."""

_HOP = Fraction(1, 10)
_HOPS_PER_BLOCK = 4
_BLOCK = 1 << 16

# Surrounds count +1.5 dB; the low-frequency channel does not count. Channels are in WAVE order.
_WEIGHTS: dict[int, tuple[float, ...]] = {
    4: (1, 1, 1.41, 1.41),
    5: (1, 1, 1, 1.41, 1.41),
    6: (1, 1, 1, 0, 1.41, 1.41),
    7: (1, 1, 1, 0, 1.41, 1.41, 1.41),
    8: (1, 1, 1, 0, 1.41, 1.41, 1.41, 1.41),
}


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
    return meter.value()


class LoudnessMeter:
    """Measures integrated loudness block by block; see `integrated_loudness`."""

    def __init__(self, channels: int, sample_rate: int) -> None:
        weights = _WEIGHTS.get(channels) or (1.0,) * channels
        self._channels = [(weight, _Channel(sample_rate)) for weight in weights]

    def add(self, block: Samples) -> None:
        """Add the next samples, [channels, n]."""
        for row, (weight, channel) in zip(block, self._channels, strict=True):
            if weight:
                channel.add(row)

    def value(self) -> float:
        """The loudness of all samples in LUFS. Add at least one before, and none after it."""
        power = sum(weight * channel.power() for weight, channel in self._channels if weight)
        return _gated(np.asarray(power))


def _gated(power: npt.NDArray[np.float64]) -> float:
    """Mean of the blocks' power in LUFS, after both gates."""
    power = power[power > _power(ABSOLUTE_GATE)]
    if power.size:
        power = power[power > power.mean() * 10 ** (RELATIVE_GATE / 10)]
    return -0.691 + 10 * math.log10(power.mean()) if power.size else -math.inf


def _power(loudness: float) -> float:
    return 10 ** ((loudness + 0.691) / 10)


class _Channel:
    """One channel behind the K-weighting filters, which run in FFmpeg at float64."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        # At a rate of few Hz a hop has no samples: such a channel is measured whole.
        self._hop = round(sample_rate * _HOP) or sys.maxsize
        self._count = 0
        self._energies: list[npt.NDArray[np.float64]] = []
        self._rest = np.empty(0, np.float64)
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

    def add(self, row: npt.NDArray[np.float32]) -> None:
        frame = av.AudioFrame.from_ndarray(row[None].astype(np.float64), "dblp", "mono")
        frame.sample_rate, frame.pts = self._rate, self._count
        self._count += row.shape[0]
        self._graph.push(frame)
        self._drain()

    def power(self) -> npt.NDArray[np.float64]:
        """Mean square of each gating block (0.4 s, a new one each 0.1 s)."""
        self._graph.push(None)
        self._drain()
        hops = np.concatenate([np.empty(0), *self._energies])
        if hops.size < _HOPS_PER_BLOCK:
            total = hops.sum() + float(np.dot(self._rest, self._rest))
            return np.array([total / self._count])
        gated = np.lib.stride_tricks.sliding_window_view(hops, _HOPS_PER_BLOCK)
        return gated.sum(axis=1) / (self._hop * _HOPS_PER_BLOCK)

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            part = np.frombuffer(frame.planes[0], np.float64, frame.samples)  # type: ignore[union-attr]
            self._rest = np.concatenate((self._rest, part))
            whole = self._rest.shape[0] // self._hop * self._hop
            if whole:
                squares = np.square(self._rest[:whole]).reshape(-1, self._hop)
                self._energies.append(squares.sum(axis=1))
                self._rest = self._rest[whole:]


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
