"""The audio file for the player under a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import host

if TYPE_CHECKING:
    import torch


def preview(waveform: torch.Tensor, sample_rate: int) -> list[dict[str, str]]:
    """Write a waveform [channels, samples] to ComfyUI's temp folder as FLAC.

    An empty list means that the file could not be written, for example on a full disk.
    """
    from ..audio.encode import encode
    from ..audio.formats import DEFAULT_QUALITY, Encoding, Format

    path = host.temporary_path(Format.FLAC.extension)
    try:
        encode(waveform, sample_rate, path, Encoding(Format.FLAC, DEFAULT_QUALITY[Format.FLAC]))
    except (OSError, ValueError) as error:
        # The audio output does not need the player's file.
        host.log.warning("The player has no audio: %s", error)
        return []
    return [{"filename": path.name, "subfolder": path.parent.name, "type": "temp"}]
