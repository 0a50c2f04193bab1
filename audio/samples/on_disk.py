"""Samples in a file without a name, for sound that is too long for memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..arrays import Samples


class DiskSamples:
    """Float32 [channels, samples] in a temporary file; all 0 at first.

    Read and write parts of it like parts of an array. Only the part takes memory. The system
    removes the file when it is closed and no array of `mapped` is left, or the process ends.

    Args:
        folder: it holds the file.

    Raises:
        OSError: here and in each write: the disk is full or cannot be written.

    >>> with DiskSamples(Path(tempfile.gettempdir()), 2, 6) as samples:
    ...     samples[:, 2:4] = np.ones((2, 2), np.float32)
    ...     samples[:, 1:3] *= np.float32(0.5)
    ...     samples[1:, :].tolist()
    [[0.0, 0.0, 0.5, 1.0, 0.0, 0.0]]
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, folder: Path, channels: int, length: int) -> None:
        self.shape = channels, length
        self.size = channels * length
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` closes it
        # Only the written parts of the file take room on the disk.
        self._file.truncate(self.size * self.dtype.itemsize)

    def __enter__(self) -> DiskSamples:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getitem__(self, part: tuple[slice, slice]) -> Samples:
        """A new array. Steps other than 1 are not supported."""
        channels, start, stop = self._range(part)
        samples = np.empty((len(channels), stop - start), np.float32)
        for channel, row in zip(channels, samples, strict=True):
            self._seek(channel, start)
            self._file.readinto(row)  # type: ignore[attr-defined]
        return samples

    def __setitem__(self, part: tuple[slice, slice], samples: Samples) -> None:
        channels, start, stop = self._range(part)
        rows = np.broadcast_to(samples, (len(channels), stop - start))
        rows = np.ascontiguousarray(rows, np.float32)
        for channel, row in zip(channels, rows, strict=True):
            self._seek(channel, start)
            self._file.write(row)

    def mapped(self) -> Samples:
        """All samples as an array: the system reads them from the file when they are used.

        Changes of the array stay in memory. The array stays valid after `close`.
        """
        if not self.size:
            return np.zeros(self.shape, np.float32)
        self._file.flush()
        return np.memmap(self._file, self.dtype, "c", shape=self.shape).view(np.ndarray)

    def _range(self, part: tuple[slice, slice]) -> tuple[range, int, int]:
        start, stop, _ = part[1].indices(self.shape[1])
        return range(self.shape[0])[part[0]], start, max(start, stop)

    def _seek(self, channel: int, sample: int) -> None:
        self._file.seek((channel * self.shape[1] + sample) * self.dtype.itemsize)
