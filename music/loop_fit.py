"""Make a track longer: repeat one segment of whole bars."""

from __future__ import annotations

import math

import numpy as np

from .joins import FADE_SECONDS, join_costs, joint
from .remix import MAX_SPEED_CHANGE, Plan
from .render import AS_IS, Piece, Speed
from .track import Track

_REST_COST = 1.0
"""Cost of each second that the repeats are longer than the wanted length."""
_REPEAT_COST = 0.1


def plan_loops(track: Track, length: int, ending: str) -> Plan | None:
    """The best plan with one loop of whole bars; None without a steady beat.

    With `ending` keep the track's own ending follows the last round. If the result is too long, the
    speed rises, or the beginning is cut.
    """
    bars = track.bars
    if not track.beats.steady or bars.times.shape[0] < 6:
        return None
    rate, total = track.sample_rate, track.samples.shape[1]
    nodes = np.flatnonzero(bars.places == 0)
    times = track.beats.times[nodes]
    costs = join_costs(track, nodes)
    seconds = times[:, None] - times[None, :]
    missing = (length - total) / rate
    rounds = np.ceil(missing / np.where(seconds > 0, seconds, missing) - 1e-6)
    # The last two bars stay as they are.
    possible = np.isfinite(costs) & (seconds > 0) & (times[:, None] < times[-2])
    possible &= times[None, :] > 2 * FADE_SECONDS
    if not possible.any():
        return None
    excess = np.where(possible, rounds * seconds - missing, 0) if ending == "keep" else 0.0
    score = np.where(possible, costs + _REST_COST * excess + _REPEAT_COST * rounds, np.inf)
    left, right = np.unravel_index(int(score.argmin()), score.shape)
    found = joint(track, float(times[left]), float(times[right]))
    size = found.left - found.right
    repeats = max(1, math.ceil((length - total) / size))
    again = [Piece(found.right, found.left)] * (repeats - 1)
    pieces = [Piece(0, found.left), *again, Piece(found.right, total)]
    plan = Plan(tuple(pieces), AS_IS, round(FADE_SECONDS * rate), (found,) * repeats)
    too_much = total + repeats * size - length
    if ending != "keep" or too_much == 0:
        return plan
    before = found.left
    if too_much <= MAX_SPEED_CHANGE * before:
        return plan._replace(speed=Speed(0, before, before - too_much))
    if too_much < before // 2:
        first = Piece(too_much, pieces[0].end)
        return plan._replace(pieces=(first, *pieces[1:]), cut=too_much)
    return None
