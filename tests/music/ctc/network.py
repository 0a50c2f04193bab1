"""A CTC network of 0.3 million weights that hears espeak-ng's English: log-mel to letters."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

RATE = 16_000
LABELS = ("-", "|", *"abcdefghijklmnopqrstuvwxyz'")
"""The blank, the end of a word, and the letters."""
WEIGHTS = Path(__file__).with_name("weights.pt")
_HOP, _WINDOW, _BANDS = 160, 400, 40
_CHANNELS = 112
_DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)


class SmallCtc(nn.Module):
    """Waveforms [B, T] at 16 kHz to logits [B, T // 320, 29], frames of 20 ms."""

    banks: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        banks = melscale_fbanks(_WINDOW // 2 + 1, 60.0, RATE / 2, _BANDS, RATE)
        self.register_buffer("banks", banks, persistent=False)
        self.register_buffer("window", torch.hann_window(_WINDOW), persistent=False)
        self.front = nn.Conv1d(_BANDS, _CHANNELS, 5, stride=2, padding=2)
        self.blocks = nn.ModuleList(_Block(dilation) for dilation in _DILATIONS)
        self.out = nn.Conv1d(_CHANNELS, len(LABELS), 1)

    def forward(self, waveforms: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, None]:
        del lengths
        spectrum = torch.stft(
            waveforms, _WINDOW, _HOP, window=self.window, center=True, return_complex=True
        )
        power = spectrum.real**2 + spectrum.imag**2
        mel = torch.einsum("bft,fm->bmt", power, self.banks)
        mel = torch.log(mel + 1e-6)
        mel = mel - mel.mean(dim=(1, 2), keepdim=True)
        x = self.front(mel[:, :, : waveforms.shape[1] // _HOP] / 4)
        for block in self.blocks:
            x = block(x)
        return self.out(x).transpose(1, 2), None


class _Block(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, _CHANNELS)
        self.wide = nn.Conv1d(_CHANNELS, _CHANNELS, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.wide(self.norm(x)))


def small_ctc() -> SmallCtc:
    """The network with its weights, which the file has in half precision."""
    network = SmallCtc()
    saved = torch.load(WEIGHTS, weights_only=True)
    network.load_state_dict({name: value.float() for name, value in saved.items()})
    return network.eval()
