"""From ComfyUI's AUDIO to samples, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..music.samples import Samples


def samples_of(audio: Any) -> tuple[Samples, int]:
    """Float32 [channels, samples] of the first item of a batch, and the sample rate in Hz.

    Raises:
        AudioError: it is not AUDIO, or it has NaN, infinity or no samples.
    """
    from ..audio.validate import check

    checked = check(audio)
    return checked["waveform"][0].numpy(), checked["sample_rate"]


def audio_of(samples: Samples, sample_rate: int) -> dict[str, Any]:
    """AUDIO with one item."""
    import torch

    return {"waveform": torch.from_numpy(samples).unsqueeze(0), "sample_rate": sample_rate}
