"""Layers: a track cut into drums, low sounds and the rest, for a game that fades them.

The three add up to the track. Soft masks over a short-time Fourier transform take the drums and
the low sounds; the rest is what they leave.

D. Fitzgerald, "Harmonic/percussive separation using median filtering" (DAFx 2010): a drum stroke
is steady from bin to bin, and a tone is steady from frame to frame. The masks are those of Wiener
filters. All channels share one mask, so that the stereo image stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Curve, Floats, MediaError, Samples, blocks, check_samples, rms
from ..audio.stopping import looked
from .analysis import Frames
from .methods import CROSSOVER, CROSSOVERS, LAYERS

_WINDOW_SECONDS = 0.043
_OVERLAP = 2
_FRAMES_APART, _BINS_APART = 1, 2
"""Nine frames, and nine bins of 17, count for a median: 0.2 s, and 400 Hz."""
_STEEP = 8
"""Power of the crossover: 24 dB an octave."""
_FRAMES = 256
"""Frames transformed at a time."""
_REACH, _REACH_OF_BINS = 4 * _FRAMES_APART, 4 * _BINS_APART
"""Frames, and bins, on each side that a median looks at."""
_SEAM_SECONDS = 0.02
_CONTROL_SECONDS = 0.001
_AHEAD = 6
"""Gains on each side of a peak that are lowered with it."""
_FLOOR = 1e-20


class LayeredTrack(NamedTuple):
    """Layers of a track, each float32 [channels, n]. Their sum is the track."""

    drums: Samples
    low: Samples
    rest: Samples
    error: float
    """The largest difference between the sum and the track, in dBFS; -inf for none."""

    @property
    def all(self) -> tuple[Samples, Samples, Samples]:
        """The samples in the order of LAYERS."""
        return self.drums, self.low, self.rest

    @property
    def report(self) -> str:
        """The level of each layer, and how exact their sum is."""
        levels = [rms(layer) for layer in self.all]
        if not any(levels):
            return "The track is silent, and so are its layers."
        shown = (
            f"{name} {20 * math.log10(level):.1f} dB" if level else f"{name} silent"
            for name, level in zip(LAYERS, levels, strict=True)
        )
        exact = "exactly" if self.error == -math.inf else f"but for {self.error:.0f} dBFS"
        return f"Levels (RMS): {', '.join(shown)}. The layers add up to the track {exact}."


def cut_layers(
    samples: Samples,
    sample_rate: int,
    *,
    crossover: float = CROSSOVER,
    loop: tuple[int, int] | None = None,
) -> LayeredTrack:
    """Cut a track, float32 [channels, n], into LAYERS of the same shape.

    Args:
        crossover: Hz. Below it all sounds that are no drums are the low layer.
        loop: (first sample, end) of a loop that ends the track. The layers loop there too.

    No layer has a higher peak than full scale, or than the track if that is higher: a file holds
    them. MediaError for samples, a crossover or a loop that is out of range.

    >>> tone = np.sin(np.arange(48000) / 5).astype(np.float32)[None]
    >>> made = cut_layers(tone, 48000)
    >>> float(np.abs(sum(made.all) - tone).max()) < 1e-6, rms(made.rest) > 0.9 * rms(tone)
    (True, True)
    """
    check_samples(samples, sample_rate)
    least, most = CROSSOVERS
    if not least <= crossover <= most:
        raise MediaError(
            f"The crossover is {crossover:g} Hz: expected {least:g} to {most:g} Hz, such as "
            f"{CROSSOVER:g}."
        )
    total = samples.shape[1]
    if loop is not None and not 0 <= loop[0] < loop[1] == total:
        raise MediaError(
            f"The loop is from sample {loop[0]} to {loop[1]} of {total}: expected a loop that ends "
            "where the track ends; connect the audio and the loop of one node."
        )
    ahead = min(round(_SEAM_SECONDS * sample_rate), loop[1] - loop[0]) if loop else 0
    whole = _Extended(samples, loop)
    drums, low = _masked(whole, sample_rate, total + ahead, crossover)
    gain = _gain(whole, drums, low, sample_rate)
    if gain is not None:
        for start, block in blocks(drums):
            curve = gain.between(start, start + block.shape[1])
            block *= curve
            low[:, start : start + block.shape[1]] *= curve
    if loop is not None:
        drums, low = (_turned(layer, loop, ahead) for layer in (drums, low))
    rest, error = np.empty_like(samples), 0.0
    for start, block in blocks(samples):
        part = slice(start, start + block.shape[1])
        rest[:, part] = block - (drums[:, part] + low[:, part])
        sums = drums[:, part] + low[:, part] + rest[:, part]
        error = max(error, float(np.abs(sums - block).max()))
    return LayeredTrack(drums, low, rest, 20 * math.log10(error) if error else -math.inf)


class _Extended:
    """A track that goes on before its first sample and after its last one: a loop with itself,
    other music with its mirror image."""

    def __init__(self, samples: Samples, loop: tuple[int, int] | None) -> None:
        self.samples, self._loop = samples, loop

    def part(self, start: int, stop: int) -> Samples:
        """[channels, stop - start]; `start` may be negative."""
        total = self.samples.shape[1]
        if start >= 0 and stop <= total:
            return self.samples[:, start:stop]
        places = np.arange(start, stop)
        first, end = self._loop or (total, total)
        mirrored = np.minimum(places % (2 * total), -(places + 1) % (2 * total))
        if end > first:
            looped = np.where(places < end, places, first + (places - first) % (end - first))
            places = np.where(places < 0, places % end if not first else mirrored, looped)
        else:
            places = mirrored
        return self.samples[:, places]


def _masked(
    whole: _Extended, sample_rate: int, length: int, crossover: float
) -> tuple[Samples, Samples]:
    """The drums and the low sounds, [channels, length] each."""
    window = 1 << max(5, round(math.log2(_WINDOW_SECONDS * sample_rate)))
    hop, channels = window // _OVERLAP, whole.samples.shape[0]
    # The squares of the windows that overlap add up to 1.
    shape = np.sin(np.pi * (np.arange(window) + 0.5) / window).astype(np.float32)
    lowest = 1 / (1 + (np.arange(window // 2 + 1) * sample_rate / window / crossover) ** _STEEP)
    below = lowest.astype(np.float32)
    made = np.zeros((2, channels, length), np.float32)
    count = -(-length // hop) + _OVERLAP - 1
    for first in looked(range(0, count, _FRAMES)):
        last = min(first + _FRAMES, count)
        # Frame k begins at sample (k + 1) * hop - window.
        begin = (first - _REACH + 1) * hop - window
        source = whole.part(begin, begin + (last - first + 2 * _REACH - 1) * hop + window)
        frames = np.lib.stride_tricks.sliding_window_view(source, window, axis=1)[:, ::hop]
        spectra = np.fft.rfft(frames * shape, axis=2).astype(np.complex64, copy=False)
        mask = _drum_mask(spectra)
        spectra = spectra[:, _REACH:-_REACH]
        for index, part in enumerate((mask, (1 - mask) * below)):
            heard = np.fft.irfft(spectra * part, window, axis=2).astype(np.float32, copy=False)
            heard *= shape
            _add(made[index], heard, (first + 1) * hop - window, hop)
    return made[0], made[1]


def _drum_mask(spectra: npt.NDArray[np.complex64]) -> Frames:
    """[frames, bins] the share of the drums, from 0 to 1, of [channels, frames + 2 reach, bins]."""
    power = (spectra.real**2 + spectra.imag**2).sum(axis=0)
    tones = _median(power, 0, _FRAMES_APART)
    edges = (0, 0), (_REACH_OF_BINS, _REACH_OF_BINS)
    strokes = _median(np.pad(power[_REACH:-_REACH], edges, "reflect"), 1, _BINS_APART)
    return np.divide(strokes, strokes + tones + np.float32(_FLOOR))


def _median(rows: Frames, axis: int, apart: int) -> Frames:
    """The median of nine values, `apart` from each other, around each; shorter by four times that
    at both ends.

    Nine values are three sorted triples: their median is that of the highest low one, the middle
    of the middle ones, and the lowest high one. Neighbours share their triples.
    """

    def three(values: Frames, step: int) -> list[Frames]:
        size, whole = values.shape[axis] - 2 * step, (slice(None),) * axis
        return [values[(*whole, slice(at, at + size))] for at in (0, step, 2 * step)]

    def middle(one: Frames, two: Frames, third: Frames) -> Frames:
        return np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), third))

    one, two, third = three(rows, apart)
    small, large = np.minimum(one, two), np.maximum(one, two)
    low, high = np.minimum(small, third), np.maximum(large, third)
    mid = np.maximum(small, np.minimum(large, third))
    lows, mids, highs = (three(values, 3 * apart) for values in (low, mid, high))
    return middle(
        np.maximum(np.maximum(lows[0], lows[1]), lows[2]),
        middle(*mids),
        np.minimum(np.minimum(highs[0], highs[1]), highs[2]),
    )


def _add(target: Samples, frames: Samples, start: int, hop: int) -> None:
    """Add frames [channels, k, window], `hop` apart, to `target`; the first begins at `start`."""
    channels, count, window = frames.shape
    total = np.zeros((channels, count - 1 + window // hop, hop), np.float32)
    for index in range(window // hop):
        total[:, index : index + count] += frames[:, :, index * hop : (index + 1) * hop]
    flat = total.reshape(channels, -1)
    stop = min(start + flat.shape[1], target.shape[1])
    begin = max(start, 0)
    if stop > begin:
        target[:, begin:stop] += flat[:, begin - start : stop - start]


def _gain(whole: _Extended, drums: Samples, low: Samples, sample_rate: int) -> Curve | None:
    """The gain of drums and low sounds under which no layer is louder than a file holds; None if
    they need none. What it takes away goes to the rest."""
    hop = max(1, round(_CONTROL_SECONDS * sample_rate))
    most = np.float32(max(1.0, -float(whole.samples.min()), float(whole.samples.max())))
    wanted = np.concatenate(list(_wanted(whole, drums, low, hop, most)))
    if wanted.min() >= 1:
        return None
    held = np.pad(wanted, 2 * _AHEAD + 1, "edge")
    held = np.lib.stride_tricks.sliding_window_view(held, 2 * _AHEAD + 3).min(axis=1)
    shape = np.hanning(2 * _AHEAD + 3)[1:-1]
    return Curve(np.convolve(held, shape / shape.sum(), "valid"), hop)


def _wanted(
    whole: _Extended, drums: Samples, low: Samples, hop: int, most: np.float32
) -> Iterator[Floats]:
    """The largest gains, one each `hop` samples, that keep all layers from -`most` to `most`."""
    size = hop << 6
    for start, block in blocks(drums, size):
        stop = start + block.shape[1]
        both = block + low[:, start:stop]
        track = whole.part(start, stop)
        loudest = np.maximum(np.abs(block), np.abs(low[:, start:stop]))
        # The rest is track - gain * both.
        room = most + np.where(both > 0, track, -track)
        size_of_both = np.maximum(np.abs(both), np.float32(_FLOOR))
        gain = np.minimum(most / np.maximum(loudest, most), room / size_of_both)
        gain = np.minimum(gain, 1.0).min(axis=0)
        gain = np.pad(gain, (0, -gain.size % hop), constant_values=1.0)
        yield gain.reshape(-1, hop).min(axis=1).astype(np.float64)


def _turned(layer: Samples, loop: tuple[int, int], ahead: int) -> Samples:
    """The layer without the samples after its loop's end, which lead on to the loop's start.

    The start was made beside other music. Its difference fades in, mirrored, before the end.
    """
    start, end = loop
    off = layer[:, start : start + ahead] - layer[:, end:]
    fade = np.cos(np.linspace(0, np.pi / 2, ahead, endpoint=False, dtype=np.float32)) ** 2
    layer = layer[:, :end].copy()
    layer[:, end - ahead :] += (off * fade)[:, ::-1]
    return layer
