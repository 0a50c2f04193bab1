"""Short-time spectra of a moment, in decibels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...audio.arrays import Samples

FLOOR = -72.0
"""dB below a full-scale sine that are drawn as nothing."""


class Spectra:
    """Levels of `samples` (averaged over channels) at any moments, by a Hann window of `size`."""

    def __init__(self, samples: Samples, sample_rate: int, size: int) -> None:
        self._samples, self._rate, self.size = samples, sample_rate, size
        self._window = np.hanning(size).astype(np.float32)
        self._scale = 2 / float(self._window.sum())

    def levels(self, centers: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """[moments, size / 2 + 1] from 0 (`FLOOR` or less) to 1 (a full-scale sine)."""
        first = int(centers[0]) - self.size // 2
        stop = int(centers[-1]) + self.size - self.size // 2
        length = self._samples.shape[1]
        piece = self._samples[:, max(first, 0) : max(min(stop, length), 0)].mean(axis=0)
        piece = np.pad(piece, (max(-first, 0) if stop > 0 else stop - first, 0))
        piece = np.pad(piece, (0, stop - first - piece.size))
        starts = centers - centers[0]
        windows = piece[starts[:, None] + np.arange(self.size)]
        spectrum = np.abs(np.fft.rfft(windows * self._window)) * self._scale
        decibels = 20 * np.log10(np.maximum(spectrum, 1e-9))
        return np.clip(1 - decibels / FLOOR, 0, 1).astype(np.float32)

    def bins(self, hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Where `hertz` lie in the second axis of `levels`."""
        return np.clip(hertz * self.size / self._rate, 0, self.size // 2)
