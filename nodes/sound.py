"""From ComfyUI's AUDIO to samples, and back."""

from __future__ import annotations

import contextlib
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


def keep_origin(made: Any, audio: Any) -> None:
    """Note that `made` was cut out of `audio`: the receipt of a track goes with its music.

    Nothing is noted where the origin of `audio` is not known, or where it is a batch of several.
    """
    from ..audio.samples.origin import provenance_of, remember
    from ..audio.validate import check

    checked = check(audio)
    if len(checked["waveform"]) != 1:
        return
    # The stored file may be gone already. Then the music has no origin.
    with contextlib.suppress(OSError):
        found = provenance_of(checked["waveform"][0], checked["sample_rate"])
        if found is not None:
            remember(made["waveform"], found.source, made["sample_rate"], exact=False)
