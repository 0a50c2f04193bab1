"""A picture of a whole track: waveform above mel spectrogram, with axes and units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..audio.arrays import MediaError, Samples, check_samples
from ..audio.ffmpeg import ENCODED_RATES, LAYOUTS
from ..audio.plot import GRID, TEXT, Plot, columns_of, font
from ..audio.stopping import looked
from .styles import FLOOR, Spectra, rgb_palette

_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 64, 58, 10, 40, 12
_SMALLEST = 240, 180
_WINDOW = 0.046
"""Seconds of sound in a spectrum."""
_HERTZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)

Box = tuple[int, int, int, int]


def still(
    samples: Samples, sample_rate: int, *, width: int = 1280, height: int = 720
) -> npt.NDArray[np.uint8]:
    """RGB [height, width, 3] of `samples` (float32 [channels, samples]).

    Time in seconds, the waveform at full scale 1.0, frequency in Hz on the mel scale of
    O'Shaughnessy (2595 log10(1 + f / 700)), level in dB below a full-scale sine.
    MediaError for input that cannot be used.
    """
    check_samples(samples, sample_rate, channels=LAYOUTS, rates=ENCODED_RATES)
    if width < _SMALLEST[0] or height < _SMALLEST[1]:
        raise MediaError(
            f"The picture is {width} x {height}: expected {_SMALLEST[0]} x {_SMALLEST[1]} or "
            "more, so that the axes fit."
        )
    seconds = samples.shape[1] / sample_rate
    plot = Plot(width, height, seconds, left=_LEFT, right=_RIGHT)
    image, draw = plot.image, plot.draw
    middle = _TOP + (height - _TOP - _BOTTOM - _GAP) * 2 // 5
    right = width - _RIGHT
    wave: Box = (_LEFT, _TOP, right, middle)
    mel: Box = (_LEFT, middle + _GAP, right, height - _BOTTOM)
    plot.ruler(wave[1], mel[3])
    image.paste(Image.fromarray(_mel_image(samples, sample_rate, mel)), mel[:2])
    _draw_amplitudes(draw, wave)
    plot.wave(columns_of(samples, plot.inner), wave[1], wave[3])
    _draw_hertz(draw, sample_rate, mel)
    _draw_scale(image, draw, mel)
    return plot.pixels()


def _mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return 2595.0 * np.log10(1 + np.asarray(hertz, np.float64) / 700)


def _mel_image(samples: Samples, sample_rate: int, box: Box) -> npt.NDArray[np.uint8]:
    columns, rows = box[2] - box[0], box[3] - box[1]
    spectra = Spectra(samples, sample_rate, max(256, round(_WINDOW * sample_rate)))
    mels = np.linspace(_mel(sample_rate / 2), 0, rows)
    bins = spectra.bins(700 * (10 ** (mels / 2595) - 1))
    low = np.minimum(bins.astype(np.int64), spectra.size // 2 - 1)
    part = (bins - low).astype(np.float32)
    image = np.empty((rows, columns, 3), np.uint8)
    centers = ((np.arange(columns) + 0.5) * samples.shape[1] / columns).astype(np.int64)
    colors = rgb_palette()
    for column in looked(range(columns)):
        levels = spectra.levels(centers[column : column + 1])[0]
        value = levels[low] + (levels[low + 1] - levels[low]) * part
        image[:, column] = colors[np.rint(value * 255).astype(np.uint8)]
    return image


def _draw_amplitudes(draw: ImageDraw.ImageDraw, box: Box) -> None:
    left, top, right, bottom = box
    middle, reach = (top + bottom) / 2, (bottom - top) / 2
    for value in (-1, 0, 1):
        y = round(middle - reach * value)
        draw.line((left, y, right, y), fill=GRID)
        draw.text((left - 6, y), f"{value:+d}"[value == 0 :], TEXT, font(11), anchor="rm")


def _draw_hertz(draw: ImageDraw.ImageDraw, sample_rate: int, box: Box) -> None:
    left, top, _, bottom = box
    above = float(bottom)
    for hertz in _HERTZ:
        y = bottom - float(_mel(hertz) / _mel(sample_rate / 2)) * (bottom - top)
        if hertz > sample_rate / 2 or above - y < 14 or y < top + 14:
            continue
        above = y
        label = f"{hertz // 1000} k" if hertz >= 1000 else str(hertz)
        draw.line((left - 4, y, left, y), fill=TEXT)
        draw.text((left - 6, y), label, TEXT, font(11), anchor="rm")
    draw.text((left - 6, top), "Hz", TEXT, font(11), anchor="ra")


def _draw_scale(image: Image.Image, draw: ImageDraw.ImageDraw, box: Box) -> None:
    """Draw the scale of colours and levels at the right."""
    _, top, right, bottom = box
    shades = rgb_palette()[np.linspace(255, 0, bottom - top).astype(np.uint8)]
    image.paste(Image.fromarray(np.repeat(shades[:, None], 10, axis=1)), (right + 8, top))
    for share, anchor in ((1.0, "la"), (0.5, "lm"), (0.0, "ld")):
        y = bottom - share * (bottom - top)
        label = f"{FLOOR * (1 - share):.0f}" + (" dB" if share == 1 else "")
        draw.text((right + 22, y), label, TEXT, font(11), anchor=anchor)
