"""Features for beats, bars, joins and values per frame, from one pass over the samples.

The samples are mixed to one channel at 24 kHz. Onsets and levels come from a short window, 100
times a second. Harmony and timbre come from a long window, 25 times a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module, metadata
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..audio.arrays import Floats, MediaError, Samples, check_samples, rms
from ..audio.samples.resample import mono_blocks
from ..audio.stopping import looked
from .products import product

RATE = 24_000
"""Hz."""
HOP = 240
FRAMES_PER_SECOND = RATE // HOP
"""Frame rate of `onsets`, `bands` and `flux`."""
WINDOW = 1024

COARSE_HOP = 960
COARSE_PER_SECOND = RATE // COARSE_HOP
"""Frame rate of `chroma` and `timbre`."""
COARSE_WINDOW = 4096

MEL_BANDS = 40
SPECTRA_PER_SECOND = 50
"""Frame rate of `spectrum`."""
TIMBRE_BANDS = 20
BASS, MIDDLE, HIGHS = range(3)
"""Rows of `bands` and `flux`: below 200 Hz, between, above 4 kHz."""
EDGES = (200.0, 4000.0)

_COMPRESSION = 30.0
"""c in log(1 + c x), which reaches about 30 dB below the track's mean level."""
_CHUNK = 512
"""Frames transformed at a time."""

Frames = npt.NDArray[np.float32]


class Analysis(NamedTuple):
    """Features of a track, float32, row 0 centred on second 0."""

    seconds: float
    onsets: Frames
    """[n] rise of the log-mel spectrum, mean over its bands, 100 a second."""
    flux: Frames
    """[3, n] the same rise in bass, middle and highs."""
    bands: Frames
    """[3, n] power in bass, middle and highs, 100 a second."""
    chroma: Frames
    """[m, 12] magnitude by pitch class from C, 25 a second."""
    timbre: Frames
    """[m, 20] log-mel spectrum relative to the track's level, 25 a second."""
    silent: bool
    spectrum: npt.NDArray[np.float16]
    """[k, 40] log-mel spectrum relative to the track's level, 50 a second."""


def analyse(samples: Samples, sample_rate: int, level: float | None = None) -> Analysis:
    """Features of planar float32 [channels, samples]. MediaError for a shape or rate out of range.

    The features are relative to `level`, an RMS; without it, to the RMS of the samples.

    Memory: about 30 MB for each hour, for any number of channels.
    """
    check_samples(samples, sample_rate)
    level = rms(samples) if level is None else level
    seconds = samples.shape[1] / sample_rate
    count = int(seconds * FRAMES_PER_SECOND) + 1
    coarse = int(seconds * COARSE_PER_SECOND) + 1
    onsets = np.zeros(count, np.float32)
    flux = np.zeros((3, count), np.float32)
    bands = np.zeros((3, count), np.float32)
    chroma = np.zeros((coarse, 12), np.float32)
    timbre = np.zeros((coarse, TIMBRE_BANDS), np.float32)
    spectrum = np.zeros(((count + 1) // 2, MEL_BANDS), np.float16)
    silent = level < 1e-6
    if not silent:
        short = _Short(onsets, flux, bands, spectrum, level)
        long = _Long(chroma, timbre, level)
        for block in _padded(mono_blocks(samples, sample_rate, RATE)):
            short.feed(block)
            long.feed(block)
    return Analysis(seconds, onsets, flux, bands, chroma, timbre, silent, spectrum)


def even_chroma(chroma: Frames) -> Frames:
    """Chroma [m, 12] of about length 1; a frame of a low level has less."""
    chroma = np.log1p(chroma)
    length = np.linalg.norm(chroma, axis=1, keepdims=True)
    return chroma / (length + 0.3 * length.mean() + 1e-9)


def change_of(chroma: Frames, reach: int) -> Floats:
    """[m] distance between the means of `reach` frames before and after each frame of [m, 12]."""
    sums = np.cumsum(np.pad(chroma, ((reach + 1, reach), (0, 0)), "edge"), axis=0, dtype=np.float64)
    middle = np.arange(chroma.shape[0]) + reach
    change = sums[middle + reach] - 2 * sums[middle] + sums[middle - reach]
    return np.linalg.norm(change, axis=1) / reach


def _padded(blocks: Iterator[Samples]) -> Iterator[Samples]:
    yield from blocks
    yield np.zeros(COARSE_WINDOW, np.float32)


class _Frames:
    """Cuts blocks into windows that are centred on multiples of the hop."""

    def __init__(self, window: int, hop: int) -> None:
        self._hop = hop
        self._shape = np.hanning(window + 1)[:-1].astype(np.float32)
        self._rest = np.zeros(window // 2, np.float32)
        self._done = 0

    def spectra(self, block: Samples, end: int) -> Iterator[tuple[int, Frames]]:
        """Yield (first frame, power [k, bins]) of the complete frames below `end`."""
        window = self._shape.shape[0]
        data = np.concatenate((self._rest, block))
        whole = max(0, (data.shape[0] - window) // self._hop + 1)
        whole = min(whole, max(0, end - self._done))
        if whole:
            frames = np.lib.stride_tricks.sliding_window_view(data, window)[:: self._hop]
            for start in looked(range(0, whole, _CHUNK)):
                part = frames[start : min(start + _CHUNK, whole)] * self._shape
                spectrum = np.fft.rfft(part, axis=1)
                power = spectrum.real**2 + spectrum.imag**2
                yield self._done + start, power.astype(np.float32, copy=False)
        self._done += whole
        self._rest = data[whole * self._hop :]


class _Short:
    def __init__(
        self,
        onsets: Frames,
        flux: Frames,
        bands: Frames,
        spectrum: npt.NDArray[np.float16],
        level: float,
    ) -> None:
        self._cut = _Frames(WINDOW, HOP)
        self._onsets, self._flux, self._bands = onsets, flux, bands
        self._spectrum = spectrum
        self._last: Frames | None = None
        self._scale = _COMPRESSION / (level * WINDOW / 4)
        self._gain = np.float32(8 / (3 * WINDOW * WINDOW))  # Parseval with a Hann window

    def feed(self, block: Samples) -> None:
        mel, split = mel_filters(WINDOW, MEL_BANDS), _band_of_mel()
        sums = _band_edges()
        for start, power in self._cut.spectra(block, self._onsets.shape[0]):
            end = start + power.shape[0]
            cumulative = np.add.reduceat(power, sums, axis=1)
            self._bands[:, start:end] = cumulative.T * self._gain * 2
            log = np.log1p(product(np.sqrt(power), mel) * self._scale)
            first = log[:1] if self._last is None else self._last
            rise = np.maximum(np.diff(log, axis=0, prepend=first), 0)
            self._last = log[-1:]
            even = log[start % 2 :: 2]
            self._spectrum[(start + 1) // 2 :][: even.shape[0]] = even
            self._onsets[start:end] = rise.mean(axis=1)
            self._flux[:, start:end] = product(rise, split).T


class _Long:
    def __init__(self, chroma: Frames, timbre: Frames, level: float) -> None:
        self._cut = _Frames(COARSE_WINDOW, COARSE_HOP)
        self._chroma, self._timbre = chroma, timbre
        self._scale = _COMPRESSION / (level * COARSE_WINDOW / 4)

    def feed(self, block: Samples) -> None:
        pitches = _pitch_classes()
        mel = mel_filters(COARSE_WINDOW, TIMBRE_BANDS)
        for start, power in self._cut.spectra(block, self._chroma.shape[0]):
            end = start + power.shape[0]
            magnitude = np.sqrt(power)
            self._chroma[start:end] = product(magnitude, pitches) * self._scale
            self._timbre[start:end] = np.log1p(product(magnitude, mel) * self._scale)


@lru_cache(maxsize=4)
def mel_filters(window: int, bands: int) -> Frames:
    """[bins, bands] triangular filters, evenly spaced in mel from 30 Hz to 11 kHz. The weights of
    each sum to 1.

    MediaError if torchaudio cannot be loaded.
    """
    melscale_fbanks = of_torchaudio("functional", "melscale_fbanks")
    weights = melscale_fbanks(window // 2 + 1, 30.0, 11_000.0, bands, RATE).numpy()
    return (weights / weights.sum(axis=0, dtype=np.float64)).astype(np.float32)


def of_torchaudio(module: str, name: str) -> Any:
    """The function or class `name` of a module of torchaudio. MediaError if torchaudio cannot be
    loaded."""
    # Import here: a torchaudio that does not fit this torch raises an error.
    try:
        return getattr(import_module(f"torchaudio.{module}"), name)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        try:
            found = f"torchaudio {metadata.version('torchaudio')} does not work"
        except metadata.PackageNotFoundError:
            found = "torchaudio is not installed"
        raise MediaError(
            f"The package {found} beside torch {torch.__version__} ({error}): the two must fit "
            "each other. Two pairs are known to work: torchaudio 2.11.0 with torch 2.11.0, and "
            "torchaudio 2.11.1 with torch 2.15.0. Install one that fits into ComfyUI's "
            "Python, and restart ComfyUI."
        ) from error


@lru_cache(maxsize=1)
def _band_of_mel() -> Frames:
    """[mel bands, 3] means over the mel bands in bass, middle and highs."""
    mel = mel_filters(WINDOW, MEL_BANDS)
    centre = (np.arange(mel.shape[0]) * RATE / WINDOW) @ mel
    which = np.searchsorted(EDGES, centre)
    weights = (which[:, None] == np.arange(3)).astype(np.float32)
    return weights / weights.sum(axis=0)


def _band_edges() -> npt.NDArray[np.intp]:
    """First bin of bass, middle and highs in the short spectrum."""
    return np.array([0, *(round(edge * WINDOW / RATE) for edge in EDGES)])


@lru_cache(maxsize=1)
def _pitch_classes() -> Frames:
    """[bins, 12] from the long spectrum between 80 and 2,500 Hz, A = 440 Hz."""
    frequency = np.arange(COARSE_WINDOW // 2 + 1) * RATE / COARSE_WINDOW
    used = (frequency > 80) & (frequency < 2500)
    semitone = 69 + 12 * np.log2(np.maximum(frequency, 1) / 440)
    distance = (semitone[:, None] - np.arange(12) + 6) % 12 - 6
    # A bin is 1.2 semitones wide at 80 Hz, so the bell is at least that wide.
    width = np.maximum(0.5, 0.6 * 12 * np.log2(1 + RATE / COARSE_WINDOW / np.maximum(frequency, 1)))
    weights = np.exp(-0.5 * (distance / width[:, None]) ** 2) * used[:, None]
    total = weights.sum(axis=0)
    return (weights / total).astype(np.float32)
