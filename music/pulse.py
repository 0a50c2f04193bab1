"""The most likely sequence of beats: a Markov chain whose state includes the tempo.

The model is that of F. Krebs, S. Böck and G. Widmer, "An efficient state-space model for joint
tempo and meter tracking" (ISMIR 2015), at the beats only: a beat follows the last one after one
interval, and an interval is about as long as the one before it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..audio.arrays import Floats
from ..audio.stopping import looked

RATE = 100
"""Frames a second."""
_SPACING = 0.025
"""Ratio between neighbouring intervals, less 1. Their number determines the time of computation."""
_REACH = 0.3
"""Largest change from one interval to the next, as a logarithm."""
_CHANGE_COST = 40.0
"""Cost of a change of the interval, by its logarithm."""
_FREE = 0.03
"""A change of the logarithm up to this costs little, because intervals are rounded to whole
frames."""
_FREE_COST = 0.15
_SKIPPED_COST = 0.5
"""Cost of a silent beat before the first one of the chain, or after the last one."""
_USUAL, _USUAL_OCTAVES, _USUAL_COST = 110.0, 1.0, 0.06
"""Prior of the tempo: its centre in bpm, its width in octaves, and the cost of a beat at that
distance."""


def likely_beats(
    odds: Floats, slowest: float, fastest: float, wanted: float = 0.0
) -> npt.NDArray[np.intp]:
    """Frames of the beats in `odds` [n] (natural logarithms, RATE a second), ascending.

    The tempo stays between `slowest` and `fastest` bpm, and near `wanted` bpm, 0 for any.
    """
    low, high = 60 * RATE / fastest, 60 * RATE / slowest
    steps = int(np.log(high / low) / _SPACING) + 2
    intervals = np.unique(np.round(np.geomspace(low, high, steps)).astype(np.intp))
    count, kinds = odds.shape[0], intervals.shape[0]
    if count < 2 * intervals[0]:
        return np.empty(0, np.intp)
    logs = np.log(intervals)
    band = max(1, int(_REACH / max(float(np.median(np.diff(logs, append=logs[-1]))), 0.01)))
    shifts = np.arange(-band, band + 1)
    before = np.clip(np.arange(kinds)[:, None] + shifts, 0, kinds - 1)
    inside = (np.arange(kinds)[:, None] + shifts) == before
    change = np.abs(logs[before] - logs[:, None])
    cost = _CHANGE_COST * np.maximum(change - _FREE, 0) + _FREE_COST * (change > 0)
    cost = np.where(inside, cost, np.inf)
    centre, octaves, weight = _USUAL, _USUAL_OCTAVES, _USUAL_COST
    if wanted:
        centre, octaves, weight = wanted, 0.15, 0.1
    prior = weight * (np.log2(60 * RATE / intervals / centre) / octaves) ** 2
    longest = int(intervals[-1])
    # Row longest + t has the best chains that end at frame t, one for each length of the last
    # interval.
    score = np.full((longest + count, kinds), -np.inf, np.float32)
    origin = np.full((count, kinds), -1, np.int32)
    first = -_SKIPPED_COST * np.arange(count)[:, None] / intervals
    columns = np.arange(kinds)
    for start in looked(range(0, count, int(intervals[0]))):
        end = min(start + int(intervals[0]), count)
        rows = longest + np.arange(start, end)[:, None] - intervals
        options = score[rows[:, :, None], before] - cost
        best = options.argmax(axis=2)
        value = np.take_along_axis(options, best[:, :, None], axis=2)[:, :, 0]
        begins = first[start:end]
        fresh = ~(value > begins)
        origin[start:end] = np.where(fresh, -1, before[columns, best])
        gain = odds[start:end, None] - prior
        score[longest + start : longest + end] = np.where(fresh, begins, value) + gain
    rest = _SKIPPED_COST * (count - 1 - np.arange(count))[:, None] / intervals
    frame, kind = (
        int(x) for x in np.unravel_index(int((score[longest:] - rest).argmax()), rest.shape)
    )
    chain = []
    while kind >= 0:
        chain.append(frame)
        frame, kind = frame - int(intervals[kind]), int(origin[frame, kind])
    return np.array(chain[::-1], np.intp)
