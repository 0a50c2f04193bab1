"""The picture of a waveform, or of an audio file.

A file is decoded block by block, so memory does not grow with its length. FFmpeg decodes all
formats: a picture does not show some hundredths of a second of padding.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import torch

from ..files.sniff import SNIFF_BYTES
from .arrays import MediaError, check_sample_rate
from .codecs.libav_reader import av_blocks
from .containers.not_audio import refuse_text
from .containers.source import Source
from .plot import RULER_HEIGHT, Plot
from .samples.envelope import Columns, Envelope


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


def draw_waveform(
    waveform: torch.Tensor, sample_rate: int, *, width: int = 1200, height: int = 240
) -> bytes:
    """PNG bytes of `waveform` (float32 [C, T]); see `draw_envelope`.

    MediaError if `waveform` has another shape or no samples.
    """
    if waveform.ndim != 2 or 0 in waveform.shape:
        raise MediaError(
            f"A waveform of the shape {list(waveform.shape)} cannot be drawn: expected [channels, "
            "samples] with at least one of each; pass one item of the batch."
        )
    envelope = Envelope()
    envelope.add(waveform.detach().cpu().float().numpy())
    return draw_envelope(envelope, check_sample_rate(sample_rate), width=width, height=height)


def draw_envelope(envelope: Envelope, sample_rate: int, *, width: int, height: int) -> bytes:
    """PNG bytes of a waveform, `width` x `height` pixels.

    Each column shows the lowest and highest sample and, brighter, the root mean square. Its ends
    are red above full scale. The time axis is at the bottom. MediaError if there are no samples.
    """
    if not envelope.frames:
        raise MediaError("The file holds no samples: there is nothing to draw.")
    plot = Plot(width, height, envelope.frames / sample_rate)
    bottom = height - RULER_HEIGHT
    plot.ruler(0, bottom)
    columns = envelope.columns(width)
    count = len(columns.low)
    for index, lane in enumerate(zip(*columns, strict=True)):
        top, end = bottom * index // count, bottom * (index + 1) // count
        plot.wave(Columns(*lane), top + 3, end - 3, shows_over=True)
    return plot.png()
