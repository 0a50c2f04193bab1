"""The picture shows where sound is."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ...audio.arrays import MediaError
from ...audio.draw import draw_waveform


def pixels(waveform: torch.Tensor, sample_rate: int = 1000, **size: int):
    png = draw_waveform(waveform, sample_rate, **size)
    assert png.startswith(b"\x89PNG")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def lit(image) -> int:
    """The tallest column of blue pixels; silence is one pixel high."""
    return int(((image[..., 2] - image[..., 0]) > 50).sum(axis=0).max())


@pytest.mark.parametrize(("width", "height"), [(1200, 240), (300, 80)])
def test_it_has_the_size_asked_for(width: int, height: int) -> None:
    image = pixels(torch.zeros(2, 5000), width=width, height=height)
    assert image.shape == (height, width, 3)


def test_sound_is_drawn_where_it_is() -> None:
    waveform = torch.zeros(1, 10_000)
    waveform[:, 5000:] = torch.sin(torch.arange(5000.0)) * 0.9
    image = pixels(waveform, width=200, height=100)
    assert lit(image[:, :95]) == 1
    assert lit(image[:, 105:]) > 50


def test_stereo_has_two_lanes() -> None:
    waveform = torch.zeros(2, 10_000)
    waveform[1] = torch.sin(torch.arange(10_000.0)) * 0.9
    image = pixels(waveform, width=200, height=122)
    assert lit(image[:48]) == 1
    assert lit(image[52:]) > 30


def test_what_exceeds_full_scale_is_red() -> None:
    waveform = torch.sin(torch.arange(10_000.0))[None] * 2
    image = pixels(waveform, width=200, height=100)
    assert ((image[..., 0] - image[..., 2]) > 100).any()
    quiet = pixels(waveform / 4, width=200, height=100)
    assert not ((quiet[..., 0] - quiet[..., 2]) > 100).any()


@pytest.mark.parametrize("frames", [1, 7, 1000, 1_000_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_length_and_channel_count(frames: int, channels: int) -> None:
    assert pixels(torch.full((channels, frames), 0.5), 44100, width=100, height=60).any()


def test_another_shape_is_refused() -> None:
    with pytest.raises(MediaError, match="shape"):
        draw_waveform(torch.zeros(1, 2, 9), 44100)
