"""Convert one sample rate to another with libsoxr (`soxr`).

Quality "HQ": 20 bits, pass band up to 0.91 of the lower Nyquist frequency, aliases below -120 dB.
Licence: LGPL 2.1 or later, in a wheel of its own that needs numpy alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..arrays import BLOCK, LongSamples, MediaError, Samples, blocks, check_sample_rate
from ..stopping import look, shared
from .channels import set_channels

if TYPE_CHECKING:
    from soxr import ResampleStream

_QUALITY = "HQ"
_BLOCK = 1 << 16
"""Input samples of each channel that are given to libsoxr at a time."""
_THREADS = 2
"""Channels that are resampled at the same time: libsoxr runs outside Python's lock."""
_MAX_RATIO = 100_000
"""Higher rate / lower rate. Above it libsoxr needs seconds; at 1,000,000 it never returns."""


def resample(waveform: torch.Tensor, sample_rate: int, target: int) -> torch.Tensor:
    """`waveform` [..., T] at `sample_rate` Hz as [..., ceil(T * target / sample_rate)] at `target`.

    Returns the same tensor if the rates are equal. Input and output are float32 on the CPU.
    MediaError for an invalid sample rate, and for rates further apart than 100,000 to 1.
    """
    sample_rate, target = check_sample_rate(sample_rate), check_sample_rate(target)
    if sample_rate == target:
        return waveform
    _check_ratio(sample_rate, target)
    length = resampled_length(waveform.shape[-1], sample_rate, target)
    rows = waveform.reshape(-1, waveform.shape[-1]).numpy()
    out = np.empty((rows.shape[0], length), dtype=np.float32)

    def fill(row: Samples, out_row: Samples) -> None:
        position = 0
        for block in resample_blocks(row[None], sample_rate, target):
            out_row[position : position + block.shape[1]] = block[0]
            position += block.shape[1]

    with ThreadPoolExecutor(_THREADS) as pool:
        for filled in [pool.submit(shared(fill), *pair) for pair in zip(rows, out, strict=True)]:
            filled.result()
    return torch.from_numpy(out).reshape(*waveform.shape[:-1], length)


def resample_blocks(samples: LongSamples, sample_rate: int, target: int) -> Iterator[Samples]:
    """The samples of `resample` for [C, T], in pieces [C, n]."""
    # Import it at first use, as every codec: ComfyUI starts without it.
    from soxr import ResampleStream

    _check_ratio(sample_rate, target)
    channels, length = samples.shape
    stream = ResampleStream(sample_rate, target, channels, quality=_QUALITY)
    left = resampled_length(length, sample_rate, target)
    for _, part in blocks(samples, _BLOCK):
        block = stream.resample_chunk(np.ascontiguousarray(part.T))
        left -= len(block)
        if len(block):
            yield block.T
    yield _last(stream, channels, -(-sample_rate // target))[:left].T


def resampled_length(length: int, sample_rate: int, target: int) -> int:
    """Samples after resampling `length` samples, rounded up."""
    return -(-length * target // sample_rate)


class Resampler:
    """Resamples planar blocks one after the other with libsoxr. The output has no delay."""

    def __init__(self, old: float, new: float, channels: int, quality: str = "HQ") -> None:
        # Import it at first use, as every codec: ComfyUI starts without it.
        import soxr

        self._stream = soxr.ResampleStream(old, new, channels, dtype="float32", quality=quality)
        self._channels = channels

    def feed(self, block: Samples, *, last: bool = False) -> Samples:
        """The output samples [channels, n] that are ready after the next `block` [channels, n]."""
        look()
        rows = np.ascontiguousarray(block.T)
        ready = self._stream.resample_chunk(rows[:, 0] if self._channels == 1 else rows, last=last)
        return np.asarray(ready, np.float32).reshape(-1, self._channels).T


_CANCELLED = 0.02
"""Below this share of the channels' power, their mean has lost the sound."""


def mono_blocks(samples: Samples, sample_rate: int, target: int) -> Iterator[Samples]:
    """The mean of the channels at `target` Hz, block by block, [n] each.

    Channels of opposite phase, which cancel each other in their mean, are turned over first.
    """
    weights = _polarity(samples) / np.float32(samples.shape[0])
    if sample_rate == target:
        for _, block in blocks(samples):
            yield np.einsum("c,cn->n", weights, block)
        return
    stream = Resampler(sample_rate, target, 1, "LQ")
    for start in range(0, samples.shape[1], BLOCK):
        block = np.einsum("c,cn->n", weights, samples[:, start : start + BLOCK])[None]
        yield stream.feed(block, last=start + BLOCK >= samples.shape[1])[0]


def _polarity(samples: Samples) -> Samples:
    """[channels] 1, or -1 for channels whose phase is opposite to that of the loudest one."""
    count = samples.shape[0]
    if count == 1:
        return np.ones(1, np.float32)
    products = np.zeros((count, count))
    for _, block in blocks(samples):
        # np.dot would wake other threads.
        products += np.einsum("in,jn->ij", block, block)
    power = np.diagonal(products)
    if products.sum() / count >= _CANCELLED * power.sum():
        return np.ones(count, np.float32)
    return np.where(products[int(power.argmax())] < 0, -1, 1).astype(np.float32)


def converted(
    samples: Samples, sample_rate: int, target: int, channels: int
) -> Iterator[tuple[int, Samples]]:
    """`samples` at `target` Hz and with at most `channels`, block by block with its position.

    Mono stays mono.
    """
    channels = min(channels, samples.shape[0])
    resampler = None if sample_rate == target else Resampler(sample_rate, target, channels)
    position = 0
    for start, block in blocks(samples, _BLOCK):
        last = start + block.shape[1] >= samples.shape[1]
        if block.shape[0] != channels:
            block = set_channels(torch.from_numpy(block), channels).numpy()
        if resampler is not None:
            block = resampler.feed(block, last=last)
        yield position, block
        position += block.shape[1]


def _last(stream: ResampleStream, channels: int, silence: int) -> Samples:
    """The samples that `stream` still holds.

    libsoxr rounds the length to the nearest sample, but the pack rounds it up. `silence` (input
    samples for one output sample) after the end gives the additional sample.
    """
    return stream.resample_chunk(np.zeros((silence, channels), np.float32), last=True)


def _check_ratio(sample_rate: int, target: int) -> None:
    if max(sample_rate, target) > _MAX_RATIO * min(sample_rate, target):
        raise MediaError(
            f"{sample_rate} Hz cannot be resampled to {target} Hz: expected rates within a factor "
            f"of {_MAX_RATIO}; check the sample rate of this audio."
        )
