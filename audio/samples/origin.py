"""Which encoded file a waveform was decoded from, so that it can be saved byte for byte.

An entry is removed when the waveform's memory is freed. A waveform is unchanged if its memory,
shape, version counter and checksum are those from before. The checksum finds edits that torch
does not count (through numpy, or in inference mode).
"""

from __future__ import annotations

import threading
import weakref
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

_SAMPLES = 32_768
"""Samples of each channel in the checksum; in four minutes of audio they are 7 ms apart."""
_EDGE = 4_096
"""Samples at either end that are all in the checksum: fades and trims are there."""


class _Origin(NamedTuple):
    storage: weakref.ref[torch.UntypedStorage]
    layout: tuple[object, ...]
    checksum: int
    sample_rate: int
    source: Path
    size: int


# Re-entrant: garbage collection within the lock may free a waveform and call `forget`.
_lock = threading.RLock()
_origins: dict[int, _Origin] = {}


def remember(waveform: torch.Tensor, source: Path, sample_rate: int) -> None:
    """Note that `waveform` ([..., C, T], float32, on the CPU) was decoded from `source`.

    OSError when the size of `source` cannot be read.
    """
    storage = waveform.untyped_storage()
    key = storage.data_ptr()

    def forget(dead: weakref.ref[torch.UntypedStorage]) -> None:
        with _lock:
            if key in _origins and _origins[key].storage is dead:
                del _origins[key]

    reference = weakref.ref(storage, forget)
    origin = _Origin(
        reference, _layout(waveform), _checksum(waveform), sample_rate, source, _size(source)
    )
    with _lock:
        _origins[key] = origin


def origin_of(waveform: torch.Tensor, sample_rate: int) -> Path | None:
    """The file that `waveform` was decoded from; None if either was changed since, or unknown."""
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
    return origin.source


def _size(source: Path) -> int:
    # Not the time: the track store changes it at every use.
    return source.stat().st_size


def _layout(waveform: torch.Tensor) -> tuple[object, ...]:
    """Place and strides of the samples in memory, without dimensions of one."""
    dims = [
        (size, stride)
        for size, stride in zip(waveform.shape, waveform.stride(), strict=True)
        if size != 1
    ]
    version = None if waveform.is_inference() else waveform._version
    return (waveform.dtype, waveform.storage_offset(), tuple(dims), version)


def _checksum(waveform: torch.Tensor) -> int:
    rows = waveform.detach().reshape(-1, waveform.shape[-1]).numpy()
    step = max(1, rows.shape[1] // _SAMPLES)
    value = 0
    for part in (rows[:, :_EDGE], rows[:, ::step], rows[:, -_EDGE:]):
        value = zlib.crc32(np.ascontiguousarray(part).data, value)
    return value
