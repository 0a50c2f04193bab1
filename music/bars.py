"""Bars: the downbeats among the beats, and the features of each beat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Floats
from ..audio.stopping import looked
from .analysis import COARSE_PER_SECOND, FRAMES_PER_SECOND, Analysis
from .beat_network import features as heard_beats
from .beat_network import in_context, networks, sound_of
from .beats import Beats, harmonic_change

_METERS = {4: 0.0, 3: 6.0, 5: 12.0, 6: 9.0, 7: 12.0}
"""Beats in a bar, and how much better the odds of its downbeats must be than those of 4: most music
is in 4."""
_NETWORK_SHARE, _ACCENT_SHARE = 0.5, 0.75
"""The network is surer of itself than it is right; accents speak where it has heard nothing
alike."""
TRIPLE = 0.1
"""With more evidence the meter is 3. Near 0, both fit: choose 4, which is far more common."""
_SLIP_COST = 12.0
"""Cost of a bar with a beat too many or too few, in standard deviations of accent or log odds."""
_PARTS = 4
"""A beat's drum pattern is read in quarters of a beat."""


class Bars(NamedTuple):
    meter: int
    """Beats in a bar: 3 to 7."""
    places: npt.NDArray[np.intp]
    """[beats] place in the bar, 0 for downbeats."""
    times: Floats
    """[bars] seconds of the downbeats."""
    evidence: float = 0.0
    """For 3 beats against 4, see TRIPLE. Music in 4 has -1.7 to -0.1, music in 3 has 0.5 to 1.3."""


class BeatFeatures(NamedTuple):
    """Features of the music from each beat to the next, [beats, features]."""

    chroma: Floats
    """[n, 12] vectors of length 1."""
    timbre: Floats
    """[n, 20] log-mel spectrum."""
    pattern: Floats
    """[n, 12] onsets by quarter of the beat in bass, middle and highs."""
    level: Floats
    """[n] dB."""


def find_bars(analysis: Analysis, beats: Beats, meter: int = 0) -> Bars:
    """Find the bars of a track: by the network, by its accents and by its changes of harmony.

    `meter` is the number of beats in a bar, 3 to 7; 0 finds it. Without the network's file it finds
    3 or 4.
    """
    count = beats.times.shape[0]
    if count < 2:
        return Bars(4, np.zeros(count, np.intp), beats.times)
    features = beat_features(analysis, beats.times)
    accents = _accents(analysis, beats.times)
    evidence = _evidence(features, accents)
    known = networks()
    if known:
        rows = heard_beats(sound_of(analysis.spectrum, analysis.chroma), beats.times)
        odds = _NETWORK_SHARE * known.downbeat(in_context(rows)) + _ACCENT_SHARE * accents
    else:
        meter = meter or (3 if evidence > TRIPLE else 4)
        odds = accents * meter / (meter - 1)
    found = {number: _places(odds, number) for number in ([meter] if meter else _METERS)}
    meter = max(found, key=lambda number: found[number][0] - _METERS[number])
    places = found[meter][1]
    return Bars(meter, places, beats.times[places == 0], evidence)


def beat_features(analysis: Analysis, times: Floats) -> BeatFeatures:
    """Features of the stretch that begins at each of `times`, seconds, ascending, at least 2."""
    period = float(np.median(np.diff(times)))
    edges = np.append(times, times[-1] + period)
    chroma = _means(np.log1p(analysis.chroma), edges, COARSE_PER_SECOND)
    chroma /= np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-6
    timbre = _means(analysis.timbre, edges, COARSE_PER_SECOND)
    index = np.arange(times.shape[0] * _PARTS + 1) / _PARTS
    parts = np.interp(index, np.arange(edges.shape[0]), edges)
    # The features show an onset a little before its beat, so the quarters begin earlier.
    pattern = _means(analysis.flux.T, parts - 0.25 * period / _PARTS, FRAMES_PER_SECOND)
    pattern = np.sqrt(pattern).reshape(times.shape[0], -1)
    power = _means(analysis.bands.sum(axis=0)[:, None], edges, FRAMES_PER_SECOND)[:, 0]
    return BeatFeatures(chroma, timbre, pattern, 10.0 * np.log10(power + 1e-10))


def _means(frames: npt.NDArray[np.float32], edges: Floats, rate: float) -> Floats:
    """Means of `frames` [n, k] between `edges` (seconds); an edge may divide a frame."""
    sums = np.cumsum(frames, axis=0, dtype=np.float64)
    sums = np.vstack((np.zeros((1, sums.shape[1])), sums))
    place = np.clip(edges * rate + 0.5, 0, frames.shape[0])
    whole = np.minimum(place.astype(np.intp), frames.shape[0] - 1)
    at = sums[whole] + (place - whole)[:, None] * frames[whole]
    width = np.maximum(np.diff(place), 1e-6)
    return np.diff(at, axis=0) / width[:, None]


def _accents(analysis: Analysis, times: Floats) -> Floats:
    """[beats] accent of each beat: its low drum, its change of chord and its change of level."""
    near = np.round(times * FRAMES_PER_SECOND).astype(np.intp)[:, None] + np.arange(-3, 4)
    near = np.clip(near, 0, analysis.onsets.shape[0] - 1)
    features = beat_features(analysis, times)
    rows = [
        1.0 * _standard(analysis.flux[0][near].max(axis=1)),
        1.5 * _standard(harmonic_change(analysis)[near].max(axis=1)),
        0.5 * _standard(np.abs(np.diff(features.level, prepend=features.level[0]))),
        1.0 * _standard(_novelty(features.chroma)),
        0.5 * _standard(_novelty(features.timbre)),
    ]
    return _standard(np.sum(rows, axis=0))


def _novelty(features: Floats) -> Floats:
    """[n] difference between two beats and the two beats before them."""
    padded = np.pad(features, ((2, 1), (0, 0)), "edge")
    after = padded[2:-1] + padded[3:]
    before = padded[:-3] + padded[1:-2]
    return np.linalg.norm(after - before, axis=1)


def _standard(row: npt.NDArray[np.floating]) -> Floats:
    row = np.clip(row, None, np.percentile(row, 98))
    return (row - row.mean()) / (row.std() + 1e-9)


def _evidence(features: BeatFeatures, accents: Floats) -> float:
    """Correlation of accents and drum pattern after 3 beats, less that after 4."""
    pattern = features.pattern - features.pattern.mean(axis=0)
    pattern /= np.sqrt((pattern**2).mean()) + 1e-9

    def likeness(lag: int) -> float:
        if lag >= accents.shape[0] - 2:
            return 0.0
        return float(
            np.mean(accents[lag:] * accents[:-lag]) + np.mean(pattern[lag:] * pattern[:-lag])
        )

    # A lag of 12 beats fits both meters: leave it out.
    four = np.mean([likeness(lag) for lag in (4, 8, 16)])
    three = np.mean([likeness(lag) for lag in (3, 6, 9)])
    return float(three - four)


def _places(odds: Floats, meter: int) -> tuple[float, npt.NDArray[np.intp]]:
    """The odds of the downbeats, summed, and the place of each beat in its bar: those of the best
    path, with a cost for each irregular bar."""
    step = np.full((meter, meter), -_SLIP_COST)
    step[np.arange(meter), (np.arange(meter) + 1) % meter] = 0
    score, back = np.zeros(meter), []
    score[0] = odds[0]
    for value in looked(odds[1:]):
        options = score[:, None] + step
        back.append(options.argmax(axis=0))
        score = options.max(axis=0)
        score[0] += value
    place = int(score.argmax())
    places = [place]
    for row in reversed(back):
        place = int(row[place])
        places.append(place)
    return float(score.max()), np.array(places[::-1], np.intp)
