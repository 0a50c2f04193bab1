"""Remember the encoded file of a waveform: for its receipt, and to save it byte for byte.

An entry is removed when the waveform's memory is freed. A waveform is unchanged if its memory,
shape, version counter and checksum are as before. The checksum finds edits that torch does not
count (through numpy, or in inference mode), even of a single sample.
"""

from __future__ import annotations

import threading
import weakref
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..stopping import looked
from .resample import resample

_SIDE = 256
"""Side of the checksum's squares: words of eight bytes in a row, and rows in a square."""


class _Origin(NamedTuple):
    storage: weakref.ref[torch.UntypedStorage]
    layout: tuple[object, ...]
    checksum: int
    sample_rate: int
    source: Path
    size: int
    exact: bool


# The lock is re-entrant: garbage collection within it may free a waveform and call `forget`.
_lock = threading.RLock()
_origins: dict[int, _Origin] = {}


def remember(waveform: torch.Tensor, source: Path, sample_rate: int, *, exact: bool = True) -> None:
    """Note that `waveform` ([..., C, T], float32, on the CPU) comes from the file `source`.

    Args:
        exact: `waveform` has the samples of `source`, not resampled and with the same channels.

    Raises:
        OSError: the size of `source` cannot be read.
    """
    storage = waveform.untyped_storage()
    key = storage.data_ptr()

    def forget(dead: weakref.ref[torch.UntypedStorage]) -> None:
        with _lock:
            if key in _origins and _origins[key].storage is dead:
                del _origins[key]

    reference = weakref.ref(storage, forget)
    layout, checksum, size = _layout(waveform), _checksum(waveform), _size(source)
    origin = _Origin(reference, layout, checksum, sample_rate, source, size, exact)
    with _lock:
        _origins[key] = origin


class Provenance(NamedTuple):
    """The file that a waveform comes from, and whether both have the same samples."""

    source: Path
    exact: bool


def provenance_of(waveform: torch.Tensor, sample_rate: int) -> Provenance | None:
    """The origin of `waveform`; None if it is unknown, or the waveform or the file has changed."""
    storage = waveform.untyped_storage()
    with _lock:
        origin = _origins.get(storage.data_ptr())
    try:
        unchanged_file = origin is not None and _size(origin.source) == origin.size
    except OSError:
        return None
    if (
        origin is None
        or not unchanged_file
        or origin.storage() is not storage
        or origin.sample_rate != sample_rate
        or origin.layout != _layout(waveform)
        or origin.checksum != _checksum(waveform)
    ):
        return None
    return Provenance(origin.source, origin.exact)


# The sample rate of the comparison in Hz, and the seconds that a file may exceed its track by.
_RATE = 4000
_LONGER = 0.5
_SAME = 0.5
"""Other takes of one prompt have a correlation below 0.2, and Opus of 64 kbit/s above 0.9."""


def is_part_of(part: torch.Tensor, part_rate: int, whole: torch.Tensor, whole_rate: int) -> bool:
    """Whether `whole` contains the sound of `part` ([C, T]), at any position and volume.

    It does if the largest correlation of both, over all positions, is at least 0.5.
    """
    if part.shape[-1] / part_rate > whole.shape[-1] / whole_rate + _LONGER:
        return False
    sound, track = (
        resample(waveform.mean(0, keepdim=True), rate, _RATE)[0].double()
        for waveform, rate in ((part, part_rate), (whole, whole_rate))
    )
    track = torch.nn.functional.pad(track, (0, max(0, len(sound) - len(track))))
    size = 1 << (len(track) + len(sound)).bit_length()
    product = torch.fft.rfft(track, size) * torch.fft.rfft(sound, size).conj()
    likeness = torch.fft.irfft(product, size)[: len(track) - len(sound) + 1].abs()
    sums = torch.nn.functional.pad((track * track).cumsum(0), (1, 0))
    power = (sums[len(sound) :] - sums[: len(track) - len(sound) + 1]) * (sound * sound).sum()
    if not power.any():
        # Silence is only a part of silence.
        return not track.any() and not sound.any()
    # Ignore silence in the track: there, the correlation is a rounding error of the transform.
    is_loud = power > power.max() * 1e-6
    return bool((is_loud & (likeness >= _SAME * power.clamp(min=0).sqrt())).any())


def _size(source: Path) -> int:
    # Do not compare the file's time: the track store changes it at every use.
    return source.stat().st_size


def _layout(waveform: torch.Tensor) -> tuple[object, ...]:
    """Address and strides of the samples in memory, without dimensions of length 1."""
    dims = [
        (size, stride)
        for size, stride in zip(waveform.shape, waveform.stride(), strict=True)
        if size != 1
    ]
    version = None if waveform.is_inference() else waveform._version
    return (waveform.dtype, waveform.storage_offset(), tuple(dims), version)


def _checksum(waveform: torch.Tensor) -> int:
    """A checksum over every sample, at a quarter of the time of a CRC over them.

    It adds up the words of each row and of each column of a square. A sample that changes or
    moves changes a sum. The result is the CRC of the sums.
    """
    data = np.ascontiguousarray(waveform.detach().numpy()).reshape(-1).view(np.uint8)
    square = _SIDE * _SIDE * 8
    whole = len(data) - len(data) % square
    value = zlib.crc32(data[whole:].data)
    for start in looked(range(0, whole, square)):
        words = data[start : start + square].view(np.uint64).reshape(_SIDE, _SIDE)
        value = zlib.crc32(words.sum(axis=0).data, value)
        value = zlib.crc32(words.sum(axis=1).data, value)
    return value
