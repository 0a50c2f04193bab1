"""Tempo from an onset envelope: autocorrelation, with a log-normal prior for the octave."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, MediaError
from ..audio.stopping import looked

SLOWEST, FASTEST = 40.0, 240.0
"""Range of the search in beats per minute."""

_USUAL = 115.0
"""Centre of the prior without a hint, and its width, from the differences between listeners (Ellis
2007 has 120)."""
_USUAL_OCTAVES = 0.8
_HINT_OCTAVES = 0.55
_HINT_TRUST, _HINT_NEAR = 1.6, 0.06
"""A tempo within this distance (octaves) of the hint gets this factor on its strength. A wrong hint
therefore does little harm."""
_HINT_RANGE = 2**0.5
"""A hint settles the octave: the search stays within half an octave of it."""
_COMB = (1.0, 0.8, 0.6, 0.5)
"""Weights of the autocorrelation at one, two, three and four beats."""
_REGROUPED = np.array([1.5, 0.75])
"""Candidate tempos at 1.5 and 0.75 of the found one: a triplet pulse was counted as a beat."""
_RIVAL, _NEAR = 0.9, 0.02
"""A candidate wins if it has at least this share of the strength, and is this close to the ratio.
In a shuffle, whose beats are divided into thirds, it has only half to four fifths."""
_PIECE_SECONDS = 30
"""Take the autocorrelation over segments of this length, so that a drifting tempo has a peak."""


_WINDOW_SECONDS, _STEP_SECONDS = 12.0, 4.0
"""Length of the windows for the local tempo, and the step from one to the next."""
_DRIFT = 0.12
"""Largest relative difference of the local tempo from the track's tempo."""
_CHANGE_COST = 200.0
"""Cost of a change of tempo from window to window, by the square of its logarithm."""


class Tempo(NamedTuple):
    bpm: float
    """0 without a beat."""
    strength: float
    """0 to 1: the share of the onsets that repeats on every beat."""


def find_tempo(envelope: Floats, rate: float, hint: float = 0.0) -> Tempo:
    """Tempo of an onset envelope [n] with `rate` frames a second; `hint` in bpm, 0 for none."""
    check_hint(hint)
    low, high = SLOWEST, FASTEST
    centre, octaves = _USUAL, _USUAL_OCTAVES
    if hint:
        low, high = hint / _HINT_RANGE, hint * _HINT_RANGE
        centre, octaves = hint, _HINT_OCTAVES
    tempos = np.exp(np.arange(np.log(low), np.log(high), 0.002))
    correlation = autocorrelation(envelope, rate, low)
    strengths = comb(correlation, tempos, rate)
    distance = np.abs(np.log2(tempos / centre))
    prior = np.exp(-0.5 * (distance / octaves) ** 2)
    if hint:
        prior[distance < _HINT_NEAR] *= _HINT_TRUST
    best = int(np.argmax(strengths * prior))
    in_thirds = _at(correlation, 20 * rate / tempos) > _at(correlation, 30 * rate / tempos)
    if in_thirds[best]:
        # The found tempo is 2/3 of the real one: try the two related tempos.
        ratios = np.abs(np.log(tempos[:, None] / (tempos[best] * _REGROUPED)))
        rivals = (ratios.min(axis=1) < _NEAR) & (strengths >= _RIVAL * strengths[best])
        chances = np.where(rivals & ~in_thirds, strengths * prior, -np.inf)
        best = int(np.argmax(chances)) if np.isfinite(chances).any() else best
    strength = float(np.clip(strengths[best], 0, 1))
    return Tempo(float(tempos[best]) if strength > 0 else 0.0, strength)


def check_hint(hint: float) -> None:
    """MediaError unless `hint` is 0 (none) or a tempo of 20 to 400 bpm."""
    if hint and not 20 <= hint <= 400:
        raise MediaError(
            f"The tempo is {hint:g} bpm: expected 20 to 400, or 0 to find it from the music."
        )


def autocorrelation(envelope: Floats, rate: float, slowest: float) -> Floats:
    """Autocorrelation of the envelope at lags of 0 to four beats at `slowest` bpm; 1 at lag 0."""
    lags = int(60 * rate / slowest * len(_COMB)) + 2
    length = max(int(_PIECE_SECONDS * rate), lags)
    total = np.zeros(lags)
    size = 1 << int(length + lags - 1).bit_length()
    for start in looked(range(0, envelope.shape[0], length)):
        piece = envelope[start : start + length]
        piece = piece - piece.mean()
        spectrum = np.fft.rfft(piece, size)
        part = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)[:lags]
        # At a long lag a short segment has few products: do not divide by their number.
        share = np.maximum(1 - np.arange(lags) / piece.shape[0], 0.25)
        total += part / share
    return total / total[0] if total[0] > 0 else total


def _at(correlation: Floats, lags: Floats) -> Floats:
    return np.interp(lags, np.arange(correlation.shape[0]), correlation)


def comb(correlation: Floats, tempos: Floats, rate: float) -> Floats:
    """The strength of each of `tempos`: the mean autocorrelation at whole beats."""
    period = 60 * rate / tempos
    rows = [weight * _at(correlation, beats * period) for beats, weight in enumerate(_COMB, 1)]
    return np.sum(rows, axis=0) / sum(_COMB)


def local_periods(envelope: Floats, rate: float, bpm: float) -> tuple[Floats, float]:
    """[n] frames from beat to beat at each frame, for a tempo that drifts around `bpm`; and the
    share of the onsets that repeats at that tempo, 0 to 1.

    `comb` measures the strength in each window. The local tempo is the path that is strongest and
    changes least.
    """
    length, step = int(_WINDOW_SECONDS * rate), int(_STEP_SECONDS * rate)
    starts = range(0, max(1, envelope.shape[0] - length + step), step)
    tempos = bpm * np.exp(np.arange(-_DRIFT, _DRIFT + 0.001, 0.0025))
    slowest = bpm * np.exp(-_DRIFT)
    strengths = np.array(
        [
            comb(autocorrelation(envelope[start : start + length], rate, slowest), tempos, rate)
            for start in starts
        ]
    )
    change = np.log(tempos[:, None] / tempos[None, :]) ** 2 * _CHANGE_COST
    score, course = strengths[0], []
    for row in strengths[1:]:
        options = score[None, :] - change
        course.append(options.argmax(axis=1))
        score = row + options.max(axis=1)
    path = [int(score.argmax())]
    for back in reversed(course):
        path.append(int(back[path[-1]]))
    centres = np.array([start + length / 2 for start in starts])
    local = np.interp(np.arange(envelope.shape[0]), centres, tempos[path[::-1]])
    strength = float(np.mean(strengths[np.arange(len(path)), path[::-1]]))
    return 60 * rate / local, min(max(strength, 0.0), 1.0)
