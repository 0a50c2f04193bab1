"""Samples as this package takes them: planar float32 [channels, samples], and blocks of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.float32]
"""Planar [channels, samples], full scale 1.0."""
Floats = npt.NDArray[np.float64]

MIN_RATE, MAX_RATE = 8000, 192_000
MAX_CHANNELS = 8

BLOCK = 1 << 17
"""Samples a channel that are worked on at a time."""


class MusicError(ValueError):
    """Music that cannot be measured or changed as asked; the message says what to do."""

    # ComfyUI shows a type with its module, and names that by the path of the pack's folder.
    __module__ = "aigateway"


def check(samples: Samples, sample_rate: int) -> None:
    """MusicError unless `samples` is float32 [1 to 8, at least 1] at 8 to 192 kHz."""
    if samples.ndim != 2 or samples.dtype != np.float32:
        raise MusicError(
            f"The samples are {samples.dtype} of the shape {list(samples.shape)}: expected "
            "float32 [channels, samples]; pass one item of the batch."
        )
    channels, length = samples.shape
    if not 1 <= channels <= MAX_CHANNELS:
        raise MusicError(
            f"The audio has {channels} channels: expected 1 to {MAX_CHANNELS}; "
            "mix it down before this node."
        )
    if length == 0:
        raise MusicError("The audio has no samples: check the node that made it.")
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise MusicError(
            f"The sample rate is {sample_rate} Hz: expected {MIN_RATE} to {MAX_RATE}; "
            "resample the audio before this node."
        )


class Stream:
    """soxr's resampler, planar, block by block; without delay."""

    def __init__(self, old: float, new: float, channels: int, quality: str = "HQ") -> None:
        self._stream = soxr.ResampleStream(old, new, channels, dtype="float32", quality=quality)
        self._channels = channels

    def feed(self, block: Samples, *, last: bool = False) -> Samples:
        """What is ready, [channels, n], after the next `block` [channels, n]."""
        rows = np.ascontiguousarray(block.T)
        ready = self._stream.resample_chunk(rows[:, 0] if self._channels == 1 else rows, last=last)
        return np.asarray(ready, np.float32).reshape(-1, self._channels).T


def mono_blocks(samples: Samples, sample_rate: int, target: int) -> Iterator[Samples]:
    """The mean of the channels at `target` Hz, block by block, [n] each."""
    if sample_rate == target:
        for start in range(0, samples.shape[1], BLOCK):
            yield samples[:, start : start + BLOCK].mean(axis=0)
        return
    stream = Stream(sample_rate, target, 1, "LQ")
    for start in range(0, samples.shape[1], BLOCK):
        block = samples[:, start : start + BLOCK].mean(axis=0, keepdims=True)
        yield stream.feed(block, last=start + BLOCK >= samples.shape[1])[0]


def rms(samples: Samples) -> float:
    """Root mean square of all channels together."""
    total = 0.0
    for row in samples:
        for start in range(0, row.shape[0], BLOCK):
            part = row[start : start + BLOCK]
            # np.dot would wake other threads.
            total += float(np.einsum("i,i->", part, part))
    return (total / samples.size) ** 0.5
