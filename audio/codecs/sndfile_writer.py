"""Encoding through libsndfile: FLAC, WAV and Ogg Vorbis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import numpy.typing as npt
import soundfile

from ..containers.ogg_tags import OggTagger
from ..containers.tagged_file import FilePart
from ..formats import Encoding, Format
from ..samples.outgoing import Outgoing, made_ahead
from ..samples.quantize import Quantizer
from ..stopping import looked

_RIFF_MAX_BYTES = (1 << 32) - (1 << 16)
"""Above this size the 32-bit lengths of a WAV overflow: the file becomes RF64."""
_FLAC_LEVEL = 0.5
"""libFLAC's level 4 of 8: a thousandth larger than its default 5, and a tenth faster."""
_VORBIS_BEST = 10
"""The highest number of Vorbis' qualities."""
_SUBTYPES = {Format.WAV: "FLOAT", Format.OGG: "VORBIS"}


def write_sndfile(outgoing: Outgoing, file: FilePart | OggTagger, encoding: Encoding) -> None:
    """Encode `outgoing` into `file`. soundfile.SoundFileError if libsndfile cannot write it."""
    bits = int(encoding.quality.split()[0]) if encoding.quality.endswith("bit") else 0
    blocks: Iterator[npt.NDArray[Any]]
    if bits:
        quantizer = Quantizer(bits)
        blocks = (quantizer.integers(block) for block in outgoing.blocks())
    else:
        blocks = (block.T for block in outgoing.blocks())
    with soundfile.SoundFile(
        cast(BinaryIO, file),
        "w",
        outgoing.target,
        outgoing.channels,
        format=_container(outgoing, encoding.format, bits or 32),
        subtype=f"PCM_{bits}" if bits else _SUBTYPES[encoding.format],
        compression_level=_level(encoding),
    ) as sound:
        for block in looked(made_ahead(blocks)):
            sound.write(block)


def _level(encoding: Encoding) -> float | None:
    """libsndfile's compression level, 0 to 1; for Vorbis, 0 is the best quality."""
    if encoding.format is Format.OGG:
        return 1 - int(encoding.quality.split()[1]) / _VORBIS_BEST
    return _FLAC_LEVEL if encoding.format is Format.FLAC else None


def _container(outgoing: Outgoing, format: Format, bits: int) -> str:
    """libsndfile's name for the container."""
    if format is Format.WAV:
        if outgoing.frames * outgoing.channels * bits // 8 > _RIFF_MAX_BYTES:
            return "RF64"
        if outgoing.channels > 2:
            return "WAVEX"
    return format.value.upper()
