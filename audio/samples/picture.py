"""A waveform as a picture."""

from __future__ import annotations

import io

import torch
from PIL import Image, ImageDraw, ImageFont

from ..arrays import MediaError, check_sample_rate
from .envelope import Columns, Envelope

_BACKGROUND = (24, 26, 31)
_GRID = (46, 49, 57)
_AXIS = (142, 148, 160)
_PEAK = (62, 116, 168)
_LOUD = (122, 184, 236)
_OVER = (232, 92, 84)

_AXIS_HEIGHT = 22
_OVER_PIXELS = 4
_LABEL_SPACING = 110
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def draw_waveform(
    waveform: torch.Tensor, sample_rate: int, *, width: int = 1200, height: int = 240
) -> bytes:
    """PNG bytes of `waveform` (float32 [C, T]); see `draw_envelope`.

    MediaError for another shape or no samples.
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
    are red above full scale. The time axis is at the bottom. MediaError for no samples.
    """
    if not envelope.frames:
        raise MediaError("The file holds no samples: there is nothing to draw.")
    image = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    bottom = height - _AXIS_HEIGHT
    _draw_time(draw, envelope.frames / sample_rate, width, bottom)
    columns = envelope.columns(width)
    count = len(columns.low)
    for index, lane in enumerate(zip(*columns, strict=True)):
        top, end = bottom * index // count, bottom * (index + 1) // count
        _draw_lane(draw, Columns(*lane), (top + end) / 2, (end - top) / 2 - 3)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _draw_lane(draw: ImageDraw.ImageDraw, lane: Columns, middle: float, reach: float) -> None:
    draw.line((0, middle, len(lane.low), middle), fill=_GRID)
    for x, (low, high, loud) in enumerate(zip(*(each.tolist() for each in lane), strict=True)):
        top, bottom = middle - reach * min(high, 1), middle - reach * max(low, -1)
        _draw_column(draw, x, top, bottom, _PEAK)
        if low < 0 < high:
            inner = reach * min(loud, -low, high, 1)
            _draw_column(draw, x, middle - inner, middle + inner, _LOUD)
        if high > 1:
            _draw_column(draw, x, top, top + _OVER_PIXELS, _OVER)
        if low < -1:
            _draw_column(draw, x, bottom - _OVER_PIXELS, bottom, _OVER)


def _draw_column(
    draw: ImageDraw.ImageDraw, x: int, top: float, bottom: float, color: tuple[int, int, int]
) -> None:
    draw.line((x, round(top), x, round(bottom)), fill=color)


def _draw_time(draw: ImageDraw.ImageDraw, duration: float, width: int, bottom: int) -> None:
    wanted = duration * _LABEL_SPACING / width
    step = next((step for step in _STEPS if step >= wanted), wanted)
    font = ImageFont.load_default()
    for index in range(int(duration / step) + 1):
        x = round(index * step / duration * width)
        draw.line((x, 0, x, bottom + 5), fill=_GRID)
        label = _clock(index * step, step)
        if x + 4 + draw.textlength(label, font=font) <= width:
            draw.text((x + 4, bottom + 5), label, fill=_AXIS, font=font)


def _clock(seconds: float, step: float) -> str:
    if step < 1:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
