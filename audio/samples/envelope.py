"""The envelope of a waveform, computed block by block in little memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import Samples

_BINS = 1 << 14
"""Number of bins: more than four for each column of the pack's widest picture."""


class Columns(NamedTuple):
    """Lowest and highest sample and root mean square, each [lanes, columns]."""

    low: Samples
    high: Samples
    loud: Samples


class Envelope:
    """Lowest, highest and squared samples of a waveform, in bins of equal length.

    The waveform has one lane for each channel; more than two channels are averaged into one lane.
    A bin first holds one sample. When all bins are full, each two bins are merged into one.

    Attributes:
        frames: how many samples of each channel were added.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._size = 1
        self._bins: Samples = np.zeros((3, 1, 0), np.float32)
        self._rest: Samples = np.zeros((1, 0), np.float32)

    def add(self, block: Samples) -> None:
        """Add the next samples, [channels, samples]. Each block has the same number of channels."""
        lanes = block if block.shape[0] <= 2 else block.mean(axis=0, keepdims=True)
        if not self.frames:
            self._bins = np.zeros((3, lanes.shape[0], 0), np.float32)
            self._rest = np.zeros((lanes.shape[0], 0), np.float32)
        self.frames += block.shape[1]
        left = np.concatenate([self._rest, lanes], axis=1)
        while left.shape[1] >= self._size:
            count = min(left.shape[1] // self._size, _BINS - self._bins.shape[2])
            taken, left = np.split(left, [count * self._size], axis=1)
            self._bins = np.concatenate([self._bins, self._binned(taken, self._size)], axis=2)
            if self._bins.shape[2] == _BINS:
                self._halve()
        self._rest = left

    def columns(self, width: int) -> Columns:
        """The waveform in `width` columns of equal length. Add at least one sample before."""
        bins = self._bins
        lengths = np.full(bins.shape[2], self._size)
        rest = self._rest.shape[1]
        if rest:
            bins = np.concatenate([bins, self._binned(self._rest, rest)], axis=2)
            lengths = np.append(lengths, rest)
        edges = np.linspace(0, self.frames, width + 1) / self._size
        starts = np.minimum(edges[:-1].astype(int), bins.shape[2] - 1)
        ends = np.maximum(edges[1:].astype(int), starts + 1)
        low, high, loud = (np.empty((bins.shape[1], width), np.float32) for _ in range(3))
        for column, (start, end) in enumerate(zip(starts, ends, strict=True)):
            part = bins[:, :, start:end]
            low[:, column] = part[0].min(axis=1)
            high[:, column] = part[1].max(axis=1)
            weights = lengths[start:end]
            loud[:, column] = np.sqrt(part[2] @ weights / weights.sum())
        return Columns(low, high, loud)

    @staticmethod
    def _binned(samples: Samples, size: int) -> Samples:
        parts = samples.reshape(samples.shape[0], -1, size)
        squares = np.einsum("lbs,lbs->lb", parts, parts) / size
        return np.stack([parts.min(axis=2), parts.max(axis=2), squares])

    def _halve(self) -> None:
        pairs = self._bins.reshape(3, self._bins.shape[1], -1, 2)
        self._bins = np.stack(
            [pairs[0].min(axis=2), pairs[1].max(axis=2), pairs[2].mean(axis=2, dtype=np.float32)]
        )
        self._size *= 2
