"""A second opinion on Add Soundtrack: the mix of a clip with music, computed on whole arrays.

It shares with the product the decoder of a clip's sound, the resampler and the loudness of an
array. Gains, fades, the limiter and the tries of mastering are written anew, in float64.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import torch

from ...audio.samples.resample import resample
from ...music.loudness import integrated_loudness
from ...video.clip import open_picture, sound_stream
from ...video.clip_sound import lay_clip_sound
from ...video.length import measure

Array = npt.NDArray[Any]


def mixed(
    clip: Path,
    music: Array,
    rate: int,
    *,
    mix: str,
    level: float = 0.0,
    fade: float = 0.0,
) -> tuple[Array, int]:
    """The mix [channels, samples] before mastering, and its rate."""
    with open_picture(clip) as container:
        picture, stream = measure(container), sound_stream(container)
    if mix == "replace":
        bed = np.zeros((len(music), picture.samples(rate)))
        old = rate
    else:
        with open_picture(clip) as container:
            stream = sound_stream(container)
            assert stream is not None
            old, rate = rate, max(rate, stream.codec_context.sample_rate or 48_000)
            channels = 1 if len(music) == stream.codec_context.layout.nb_channels == 1 else 2
            own = np.zeros((channels, picture.samples(rate)), np.float32)
            lay_clip_sound(container, stream, picture.start, own, rate)
        bed = own.astype(np.float64)
    heard = resample(torch.from_numpy(music), old, rate).double().numpy()
    count = min(bed.shape[1], round(music.shape[1] * rate / old))
    heard = heard[:, :count]
    if mix != "replace":
        heard = heard * 10 ** (level / 20)
    if fade:
        length = min(round(fade * rate), count // 2)
        place = np.minimum(np.arange(count) + 0.5, count - np.arange(count) - 0.5)
        heard = heard * np.sin(np.clip(place / length, 0, 1) * np.pi / 2) ** 2
    bed[:, :count] += heard
    return bed, rate


def mastered(mix: Array, rate: int, loudness: float | None, ceiling: float = -1.0) -> Array:
    """`mix` at `loudness` LUFS, under `ceiling` dBTP."""
    before, peak = loudness_of(mix, rate), peak_of(mix, rate)
    gain = 0.0 if loudness is None else min(loudness - before, 40.0)
    made, slope = limited(mix, rate, gain, peak, ceiling), 1.0
    for _ in range(4):
        missing = 0.0 if loudness is None else loudness - loudness_of(made, rate)
        if abs(missing) <= 0.1:
            break
        last, old = made, gain
        gain = min(gain + missing * slope, 40.0)
        made = limited(mix, rate, gain, peak, ceiling)
        won = loudness_of(made, rate) - loudness_of(last, rate)
        slope = min(max((gain - old) / won, 1.0), 4.0) if won > 0.01 else 4.0
    return made


def limited(mix: Array, rate: int, gain: float, peak: float, ceiling: float) -> Array:
    """`mix` with `gain` dB, and a limiter's gain where its `peak` needs one."""
    out, most = mix * 10 ** (gain / 20), ceiling - 0.1
    if peak + gain <= most:
        return out
    hop = round(0.001 * rate)
    count = -(-out.shape[1] // hop)
    heights = np.abs(finer(out, rate)).max(axis=0)
    wide = hop * (heights.size // out.shape[1])
    heights = np.pad(heights, (0, count * wide - heights.size)).reshape(count, wide).max(axis=1)
    wanted = np.minimum(10 ** ((most - 0.05) / 20) / np.maximum(heights, 1e-9), 1.0)
    gains, now, keep = np.empty(count), 1.0, math.exp(-0.001 / 0.08)
    for index, value in enumerate(wanted):
        now = gains[index] = min(value, 1 - (1 - now) * keep)
    if gains.min() < 1:
        lowest = scipy.ndimage.minimum_filter1d(gains, 15, mode="nearest")
        window = np.hanning(15)[1:-1]
        smooth = scipy.ndimage.convolve1d(lowest, window / window.sum(), mode="nearest")
        out = out * np.interp(np.arange(out.shape[1]), (np.arange(count) + 0.5) * hop, smooth)
    excess = peak_of(out, rate) - (most - 0.05)
    return out * 10 ** (-excess / 20) if excess > 0.05 else out


def loudness_of(sound: Array, rate: int) -> float:
    return integrated_loudness(sound.astype(np.float32), rate)


def peak_of(sound: Array, rate: int) -> float:
    return 20 * math.log10(np.abs(finer(sound, rate)).max())


def finer(sound: Array, rate: int) -> Array:
    """`sound` at four times its rate, or more: at least 176.4 kHz."""
    factor = max(1, -(-176_400 // rate))
    return resample(torch.from_numpy(sound.astype(np.float32)), rate, rate * factor).numpy()
