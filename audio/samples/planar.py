"""The one array that decoded audio goes into, planar from the start."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from ..validate import AudioError, check_sample_rate

Samples = npt.NDArray[np.float32]

_BOUND_CHANNELS = 2
_BOUND_RATE = 192_000
_MOVE = 1 << 18
"""Samples moved at a time, so that moving a channel needs no second array of its size."""


class Planar:
    """Float32 [channels, frames], filled from the left in place; grows only if it must.

    AudioError as soon as it would hold more than `max_minutes`, or more samples in all than
    `max_minutes` of 192 kHz stereo (a bound for the memory that a small file can ask for).
    """

    def __init__(
        self, channels: int, sample_rate: int, frames: int, max_minutes: float, *, exact: bool
    ) -> None:
        self.channels = channels
        self.integer = False
        """Filled from integers, so that no sample can be NaN or infinite."""
        self.sample_rate = check_sample_rate(sample_rate)
        self.filled = 0
        self._max_minutes = max_minutes
        seconds = max_minutes * 60
        self._limit = int(
            min(seconds * sample_rate, seconds * _BOUND_RATE * _BOUND_CHANNELS / channels)
        )
        if exact:
            self._check(frames)
        self._capacity = max(1, min(frames, self._limit))
        try:
            self._flat: Samples = np.empty(channels * self._capacity, np.float32)
            self.array: Samples = self._flat.reshape(channels, self._capacity)
            """[channels, capacity]; what lies right of `filled` is not set yet."""
        except MemoryError:
            raise AudioError(
                f"{channels} channels of {self._capacity} samples do not fit in memory: load a "
                "shorter file, or close other programs."
            ) from None

    def make_room(self, count: int) -> int:
        """Where the next `count` samples of each channel go in `array`, counted as filled.

        No view of `array` from before may be used after this.
        """
        start = self.filled
        self.filled += count
        if self.filled > self._capacity:
            self._check(self.filled)
            self._relocate(max(self.filled, min(self._capacity * 5 // 4, self._limit)), start)
        return start

    def tensor(self) -> torch.Tensor:
        """What was filled, as a contiguous float32 [channels, filled] tensor; ends the filling."""
        if self.filled != self._capacity:
            self._relocate(self.filled, self.filled)
        return torch.from_numpy(self.array)

    def _check(self, frames: int) -> None:
        if frames > self._limit:
            raise AudioError(
                f"The audio is longer than {self._max_minutes:g} minutes "
                f"({self.channels} channels at {self.sample_rate} Hz): load a shorter file, or "
                "raise the limit (max_audio_minutes)."
            )

    def _relocate(self, capacity: int, filled: int) -> None:
        """Set the channels `capacity` apart, within the same memory where the system can."""
        del self.array
        grows = capacity > self._capacity
        if grows:
            # No view is alive here (see `make_room`), so the memory may move.
            self._flat.resize(self.channels * capacity, refcheck=False)
        channels = range(1, self.channels)
        for channel in reversed(channels) if grows else channels:
            starts = range(0, filled, _MOVE)
            for start in reversed(starts) if grows else starts:
                count = min(_MOVE, filled - start)
                old, new = channel * self._capacity + start, channel * capacity + start
                self._flat[new : new + count] = self._flat[old : old + count]
        if not grows:
            self._flat.resize(self.channels * capacity, refcheck=False)
        self._capacity = capacity
        self.array = self._flat.reshape(self.channels, capacity)
