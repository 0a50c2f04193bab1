"""Which chain of beats is right, and which beats are downbeats: two small networks of two layers.

`benchmarks/train_beats.py` trains them from random weights. They hear each beat of a chain: the
attacks on the beat and on its parts, the harmony, and how much the beat is like those before it.
One compares chains at related tempos and phases by the statistics of their beats; the other one
hears each beat and its neighbours. As in S. Durand et al., "Robust downbeat tracking using an
ensemble of convolutional networks" (2017), features are of beats: the tempo does not matter.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Floats
from .analysis import (
    COARSE_PER_SECOND,
    MEL_BANDS,
    SPECTRA_PER_SECOND,
    Frames,
    change_of,
    even_chroma,
)
from .products import product

WEIGHTS = Path(__file__).with_name("beat_network.npz")
_PARTS = np.array([0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4])
"""Places in a beat whose attacks are heard."""
_GROUPS = (0, 3, 7, 13, 21, 30, MEL_BANDS)
"""Borders of the groups of mel bands."""
_CHANGES = (5, 12)
"""Coarse frames (0.2 and 0.5 s) on each side between which the harmony is compared."""
_CHROMA_LAGS = (1, 2, 3, 4)
_PATTERN_LAGS = (2, 3, 4, 5, 6, 7, 8)
"""Beats before a beat that it is compared with."""
_NEIGHBOURS = (-6, -4, -3, -2, -1, 1, 2, 3, 4, 6)
"""Beats whose features are heard beside those of a beat."""
_SHARED = np.r_[0:6, 18:24, 46:54]
"""Features of a neighbour that are heard: attacks on it and halfway, and changes of harmony."""


RELATIVES: tuple[tuple[float, float], ...] = (
    *((1, phase) for phase in (0, 1 / 2, 1 / 3, 2 / 3)),
    *((2, phase) for phase in (0, 1, 1 / 2, 3 / 2)),
    *((1 / 2, phase) for phase in (0, 1 / 4)),
    *((3 / 2, phase) for phase in (0, 1 / 2, 1)),
    *((2 / 3, phase) for phase in (0, 1 / 3)),
    *((4 / 3, phase) for phase in (0, 1 / 3, 2 / 3, 1)),
    *((3 / 4, phase) for phase in (0, 1 / 4, 1 / 2)),
    *((3, phase) for phase in (0, 1, 2)),
    (1 / 3, 0),
)
"""(step, phase) in beats of chains that a tracker takes for each other; the first is its own."""
_TRUST, _TOLD_TRUST = 1.0, 3.0
"""So much better has another chain to be, in natural logarithms of the odds: without a tempo, and
with a given one, with which the tracker errs less."""
_SLOWEST, _FASTEST = 45.0, 245.0
"""bpm of another chain."""
_FEWEST = 6
"""Beats of another chain."""


class Perceptron(NamedTuple):
    weights: Frames
    """[features, hidden]"""
    biases: Frames
    """[hidden]"""
    outputs: Frames
    """[hidden + 1]; the last one is the bias."""

    def __call__(self, heard: Frames) -> Floats:
        """[n] of features [n, k]."""
        state = np.maximum(product(heard, self.weights) + self.biases, 0)
        return (state @ self.outputs[:-1] + self.outputs[-1]).astype(np.float64)


class Networks(NamedTuple):
    chain: Perceptron
    """The score of a chain; differences are natural logarithms of odds."""
    downbeat: Perceptron
    """The natural logarithm of the odds of a downbeat."""


@lru_cache(maxsize=1)
def networks() -> Networks | None:
    """The trained networks; None where their file is missing or damaged."""
    try:
        with np.load(WEIGHTS) as found:
            pairs = [
                [found[f"{kind}_{name}"].astype(np.float32) for name in Perceptron._fields]
                for kind in Networks._fields
            ]
        rows = Networks(*(Perceptron(*pair) for pair in pairs))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    sizes = (3 * _FEATURES, _FEATURES + len(_NEIGHBOURS) * _SHARED.shape[0])
    for found, size in zip(rows, sizes, strict=True):
        hidden = found.biases.size
        shapes = tuple(row.shape for row in found)
        fits = shapes == ((size, hidden), (hidden,), (hidden + 1,))
        if not fits or not all(np.isfinite(row).all() for row in found):
            return None
    return rows


def fault() -> str:
    """A sentence that tells that the networks cannot be used; empty where they can."""
    if networks():
        return ""
    return (
        f"The pack's file music/{WEIGHTS.name} is missing or damaged: beats and bars were found "
        "without it. Install the pack again."
    )


def best_relative(sound: Sound, times: Floats, any_tempo: bool) -> tuple[float, float]:
    """(step, phase) in beats of the chain that is right, among `times` (seconds) and its relatives.

    Only those of its own tempo count unless `any_tempo`. (1, 0) is the chain itself, also where the
    networks are missing.
    """
    found = networks()
    best, most = RELATIVES[0], -np.inf
    trust = _TRUST if any_tempo else _TOLD_TRUST
    if not found or times.shape[0] <= _FEWEST:
        return best
    for step, phase in RELATIVES:
        chain = relative(times, step, phase)
        if chain.shape[0] < _FEWEST or not (any_tempo or step == 1):
            continue
        own = (step, phase) == RELATIVES[0]
        if not own and not _SLOWEST <= 60 / float(np.median(np.diff(chain))) <= _FASTEST:
            continue
        score = float(found.chain(statistics(features(sound, chain))[None])[0]) + trust * own
        if score > most:
            best, most = (step, phase), score
    return best


def relative(times: Floats, step: float, phase: float) -> Floats:
    """Every `step` beats of a chain, from `phase` beats after its first beat on."""
    index = np.arange(times.shape[0])
    return np.interp(np.arange(phase, index[-1] + 1e-6, step), index, times)


def statistics(rows: Frames) -> Frames:
    """[186] mean, deviation, and upper quartile over the median, of features [beats, 62]."""
    middle, upper = np.percentile(rows, (50, 75), axis=0)
    return np.concatenate((rows.mean(axis=0), rows.std(axis=0), upper - middle)).astype(np.float32)


class Sound(NamedTuple):
    """The features of a track before its beats are known."""

    rises: Frames
    """[n, 6] rise of each group of bands, 1 on average, SPECTRA_PER_SECOND a second."""
    levels: Floats
    """[n + 1, 10] sums of the log-mel spectrum from the start."""
    chroma: Floats
    """[m + 1, 12] sums from the start, COARSE_PER_SECOND a second."""
    changes: Floats
    """[m, 2] changes of harmony."""


def sound_of(spectrum: npt.NDArray[np.floating], chroma: npt.NDArray[np.floating]) -> Sound:
    """The features of `spectrum` [n, 40] and `chroma` [m, 12] of an `Analysis`."""
    spectrum = spectrum.astype(np.float32)
    rises = np.maximum(np.diff(spectrum, axis=0, prepend=spectrum[:1]), 0)
    rises = np.add.reduceat(rises, _GROUPS[:-1], axis=1) / np.diff(_GROUPS)
    # The largest of three frames: a beat's time is not exact.
    padded = np.pad(rises, ((1, 1), (0, 0)))
    rises = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    rises = rises / (rises.mean() + 0.01)
    bands = spectrum.reshape(spectrum.shape[0], -1, 4).mean(axis=2)
    even = even_chroma(chroma.astype(np.float32))
    changes = np.column_stack([change_of(even, reach) for reach in _CHANGES])
    return Sound(rises, _sums(bands), _sums(even), changes)


def features(sound: Sound, times: Floats) -> Frames:
    """[beats, 62] features of each beat of a chain in seconds, ascending, at least 2."""
    count = times.shape[0]
    periods = np.diff(times, append=2 * times[-1] - times[-2])
    edges = np.append(times, times[-1] + periods[-1])
    moments = times[:, None] + periods[:, None] * _PARTS
    rises = _read(sound.rises, moments.ravel() * SPECTRA_PER_SECOND).reshape(count, -1)
    levels = _means(sound.levels, edges * SPECTRA_PER_SECOND)
    chroma = _means(sound.chroma, edges * COARSE_PER_SECOND)
    # A change's border lies half a frame later.
    changes = _read(sound.changes, times * COARSE_PER_SECOND - 0.5)
    halves = _read(sound.changes, (times + periods / 2) * COARSE_PER_SECOND - 0.5)
    novelty = [np.linalg.norm(_since(chroma, lag), axis=1) for lag in _CHROMA_LAGS]
    shape = np.sqrt(rises) - np.sqrt(rises).mean(axis=0)
    shape /= np.sqrt((shape**2).mean()) + 1e-3
    likeness = [np.abs(_since(shape, lag)).mean(axis=1) for lag in _PATTERN_LAGS]
    rows = (np.log1p(rises), levels - levels.mean(axis=0), changes, halves)
    lengths = np.log2(np.maximum(periods, 0.05) / 0.5)
    return np.column_stack((*rows, *novelty, *likeness, lengths)).astype(np.float32)


_FEATURES = 6 * 6 + 10 + 2 * 2 + len(_CHROMA_LAGS) + len(_PATTERN_LAGS) + 1


def in_context(rows: Frames) -> Frames:
    """[beats, 262] the features of each beat and of its neighbours."""
    index = np.arange(rows.shape[0])
    near = [np.clip(index + shift, 0, index[-1]) for shift in _NEIGHBOURS]
    return np.hstack([rows, *(rows[place][:, _SHARED] for place in near)])


def _sums(rows: Frames) -> Floats:
    return np.cumsum(np.pad(rows, ((1, 0), (0, 0))), axis=0, dtype=np.float64)


def _read(rows: npt.NDArray[np.floating], place: Floats) -> Floats:
    """Rows at fractions of a frame."""
    place = np.clip(place, 0, rows.shape[0] - 1.001)
    low = place.astype(np.intp)
    share = (place - low)[:, None]
    return rows[low] * (1 - share) + rows[np.minimum(low + 1, rows.shape[0] - 1)] * share


def _means(sums: Floats, edges: Floats) -> Floats:
    edges = np.clip(edges + 0.5, 0, sums.shape[0] - 1.001)
    return np.diff(_read(sums, edges), axis=0) / np.maximum(np.diff(edges), 1e-3)[:, None]


def _since(rows: Floats, lag: int) -> Floats:
    """Difference from the row of `lag` beats ago; the first rows are compared with the first."""
    return rows - rows[np.maximum(np.arange(rows.shape[0]) - lag, 0)]
