"""The samples of a file that is being written, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..arrays import UNCHANGED, LevelChange, LongSamples, Samples, blocks
from .resample import resample_blocks, resampled_length

BLOCK = 1 << 16
"""Samples of each channel in one block."""


class Outgoing(NamedTuple):
    """Samples [C, T], and the changes to them before they are written to a file.

    Attributes:
        sample_rate: of `samples`, in Hz.
        target: sample rate of the file, in Hz.
        gain: factor for every sample.
        clips: whether to clip samples to full scale (1.0). Integer formats always clip.
        change: it comes before the clipping.
    """

    samples: LongSamples
    sample_rate: int
    target: int
    gain: float
    clips: bool
    change: LevelChange = UNCHANGED

    @property
    def channels(self) -> int:
        return self.samples.shape[0]

    @property
    def frames(self) -> int:
        """Samples of each channel in the file."""
        return resampled_length(self.samples.shape[1], self.sample_rate, self.target)

    def blocks(self) -> Iterator[Samples]:
        """Float32 [C, n], resampled, with the gain applied, and clipped if `clips`."""
        if self.target == self.sample_rate:
            pieces = (block for _, block in blocks(self.samples, BLOCK))
        else:
            pieces = resample_blocks(self.samples, self.sample_rate, self.target)
        position = 0
        for piece in pieces:
            block = self.change.of(position, piece, self.target)
            position += piece.shape[1]
            if self.gain != 1:
                block = block * np.float32(self.gain)
            if self.clips:
                block = block.clip(-1, 1)
            yield block


def made_ahead(blocks: Iterator[npt.NDArray[Any]]) -> Iterator[npt.NDArray[Any]]:
    """`blocks`. A second thread makes each block while the caller encodes the block before it."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, blocks, None)
        while (block := following.result()) is not None:
            following = pool.submit(next, blocks, None)
            yield block
