"""Align Family: `python3 benchmarks/run.py family`.

Families of sketches, ordered with one tempo or with several, are aligned. The marks of
`marked.py` show where each beat is heard. The figure for crossfades is the worst jump of the beat
where a game changes from any member to any other, at any bar. The peer column of those rows is the
bound; that of “as ordered” is the same change without the alignment. No package on PyPI aligns
several tracks to one grid, so no other peer stands here.
"""

from __future__ import annotations

import itertools
import time
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats
from ..music.family import Family, Member, align
from ..music.loudness import integrated_loudness
from .marked import Marked, beat_errors, marked
from .report import Row, arguments, compare, report

MOST_JUMP = 10.0
"""Milliseconds."""
MOST_SECONDS = 1.0
"""For each minute of each member."""
MOST_SPREAD = 0.1
"""LU."""

FAMILIES = {
    "one tempo": (
        "calm flute and harp, 90 bpm",
        "tense strings and drums, 90 bpm",
        "battle drums and brass, 90 bpm",
    ),
    "three tempi": ("techno 128 bpm", "house 124 bpm", "electronic 131 bpm"),
    "half tempo": ("techno 120 bpm", "house 122 bpm", "calm piano ballad 60 bpm"),
    "waltz": ("acoustic guitar folk waltz 3/4, 110 bpm", "piano waltz 3/4, 116 bpm"),
}


class Result(NamedTuple):
    family: Family
    errors: list[Floats]
    """[bars] seconds of each bar's mark from the grid, of each aligned member."""
    took: float
    """Seconds of one core for each minute of each member, stereo."""


def main() -> int:
    options = arguments(__doc__).parse_args()
    seconds = 20.0 if options.small else 60.0
    families = dict(itertools.islice(FAMILIES.items(), 1 if options.small else None))
    rows: list[Row] = []
    for name, prompts in families.items():
        members = [marked(prompt, seconds) for prompt in prompts]
        measured(prompts, members[:1])  # imports and tables, which are made once
        result = measured(prompts, members)
        print(result.family.report, end="\n\n")
        jump = _worst_jump(result.errors)
        rows += [
            _row(f"{name}: beat at a crossfade, ms", jump, MOST_JUMP),
            _row(f"{name}: seconds a minute a member", result.took, MOST_SECONDS),
            _row(f"{name}: spread of loudness, LU", _spread(result.family), MOST_SPREAD),
        ]
        if ordered := _as_ordered(members, result.family.bars):
            rows.append(compare(f"{name}: beat at a crossfade, to as ordered, ms", jump, ordered))
    report(rows, options.json)
    return 0


def measured(names: tuple[str, ...], members: list[Marked]) -> Result:
    asked = [
        Member(name, each.samples, each.rate) for name, each in zip(names, members, strict=False)
    ]
    stereo = [each._replace(samples=np.ascontiguousarray(each.samples[:2])) for each in asked]
    begun = time.process_time()
    align(stereo)
    took = time.process_time() - begun
    family = align(asked)
    minutes = sum(each.samples.shape[1] / each.rate for each in members) / 60
    errors = [
        beat_errors(made.samples, family.sample_rate, family.bpm, family.meter)[0]
        for made in family.members
        if not made.problem
    ]
    return Result(family, errors, took / minutes)


def _worst_jump(errors: list[Floats]) -> float:
    """Milliseconds by which the beat jumps from one member to another, at the worst bar."""
    pairs = itertools.permutations(errors, 2)
    return 1000 * max(float(np.abs(one - other).max()) for one, other in pairs)


def _as_ordered(members: list[Marked], bars: int) -> float:
    """The same for the tracks as they come, from their first downbeats on, modulo a beat."""
    beat = 60 / float(np.median([each.tempo for each in members]))
    lines = [np.arange(1, bars) * each.meter * 60 / each.tempo for each in members]
    jumps = [one - other for one, other in itertools.permutations(lines, 2)]
    return 1000 * max(float(np.abs((jump + beat / 2) % beat - beat / 2).max()) for jump in jumps)


def _spread(family: Family) -> float:
    levels = [integrated_loudness(made.samples, family.sample_rate) for made in family.members]
    return max(levels) - min(levels)


def _row(name: str, ours: float, most: float) -> Row:
    return Row(name, ours, most, ours / most, 1.0)
