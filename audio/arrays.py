"""The form of sound in audio/, music/ and video/: planar float32, its check, and one error."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from .stopping import look

if TYPE_CHECKING:
    from .samples.on_disk import DiskSamples

Samples: TypeAlias = npt.NDArray[np.float32]
"""[channels, samples], full scale 1.0."""
LongSamples: TypeAlias = Union[Samples, "DiskSamples"]
"""Samples in memory or on the disk. Read and write them in parts: `samples[:, start:stop]`."""
Floats: TypeAlias = npt.NDArray[np.float64]

BLOCK = 1 << 17
"""Samples of each channel in one block, so that memory does not grow with the length."""
MAX_SAMPLE_RATE = 1_000_000
"""In Hz, above every real converter. The limit refuses a wrong rate before memory is allocated."""
MAX_CHANNELS = 8
USUAL_RATES = 8000, 192_000
"""In Hz, the lowest and the highest that music is measured at."""


class MediaError(ValueError):
    """Sound or a picture cannot be read, changed or written. The message tells the user what to do.

    The only error class of audio/, music/ and video/.
    """

    # ComfyUI prints `module.Type`; without this the module is the path of the pack's folder.
    __module__ = "aigateway"


def check_sample_rate(value: object) -> int:
    """`value` as a sample rate in Hz; MediaError unless it is from 1 to MAX_SAMPLE_RATE."""
    rate = None
    if not isinstance(value, bool):
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = math.nan
        if number.is_integer() and 1 <= number <= MAX_SAMPLE_RATE:
            rate = int(number)
    if rate is None:
        raise MediaError(
            f"The sample rate is {value!r}: expected a whole number of Hz from 1 to "
            f"{MAX_SAMPLE_RATE}; check the node that made this audio."
        )
    return rate


def check_samples(
    samples: LongSamples,
    sample_rate: int,
    *,
    channels: Collection[int] = range(1, MAX_CHANNELS + 1),
    rates: tuple[int, int] = USUAL_RATES,
) -> None:
    """MediaError unless `samples` are finite float32 [channels, samples], not empty.

    `channels` are the allowed numbers of channels, `rates` the lowest and highest rate in Hz.

    >>> check_samples(np.zeros((2, 100), np.float32), 44100)
    >>> check_samples(np.zeros((9, 100), np.float32), 44100)
    Traceback (most recent call last):
    aigateway.MediaError: The sound has 9 channels: expected 1, 2, 3, 4, 5, 6, 7 or 8; ...
    """
    if samples.ndim != 2 or samples.dtype != np.float32 or not samples.size:
        raise MediaError(
            f"The sound is {samples.dtype} of the shape {list(samples.shape)}: expected float32 "
            "[channels, samples] with at least one of each; pass one item of the batch."
        )
    if samples.shape[0] not in channels:
        *first, last = map(str, channels)
        raise MediaError(
            f"The sound has {samples.shape[0]} channels: expected {', '.join(first)} or {last}; "
            "mix it down to stereo before this node."
        )
    if not rates[0] <= sample_rate <= rates[1]:
        raise MediaError(
            f"The sound has a sample rate of {sample_rate} Hz: expected {rates[0]} to {rates[1]}; "
            "resample it before this node."
        )
    for _, block in blocks(samples):
        # NaN or infinity makes the sum of squares not finite. Huge samples overflow it too.
        if not math.isfinite(np.einsum("ij,ij->", block, block)) and not np.isfinite(block).all():
            raise MediaError(
                "The sound has NaN or infinity among its samples: expected finite numbers; check "
                "the node that made it."
            )


def blocks(samples: LongSamples, size: int = BLOCK) -> Iterator[tuple[int, Samples]]:
    """Parts of `samples`, each with the position of its first sample. They are views of an array,
    and copies of samples on the disk."""
    for start in range(0, samples.shape[1], size):
        look()
        yield start, samples[:, start : start + size]


def rms(samples: Samples) -> float:
    """Root mean square of all channels together."""
    total = 0.0
    for row in samples:
        for _, (part,) in blocks(row[None]):
            # np.dot would wake other threads.
            total += float(np.einsum("i,i->", part, part))
    return (total / samples.size) ** 0.5


class Curve(NamedTuple):
    """A gain for every `hop` samples, in their middle, with straight lines between."""

    gain: Samples | Floats
    """[n]"""
    hop: float

    def between(self, start: int, stop: int) -> Samples:
        """The gain of the samples `start` to `stop`."""
        first, last = max(0, int(start / self.hop) - 1), int(stop / self.hop) + 2
        gain = self.gain[first:last]
        middle = (np.arange(first, first + gain.size) + 0.5) * self.hop
        return np.interp(np.arange(start, stop), middle, gain).astype(np.float32)


class LevelChange(NamedTuple):
    """A factor, and gains that change with time, for samples of any rate."""

    factor: float = 1.0
    gains: Samples | Floats | None = None
    """[n], one each `step` seconds."""
    step: float = 0.0

    def of(self, start: int, block: Samples, sample_rate: int) -> Samples:
        """The changed `block` [channels, n], whose first sample is number `start`."""
        if self.factor != 1:
            block = block * np.float32(self.factor)
        if self.gains is not None:
            curve = Curve(self.gains, self.step * sample_rate)
            block = block * curve.between(start, start + block.shape[1])
        return block

    def then(self, factor: float, curve: Curve | None, sample_rate: int) -> LevelChange:
        """This change, and after it a factor and a curve for samples at `sample_rate` Hz."""
        gains, step = self.gains, self.step
        if curve is not None:
            gains = curve.gain if gains is None else gains * curve.gain
            step = curve.hop / sample_rate
        return LevelChange(self.factor * factor, gains, step)


UNCHANGED = LevelChange()
