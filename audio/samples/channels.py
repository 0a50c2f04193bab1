"""Convert any number of channels to mono or stereo, without clipping."""

from __future__ import annotations

import torch

from ..arrays import MediaError

_HALF_POWER = 0.5**0.5

# ITU-R BS.775-3, table 2: centre and surrounds at -3 dB, no low-frequency channel. Channels are in
# WAVE and FLAC order: FL FR FC LFE BL BR SL SR (7: ... BC SL SR; 4: quad).
_LEFT_AND_RIGHT: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    3: ((1, 0, _HALF_POWER), (0, 1, _HALF_POWER)),
    4: ((1, 0, _HALF_POWER, 0), (0, 1, 0, _HALF_POWER)),
    5: ((1, 0, _HALF_POWER, _HALF_POWER, 0), (0, 1, _HALF_POWER, 0, _HALF_POWER)),
    6: ((1, 0, _HALF_POWER, 0, _HALF_POWER, 0), (0, 1, _HALF_POWER, 0, 0, _HALF_POWER)),
    7: (
        (1, 0, _HALF_POWER, 0, 0.5, _HALF_POWER, 0),
        (0, 1, _HALF_POWER, 0, 0.5, 0, _HALF_POWER),
    ),
    8: (
        (1, 0, _HALF_POWER, 0, _HALF_POWER, 0, _HALF_POWER, 0),
        (0, 1, _HALF_POWER, 0, 0, _HALF_POWER, 0, _HALF_POWER),
    ),
}


def set_channels(waveform: torch.Tensor, channels: int) -> torch.Tensor:
    """`waveform` [..., C, T] as [..., channels, T]; the same tensor if C equals `channels`.

    To mono: the mean of all channels. From mono: copies. From 3 to 8 channels to stereo: the
    downmix of ITU-R BS.775, with weights that sum to 1. MediaError for other numbers of channels.
    """
    have = waveform.shape[-2]
    if have == channels:
        return waveform
    if channels == 1:
        return waveform.mean(dim=-2, keepdim=True)
    if have == 1:
        return waveform.expand(*waveform.shape[:-2], channels, waveform.shape[-1]).contiguous()
    if channels == 2 and have in _LEFT_AND_RIGHT:
        weights = torch.tensor(_LEFT_AND_RIGHT[have], dtype=waveform.dtype, device=waveform.device)
        weights = weights / weights.sum(dim=1, keepdim=True)
        return torch.matmul(weights, waveform)
    raise MediaError(
        f"No standard mixes from {have} to {channels} channels: expected mono or stereo from at "
        "most 8 channels; choose mono, or split the channels first."
    )
