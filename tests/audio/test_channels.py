"""Channels are mixed by known rules, and never above full scale."""

from __future__ import annotations

import pytest
import torch

from ...audio.arrays import MediaError
from ...audio.samples.channels import set_channels


def test_the_same_count_is_the_same_tensor() -> None:
    waveform = torch.zeros(1, 2, 4)
    assert set_channels(waveform, 2) is waveform


def test_mono_is_the_average() -> None:
    waveform = torch.tensor([[[1.0, 0.5], [0.0, -0.5]]])
    assert set_channels(waveform, 1).tolist() == [[[0.5, 0.0]]]


def test_stereo_from_mono_is_two_copies() -> None:
    stereo = set_channels(torch.tensor([[0.25, -1.0]]), 2)
    assert stereo.tolist() == [[0.25, -1.0], [0.25, -1.0]]
    assert stereo.is_contiguous()


@pytest.mark.parametrize("channels", range(3, 9))
def test_surround_cannot_clip(channels: int) -> None:
    waveform = torch.ones(channels, 3)
    assert set_channels(waveform, 2).max() <= 1.0
    assert set_channels(waveform, 1).max() <= 1.0


def test_surround_sound_goes_where_it_belongs() -> None:
    names = ["FL", "FR", "FC", "LFE", "BL", "BR"]
    left, right = set_channels(torch.eye(6), 2)
    heard = dict(zip(names, zip(left.tolist(), right.tolist(), strict=True), strict=True))
    assert heard["LFE"] == (0, 0)
    assert heard["FL"][0] > heard["BL"][0] > heard["FL"][1] == 0
    assert heard["FR"][1] > heard["BR"][1] > heard["FR"][0] == 0
    assert heard["FC"][0] == heard["FC"][1] > 0


def test_what_has_no_standard_way_is_refused() -> None:
    with pytest.raises(MediaError, match="from 9 to 2"):
        set_channels(torch.zeros(9, 2), 2)
