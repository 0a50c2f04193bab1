"""From one sample rate to another, without audible aliasing and without a threefold memory.

The kernel is the Kaiser-windowed sinc that torchaudio offers as `sinc_interp_kaiser`, with the
parameters that its documentation gives as equal to resampy's "kaiser_best". It is computed here,
because torchaudio cannot be imported on many machines, and applied as matrix products over a
strided view of the input: nothing but the output is ever as long as the audio.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from .buffer import check_sample_rate

LOWPASS_FILTER_WIDTH = 64
"""Zero crossings of the sinc on each side."""
ROLLOFF = 0.9475937167399596
"""Cut-off as a share of the lower rate's Nyquist frequency."""
BETA = 14.769656459379492
"""Shape of the Kaiser window: stop band below -110 dB in float32."""

_GROUP = 40
"""Neighbouring output phases that share one matrix product, hence one window of the input."""
_BLOCK = 1 << 17
"""Input samples a channel that are worked on at a time (0.5 MB, stays in the cache)."""


class _Kernel(NamedTuple):
    """`weights[g]` [taps, phases] applies to the input from `starts[g]` on, in input samples."""

    old: int
    new: int
    starts: tuple[int, ...]
    weights: tuple[torch.Tensor, ...]


def resample(waveform: torch.Tensor, sample_rate: int, target: int) -> torch.Tensor:
    """`waveform` [..., T] at `sample_rate` Hz as [..., ceil(T * target / sample_rate)] at `target`.

    The same tensor when the rates are equal. Float32 in and out, on the CPU. AudioError when a
    rate is not one.
    """
    sample_rate, target = check_sample_rate(sample_rate), check_sample_rate(target)
    if sample_rate == target:
        return waveform
    kernel = _kernel(sample_rate, target)
    length = resampled_length(waveform.shape[-1], sample_rate, target)
    rows = waveform.reshape(-1, waveform.shape[-1])
    out = torch.from_numpy(np.empty((rows.shape[0], length), dtype=np.float32))
    for row, out_row in zip(rows, out, strict=True):
        for start in range(0, length, _step(kernel)):
            _convolve(kernel, row, start // kernel.new, out_row[start : start + _step(kernel)])
    return out.reshape(*waveform.shape[:-1], length)


def resample_blocks(
    waveform: torch.Tensor, sample_rate: int, target: int
) -> Iterator[torch.Tensor]:
    """What `resample` gives for `waveform` [C, T], in pieces [C, n] of about 130,000 samples."""
    kernel = _kernel(sample_rate, target)
    length = resampled_length(waveform.shape[1], sample_rate, target)
    for start in range(0, length, _step(kernel)):
        block = waveform.new_empty(waveform.shape[0], min(_step(kernel), length - start))
        for row, out_row in zip(waveform, block, strict=True):
            _convolve(kernel, row, start // kernel.new, out_row)
        yield block


def resampled_length(length: int, sample_rate: int, target: int) -> int:
    """Samples after resampling `length` samples: none that was begun is lost."""
    return -(-length * target // sample_rate)


def _step(kernel: _Kernel) -> int:
    """Output samples in one block: whole turns of the kernel's phases."""
    return max(1, _BLOCK // kernel.old) * kernel.new


def _convolve(kernel: _Kernel, row: torch.Tensor, turn: int, out: torch.Tensor) -> None:
    """Fill `out` with the output of `row` from the `turn`-th turn of the phases on."""
    turns = -(-out.shape[0] // kernel.new)
    first = turn * kernel.old
    low = first + kernel.starts[0]
    high = first + (turns - 1) * kernel.old + kernel.starts[-1] + kernel.weights[-1].shape[0]
    piece = row[max(low, 0) : max(high, 0)]
    padding = (max(-low, 0), max(high - max(low, 0) - piece.shape[0], 0))
    if any(padding) or not piece.is_contiguous():
        piece = torch.nn.functional.pad(piece, padding).contiguous()
    whole = out.shape[0] == turns * kernel.new
    product = out if whole else out.new_empty(turns * kernel.new)
    table = product.view(turns, kernel.new)
    phase = 0
    for start, weights in zip(kernel.starts, kernel.weights, strict=True):
        taps, phases = weights.shape
        windows = piece.as_strided(
            (turns, taps), (kernel.old, 1), piece.storage_offset() + start - kernel.starts[0]
        )
        table[:, phase : phase + phases] = windows @ weights
        phase += phases
    if not whole:
        out.copy_(product[: out.shape[0]])


@lru_cache(maxsize=4)
def _kernel(sample_rate: int, target: int) -> _Kernel:
    divisor = math.gcd(sample_rate, target)
    old, new = sample_rate // divisor, target // divisor
    # Frequencies in units in which `old` is the input's sample rate: the cut-off, doubled.
    base = min(old, new) * ROLLOFF
    reach = math.ceil(LOWPASS_FILTER_WIDTH * old / base)
    starts, groups = [], []
    for phase in range(0, new, _GROUP):
        phases = torch.arange(phase, min(phase + _GROUP, new), dtype=torch.float64)
        start = phase * old // new - reach
        end = int(phases[-1]) * old // new + reach + 2
        offsets = torch.arange(start, end, dtype=torch.float64)
        time = (offsets[:, None] / old - phases[None, :] / new) * base
        time = time.clamp(-LOWPASS_FILTER_WIDTH, LOWPASS_FILTER_WIDTH)
        inside = (1 - (time / LOWPASS_FILTER_WIDTH) ** 2).clamp(min=0).sqrt()
        window = torch.special.i0(BETA * inside) / math.exp(_log_i0(BETA))
        weights = torch.special.sinc(time) * window * (base / old)
        starts.append(start)
        groups.append(weights.to(torch.float32))
    return _Kernel(old, new, tuple(starts), tuple(groups))


def _log_i0(value: float) -> float:
    return math.log(float(torch.special.i0(torch.tensor(value, dtype=torch.float64))))
