"""What the player under a node plays: a small file of audio that a node made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import host

if TYPE_CHECKING:
    import torch


def preview(waveform: torch.Tensor, sample_rate: int) -> list[dict[str, str]]:
    """Write a waveform [channels, samples] to ComfyUI's temp folder; none where the disk is full.

    FLAC at 16 bits holds it as it is heard.
    """
    from ..audio.encode import encode
    from ..audio.formats import DEFAULT_QUALITY, Encoding, Format

    path = host.temporary_path(Format.FLAC.extension)
    try:
        encode(waveform, sample_rate, path, Encoding(Format.FLAC, DEFAULT_QUALITY[Format.FLAC]))
    except (OSError, ValueError) as error:
        # The audio itself goes on; only its player is missing.
        host.log.warning("The player has no audio: %s", error)
        return []
    return [{"filename": path.name, "subfolder": path.parent.name, "type": "temp"}]
