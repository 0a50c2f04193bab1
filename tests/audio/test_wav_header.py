"""A WAV whose header contradicts itself is read by the bits of its samples."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import torch

from ...audio.decode import decode
from . import make


def decoded(data: bytes) -> tuple[torch.Tensor, int]:
    return decode(io.BytesIO(data))


@pytest.mark.parametrize(
    ("channels", "bits", "align"),
    [
        (1, 16, 1),
        (2, 16, 2),
        (2, 16, 8),
        (1, 16, 4),
        (2, 16, 3),
        (2, 16, 0),
        (1, 24, 2),
        (2, 24, 4),
        (1, 8, 2),
        (2, 32, 4),
    ],
)
@pytest.mark.parametrize("rate_agrees", [False, True])
def test_a_block_align_that_contradicts_the_bits_is_not_believed(
    channels: int, bits: int, align: int, rate_agrees: bool
) -> None:
    samples = make.on_grid(make.music(0.5, channels=channels), min(bits, 16))
    subtype = "PCM_U8" if bits == 8 else f"PCM_{bits}"
    data = bytearray(make.sound_file(samples, 44100, "WAV", subtype))
    expected, _ = decoded(bytes(data))
    struct.pack_into("<H", data, 32, align)
    if rate_agrees:
        struct.pack_into("<I", data, 28, align * 44100)
    assert torch.equal(decoded(bytes(data))[0], expected)


@pytest.mark.parametrize("bits", [20, 24])
def test_samples_in_wider_places_are_read_from_there(bits: int) -> None:
    """24 bits in 32: block align and byte rate say so, both."""
    values = (np.arange(-500, 500, dtype=np.int32) << 20).astype("<i4")
    data = bytearray(make.wav(values.tobytes(), channels=1, bits=32))
    struct.pack_into("<H", data, 34, bits)
    assert torch.equal(decoded(bytes(data))[0][0], make.tensor((values / 2**31).astype(np.float32)))
