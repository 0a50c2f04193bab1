"""The planar array that decoders fill."""

from __future__ import annotations

import numpy as np
import torch

from ..arrays import MediaError, Samples, check_sample_rate
from ..memory import Bounds
from ..stopping import looked

_BOUND_CHANNELS = 2
_BOUND_RATE = 48_000
_MOVE = 1 << 18
"""Samples that are moved at a time, so that moving needs no second array of a channel's length."""


class Planar:
    """Float32 [channels, frames], filled from the left. It grows only if it is full.

    MediaError before it is longer than `max_minutes`, holds more samples than `max_minutes` of
    48 kHz stereo, or takes more memory than its run has. So a small file cannot demand more.
    """

    def __init__(
        self, channels: int, sample_rate: int, frames: int, bounds: Bounds, *, exact: bool
    ) -> None:
        self.channels = channels
        self.integer = False
        """The samples were integers, so that none can be NaN or infinite."""
        self.sample_rate = check_sample_rate(sample_rate)
        self.filled = 0
        self._memory = bounds.memory
        seconds = bounds.max_minutes * 60
        self._limit = int(
            min(seconds * sample_rate, seconds * _BOUND_RATE * _BOUND_CHANNELS / channels)
        )
        if exact:
            self._check(frames)
        self._capacity = max(1, min(frames, self._limit))
        self._memory.take(self._bytes(self._capacity))
        try:
            self._flat: Samples = np.empty(channels * self._capacity, np.float32)
            self.array: Samples = self._flat.reshape(channels, self._capacity)
            """[channels, capacity]; samples from `filled` on are not set."""
        except MemoryError:
            raise MediaError(
                f"{channels} channels of {self._capacity} samples do not fit in memory: load a "
                "shorter file, or close other programs."
            ) from None

    def make_room(self, count: int) -> int:
        """Count the next `count` samples of each channel as filled; return their start in `array`.

        After this call, do not use earlier views of `array`.
        """
        start = self.filled
        self.filled += count
        if self.filled > self._capacity:
            self._check(self.filled)
            self._relocate(max(self.filled, min(self._capacity * 5 // 4, self._limit)), start)
        return start

    def tensor(self) -> torch.Tensor:
        """The filled part as a contiguous float32 tensor [channels, filled]. Call it at the end."""
        if self.filled != self._capacity:
            self._relocate(self.filled, self.filled)
        return torch.from_numpy(self.array)

    def _check(self, frames: int) -> None:
        if frames > self._limit:
            raise MediaError(
                f"The audio is longer than {self._limit / self.sample_rate / 60:.4g} minutes, the "
                f"most that is loaded of {self.channels} channels at {self.sample_rate} Hz: load a "
                "shorter file, or raise the limit (max_audio_minutes)."
            )

    def _bytes(self, frames: int) -> int:
        return frames * self.channels * np.dtype(np.float32).itemsize

    def _relocate(self, capacity: int, filled: int) -> None:
        """Move the channels `capacity` apart, in the same memory if the system can do it."""
        del self.array
        grows = capacity > self._capacity
        if grows:
            self._memory.take(self._bytes(capacity - self._capacity))
            # Views are no longer used (see `make_room`), so the memory may move.
            self._flat.resize(self.channels * capacity, refcheck=False)
        channels = range(1, self.channels)
        for channel in reversed(channels) if grows else channels:
            starts = range(0, filled, _MOVE)
            for start in looked(reversed(starts) if grows else starts):
                count = min(_MOVE, filled - start)
                old, new = channel * self._capacity + start, channel * capacity + start
                self._flat[new : new + count] = self._flat[old : old + count]
        if not grows:
            self._flat.resize(self.channels * capacity, refcheck=False)
        self._capacity = capacity
        self.array = self._flat.reshape(self.channels, capacity)
