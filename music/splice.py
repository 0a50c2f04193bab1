"""Joins in music without a beat: the least audible jump of an exact length."""

from __future__ import annotations

import math

import numpy as np

from ..audio.arrays import Floats
from .analysis import COARSE_PER_SECOND, Analysis
from .joins import Joint
from .remix import Plan
from .render import AS_IS, Piece
from .track import Track

FADE_SECONDS = 0.4
"""Seconds of a crossfade without an attack to hide it."""
_CONTEXT_SECONDS = 0.8
"""Seconds around a join that are compared."""
_LONGEST_LOOP = 0.7
"""Largest part of the track that one jump may repeat."""
_EDGE_SECONDS = 2.0
"""Seconds without joins at each end of the track, if it is long enough."""


def sound(analysis: Analysis) -> Floats:
    """[m, 33] harmony, timbre and level, 25 a second; squared distances are about 1."""
    chroma = np.log1p(analysis.chroma)
    chroma = chroma / (np.linalg.norm(chroma, axis=1, keepdims=True) + 1e-6)
    blocks = (chroma, analysis.timbre, analysis.timbre.mean(axis=1, keepdims=True))
    scaled = []
    for block in blocks:
        spread = math.sqrt(float(((block - block.mean(axis=0)) ** 2).sum(axis=1).mean()))
        scaled.append(block / max(spread, 0.05))
    width = max(1, round(_CONTEXT_SECONDS * COARSE_PER_SECOND))
    padded = np.pad(np.hstack(scaled), ((width // 2 + 1, width // 2), (0, 0)), "edge")
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    count = chroma.shape[0]
    return ((sums[width:] - sums[:-width]) / width)[:count]


def plan_splice(track: Track, length: int) -> Plan | None:
    """Pieces of the track, `length` samples in all, with its own beginning and ending.

    A shorter result has one jump ahead. A longer result repeats one segment of the right length.
    None if the track is too short for a crossfade.
    """
    total, rate = track.samples.shape[1], track.sample_rate
    missing = length - total
    if missing == 0:
        return Plan((Piece(0, total),), AS_IS, 0, ())
    edge = min(round(_EDGE_SECONDS * rate), total // 8, length // 4)
    fade = min(round(FADE_SECONDS * rate), edge)
    repeats = max(1, math.ceil(missing / (_LONGEST_LOOP * total)))
    jump = -missing if missing < 0 else -(missing // repeats)
    # The join leaves at t and enters at t + jump; both stay off the edges of the track.
    first, last = edge + max(0, -jump), total - edge - max(0, jump)
    if fade < 1 or last <= first:
        return None
    left = first + _best_place(track.analysis, first / rate, last / rate, jump / rate, rate)
    left = min(max(left, first), last)
    remainder = missing - repeats * -jump if missing > 0 else 0
    pieces, joints, begin = [], [], 0
    for index in range(repeats):
        entry = left + jump - (remainder if index == 0 else 0)
        pieces.append(Piece(begin, left))
        joints.append(Joint(left, entry))
        begin = entry
    pieces.append(Piece(begin, total))
    return Plan(tuple(pieces), AS_IS, fade, tuple(joints))


def _best_place(
    analysis: Analysis, first: float, last: float, jump: float, sample_rate: int
) -> int:
    """Samples from `first` (seconds) to the moment that sounds most like the target of the jump."""
    features = sound(analysis)
    shift = round(jump * COARSE_PER_SECOND)
    starts = np.arange(math.ceil(first * COARSE_PER_SECOND), int(last * COARSE_PER_SECOND) + 1)
    starts = starts[(starts < features.shape[0]) & (starts + shift >= 0)]
    starts = starts[starts + shift < features.shape[0]]
    if not starts.size:
        return 0
    distance = ((features[starts] - features[starts + shift]) ** 2).sum(axis=1)
    best = starts[int(distance.argmin())]
    return round((best / COARSE_PER_SECOND - first) * sample_rate)
