"""The picture of an audio file. The file is decoded block by block, so its length costs no memory.

All formats are decoded by FFmpeg. Some hundredths of a second of padding do not show in a picture.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from ..files.sniff import SNIFF_BYTES
from .arrays import MediaError, check_sample_rate
from .codecs.libav_reader import av_blocks
from .containers.source import Source
from .containers.text import refuse_text
from .samples.envelope import Envelope
from .samples.picture import draw_envelope


def draw_file(file: BinaryIO, *, max_minutes: float, width: int, height: int) -> bytes:
    """PNG bytes of the waveform of `file`, a complete seekable binary file; see `draw_envelope`.

    Raises:
        MediaError: the file cannot be decoded, or is longer than `max_minutes`.
    """
    source = Source(file)
    refuse_text(source.bytes_at(0, SNIFF_BYTES))
    envelope, sample_rate = Envelope(), 1
    for block, rate in av_blocks(source):
        sample_rate = check_sample_rate(rate)
        if not np.isfinite(block).all():
            raise MediaError(
                "The file has NaN or infinity among its samples: expected finite numbers; fix what "
                "produced this audio."
            )
        envelope.add(block)
        if envelope.frames > max_minutes * 60 * sample_rate:
            raise MediaError(
                f"The audio is longer than {max_minutes:g} minutes, so it is not drawn: raise the "
                "limit (max_audio_minutes)."
            )
    return draw_envelope(envelope, sample_rate, width=width, height=height)
