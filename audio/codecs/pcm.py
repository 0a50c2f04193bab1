"""Read WAV samples from the file as float32 in one pass, without a library."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from ..arrays import Samples
from ..containers.riff import Coding, Wav
from ..containers.source import Source
from ..samples.planar import Planar
from ..stopping import looked, shared

_BLOCK_BYTES = 1 << 18
"""Bytes that each thread reads and converts at a time."""
_TWO_THREADS_BYTES = 1 << 21


def read_pcm(source: Source, wav: Wav, planar: Planar) -> None:
    """Fill `planar` with the samples of `wav`, block by block as the bytes arrive.

    Integers are scaled to full scale 1.0, exactly up to 24 bits. Two threads share a large file
    that is complete.
    """
    planar.integer = wav.coding is Coding.INTEGER
    if wav.data_bytes < _TWO_THREADS_BYTES or not source.complete:
        planar.make_room(_fill(source, wav, planar.array, 0, wav.frames))
        return
    middle = wav.frames // 2
    with ThreadPoolExecutor(1) as pool:
        back = pool.submit(shared(_fill), source, wav, planar.array, middle, wav.frames)
        front = _fill(source, wav, planar.array, 0, middle)
    planar.make_room(front + back.result() if front == middle else front)


def _fill(source: Source, wav: Wav, out: Samples, start: int, end: int) -> int:
    """Fill `out` from `start` to `end`; return how many samples of each channel the file had."""
    width = wav.channels * wav.sample_bytes
    step = max(1, _BLOCK_BYTES // width)
    block = memoryview(bytearray(step * width))
    for position in looked(range(start, end, step)):
        wanted = min(step, end - position)
        view = block[: wanted * width]
        frames = source.read_at(wav.data_start + position * width, view) // width
        _convert(view[: frames * width], wav, out[:, position : position + frames])
        if frames < wanted:
            return position + frames - start
    return end - start


def _convert(data: memoryview, wav: Wav, out: Samples) -> None:
    if wav.coding is Coding.FLOAT:
        out[...] = _interleaved(data, f"<f{wav.sample_bytes}", wav.channels).T
    elif wav.sample_bytes == 1:
        np.subtract(_interleaved(data, "u1", wav.channels).T, np.float32(128), out=out)
        out *= np.float32(1 / 128)
    elif wav.sample_bytes == 3:
        # Put the three bytes into the upper three of an int32, so that both have one scale.
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        _scale(wide.reshape(-1).view("<i4").reshape(-1, wav.channels), 31, out)
    else:
        bits = 8 * wav.sample_bytes
        _scale(_interleaved(data, f"<i{wav.sample_bytes}", wav.channels), bits - 1, out)


def _interleaved(data: memoryview, dtype: str, channels: int) -> npt.NDArray[np.generic]:
    return np.frombuffer(data, dtype).reshape(-1, channels)


def _scale(samples: npt.NDArray[np.generic], bits: int, out: Samples) -> None:
    np.copyto(out, samples.T, casting="unsafe")
    out *= np.float32(2.0**-bits)
