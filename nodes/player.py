"""What the player under a node plays.

ComfyUI counts each object in a list of a node's ui output as an output of the job, so a file that
is only heard is named by text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import host

if TYPE_CHECKING:
    import torch


def heard(*files: Mapping[str, str]) -> dict[str, list[str]]:
    """The ui output that plays files: tracks of the ledger, or files that ComfyUI serves."""
    return {"aigateway_audio": [json.dumps(file) for file in files]}


def preview(waveform: torch.Tensor, sample_rate: int) -> dict[str, list[str]]:
    """The ui output that plays a waveform [channels, samples]; nothing where the disk is full.

    It is written to ComfyUI's temp folder: FLAC at 16 bits holds it as it is heard.
    """
    from ..audio.encode import encode
    from ..audio.formats import DEFAULT_QUALITY, Encoding, Format

    path = host.temporary_path(Format.FLAC.extension)
    try:
        encode(waveform, sample_rate, path, Encoding(Format.FLAC, DEFAULT_QUALITY[Format.FLAC]))
    except (OSError, ValueError) as error:
        # The audio output does not need the player's file.
        host.log.warning("The player has no audio: %s", error)
        return heard()
    return heard({"filename": path.name, "subfolder": path.parent.name, "type": "temp"})
