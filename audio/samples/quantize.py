"""Convert float to integers: the last step before an integer format, and the only lossy step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..arrays import Samples

_NOISE_SAMPLES = 1 << 18
_SEED = 20_770
_PROBE_FRAMES = 64


class Quantizer:
    """Float32 planar blocks to interleaved integers of 16 or 24 bits, in order.

    For 16 bits, a block of exact 16-bit values (silence, for example) stays exact. Every other
    block gets triangular dither, two least significant bits wide: the error becomes noise that is
    independent of the music (Lipshitz, Wannamaker and Vanderkooy, "Quantization and dither: a
    theoretical survey", JAES 40, 1992). The noise is the same each time, so that equal input gives
    equal files. 24 bits need no dither: the precision of float32 is 24 bits.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._random = np.random.default_rng(_SEED)
        self._noise = np.empty(0, np.float32)

    def integers(self, block: Samples) -> npt.NDArray[np.int16] | npt.NDArray[np.int32]:
        """`block` [C, n] as [n, C]: int16, or int32 with the lower 8 bits 0 for 24 bits."""
        scale = np.float32(1 << (self._bits - 1))
        scaled = np.multiply(block.T, scale, order="C")
        if self._bits == 16 and not _is_whole(scaled):
            scaled += self._dither(scaled.size).reshape(scaled.shape)
        np.rint(scaled, out=scaled)
        np.clip(scaled, -scale, scale - 1, out=scaled)
        if self._bits == 16:
            return scaled.astype(np.int16)
        return scaled.astype(np.int32) << 8

    def _dither(self, count: int) -> Samples:
        """`count` values from -1 to 1, triangularly distributed, taken from one long table."""
        if self._noise.size < _NOISE_SAMPLES + count:
            uniform = self._random.random((2, _NOISE_SAMPLES + count), np.float32)
            self._noise = uniform[0] - uniform[1]
        start = int(self._random.integers(_NOISE_SAMPLES))
        return self._noise[start : start + count]


def _is_whole(scaled: Samples) -> bool:
    """Whether all values are whole numbers. The first few values are tested first."""
    return all(np.array_equal(part, np.rint(part)) for part in (scaled[:_PROBE_FRAMES], scaled))
