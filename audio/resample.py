"""From one sample rate to another, without audible aliasing and without a threefold memory.

The kernel is the Kaiser-windowed sinc that torchaudio offers as `sinc_interp_kaiser`, with the
parameters that its documentation gives as equal to resampy's "kaiser_best". It is computed here,
because torchaudio cannot be imported on many machines, and applied as matrix products over a
strided view of the input: nothing but the output is ever as long as the audio.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided

from .buffer import check_sample_rate
from .planar import Samples

LOWPASS_FILTER_WIDTH = 64
"""Zero crossings of the sinc on each side."""
ROLLOFF = 0.9475937167399596
"""Cut-off as a share of the lower rate's Nyquist frequency."""
BETA = 14.769656459379492
"""Shape of the Kaiser window: stop band below -110 dB in float32."""

_GROUP = 64
"""Neighbouring output phases that share one matrix product, hence one window of the input: wide
enough for the product to be quick, narrow enough for its window to hold few zeros."""
_PRODUCT = 1 << 18
"""Multiplications in one matrix product. OpenBLAS uses one thread up to here, and threads that
wait for each other cost more than they bring: far more where other programs keep the cores busy."""
_THREADS = 2
"""Channels worked on side by side."""
_BLOCK = 1 << 17
"""Input samples a channel that are worked on at a time (0.5 MB, stays in the cache)."""


class _Kernel(NamedTuple):
    """`weights[g]` [taps, phases] applies to the input from `starts[g]` on, in input samples."""

    old: int
    new: int
    starts: tuple[int, ...]
    weights: tuple[Samples, ...]

    @property
    def step(self) -> int:
        """Output samples in one block: whole turns of the phases."""
        return max(1, _BLOCK // self.old) * self.new


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
    rows = waveform.reshape(-1, waveform.shape[-1]).numpy()
    out = np.empty((rows.shape[0], length), dtype=np.float32)

    def fill(row: Samples, out_row: Samples) -> None:
        for start in range(0, length, kernel.step):
            _convolve(kernel, row, start // kernel.new, out_row[start : start + kernel.step])

    with ThreadPoolExecutor(_THREADS) as pool:
        for filled in [pool.submit(fill, *pair) for pair in zip(rows, out, strict=True)]:
            filled.result()
    return torch.from_numpy(out).reshape(*waveform.shape[:-1], length)


def resample_blocks(
    waveform: torch.Tensor, sample_rate: int, target: int
) -> Iterator[torch.Tensor]:
    """What `resample` gives for `waveform` [C, T], in pieces [C, n] of about 130,000 samples."""
    kernel = _kernel(sample_rate, target)
    length = resampled_length(waveform.shape[1], sample_rate, target)
    for start in range(0, length, kernel.step):
        block = np.empty((waveform.shape[0], min(kernel.step, length - start)), np.float32)
        for row, out_row in zip(waveform.numpy(), block, strict=True):
            _convolve(kernel, row, start // kernel.new, out_row)
        yield torch.from_numpy(block)


def resampled_length(length: int, sample_rate: int, target: int) -> int:
    """Samples after resampling `length` samples: none that was begun is lost."""
    return -(-length * target // sample_rate)


def _convolve(kernel: _Kernel, row: Samples, turn: int, out: Samples) -> None:
    """Fill `out` with the output of `row` from the `turn`-th turn of the phases on."""
    turns = -(-out.shape[0] // kernel.new)
    low = turn * kernel.old + kernel.starts[0]
    high = (turn + turns - 1) * kernel.old + kernel.starts[-1] + kernel.weights[-1].shape[0]
    piece = row[max(low, 0) : max(high, 0)]
    before = max(-low, 0)
    piece = np.pad(piece, (before, max(high - low - before - piece.shape[0], 0)))
    whole = out.shape[0] == turns * kernel.new
    product = out if whole else np.empty(turns * kernel.new, np.float32)
    table = product.reshape(turns, kernel.new)
    phase = 0
    for start, weights in zip(kernel.starts, kernel.weights, strict=True):
        taps, phases = weights.shape
        columns = table[:, phase : phase + phases]
        row_bytes = kernel.old * piece.itemsize
        step = max(1, _PRODUCT // weights.size)
        # All products of `step` turns in one call, which leaves other threads alone.
        stack, rest = divmod(turns, step)
        offset = start - kernel.starts[0]
        windows = as_strided(
            piece[offset:],
            (stack, step, taps),
            (step * row_bytes, row_bytes, piece.itemsize),
        )
        whole_steps = stack * step
        np.matmul(windows, weights, out=columns[:whole_steps].reshape(stack, step, phases))
        if rest:
            windows = as_strided(
                piece[offset + whole_steps * kernel.old :],
                (rest, taps),
                (row_bytes, piece.itemsize),
            )
            np.matmul(windows, weights, out=columns[whole_steps:])
        phase += phases
    if not whole:
        out[:] = product[: out.shape[0]]


@lru_cache(maxsize=4)
def _kernel(sample_rate: int, target: int) -> _Kernel:
    divisor = math.gcd(sample_rate, target)
    reach = math.ceil(LOWPASS_FILTER_WIDTH * max(1, sample_rate / target) / ROLLOFF)
    # BLAS takes no matrix whose rows overlap: simple ratios are repeated until a turn of the
    # phases is as long as the taps.
    taps = 2 * reach + 3 + math.ceil(_GROUP * sample_rate / target)
    repeats = math.ceil(taps * divisor / sample_rate)
    old, new = repeats * sample_rate // divisor, repeats * target // divisor
    # Frequencies in units in which `old` is the input's sample rate: the cut-off, doubled.
    base = min(old, new) * ROLLOFF
    starts, groups = [], []
    for phase in range(0, new, _GROUP):
        phases = torch.arange(phase, min(phase + _GROUP, new), dtype=torch.float64)
        start = phase * old // new - reach
        end = int(phases[-1]) * old // new + reach + 2
        offsets = torch.arange(start, end, dtype=torch.float64)
        time = (offsets[:, None] / old - phases[None, :] / new) * base
        time = time.clamp(-LOWPASS_FILTER_WIDTH, LOWPASS_FILTER_WIDTH)
        inside = (1 - (time / LOWPASS_FILTER_WIDTH) ** 2).clamp(min=0).sqrt()
        window = torch.special.i0(BETA * inside) / _I0_BETA
        weights = torch.special.sinc(time) * window * (base / old)
        starts.append(start)
        groups.append(weights.to(torch.float32).numpy())
    return _Kernel(old, new, tuple(starts), tuple(groups))


_I0_BETA = float(torch.special.i0(torch.tensor(BETA, dtype=torch.float64)))
