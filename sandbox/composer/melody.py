"""Tunes: a rhythm that comes back, over chords, within a comfortable range."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Note(NamedTuple):
    """Start and length in beats, MIDI pitch, velocity 0 to 1. A drum has no pitch: 0."""

    start: float
    length: float
    pitch: int
    velocity: float


# Onsets within one beat, and how likely they are in a thin and in a dense melody.
CELLS = ((), (0.0,), (0.0, 0.5), (0.5,), (0.0, 0.75), (0.0, 0.25, 0.5, 0.75))
THIN = (1.6, 1.3, 0.35, 0.3, 0.1, 0.0)
DENSE = (0.05, 0.5, 1.5, 0.35, 0.5, 0.35)
STEPS = (-2, -1, -1, -1, 0, 1, 1, 1, 2)


def pick(rng: Random, choices: Sequence[T]) -> T:
    """One of the choices. `Random.random` alone is the same in every version of Python."""
    return choices[int(rng.random() * len(choices))]


def rhythm(rng: Random, metre: int, density: float) -> list[float]:
    """Onsets in beats over two bars, with a breath at the end."""
    weights = (a + (b - a) * density for a, b in zip(THIN, DENSE, strict=True))
    marks = list(itertools.accumulate(weights))
    cells = [CELLS[bisect.bisect(marks, rng.random() * marks[-1])] for _ in range(2 * metre)]
    onsets = [beat + part for beat, cell in enumerate(cells) for part in cell]
    kept = [onset for onset in onsets if onset < 2 * metre - 0.75]
    return kept if kept and kept[0] <= 1 else [0.0, *kept]


class Ground(NamedTuple):
    """What a tune stands on: one chord a bar, the pitches that it may use, beats in a bar."""

    chords: Sequence[tuple[int, ...]]
    rungs: Sequence[int]
    metre: int


def tune(rng: Random, ground: Ground, density: float) -> list[Note]:
    """A melody in phrases of two bars, in the order a a b a."""
    rhythms = [rhythm(rng, ground.metre, min(1.0, density + more)) for more in (0.0, 0.1)]
    contours = [[pick(rng, STEPS) for _ in range(32)] for _ in range(2)]
    notes: list[Note] = []
    for place, bar in enumerate(range(0, len(ground.chords), 2)):
        other = place % 4 == 2
        under = ground._replace(chords=ground.chords[bar : bar + 2])
        span = len(under.chords) * ground.metre
        # The second half of a phrase comes to rest.
        stop = span / 2 if place % 2 else span - 0.25
        onsets = [onset for onset in rhythms[other] if onset <= stop]
        notes += phrase(onsets, under, contours[other], bar * ground.metre, other)
    return notes


def sing(rng: Random, ground: Ground, lines: Sequence[int], line_bars: int) -> list[Note]:
    """One note a syllable; each line is a phrase that ends in a held note and a breath."""
    contours = [[pick(rng, STEPS) for _ in range(64)] for _ in range(2)]
    notes: list[Note] = []
    # Lines for which no bars are left are not sung.
    heard = lines[: -(-len(ground.chords) // line_bars)]
    for number, count in enumerate(heard):
        bar = number * line_bars
        under = ground._replace(chords=ground.chords[bar : bar + line_bars])
        span = len(under.chords) * ground.metre
        grid = next((g for g in (0.5, 0.25) if count * g <= span - 1), 0.125)
        spacing = max(grid, min(1.0, (span - 1) / count))
        onsets = [round(i * spacing / grid) * grid for i in range(count)]
        onsets = [onset for onset in onsets if onset < span - 0.25]
        notes += phrase(onsets, under, contours[number % 2], bar * ground.metre, number % 4 == 2)
    return notes


def phrase(
    onsets: Sequence[float], ground: Ground, contour: Sequence[int], begin: float, higher: bool
) -> list[Note]:
    """Notes at the onsets, which walk along the rungs and meet the chord on strong beats."""
    chords, rungs, metre = ground
    span = len(chords) * metre
    notes: list[Note] = []
    index = len(rungs) // 2 + (2 if higher else 0)
    for place, onset in enumerate(onsets):
        last = place == len(onsets) - 1
        step = contour[place % len(contour)] if place else 0
        # It turns back at the ends of the range.
        top = len(rungs) - 1
        index = max(0, top - abs(top - abs(index + step)))
        if onset % metre in (0, 2) or last:
            index = settled(index, rungs, chords[int(onset // metre)], 1 if step > 0 else -1)
        end = min(span - 0.25, onset + 3.0) if last else onsets[place + 1]
        accent = 0.12 if onset % metre == 0 else 0.05 if onset % 1 == 0 else -0.03
        length = min(end - onset, 3.0) * 0.94
        notes.append(Note(begin + onset, length, rungs[index], 0.7 + accent))
    return notes


def settled(index: int, rungs: Sequence[int], tones: tuple[int, ...], lean: int) -> int:
    """The rung nearest to `index` that is in the chord."""
    inside = [place for place, pitch in enumerate(rungs) if pitch % 12 in tones]
    return min(inside, key=lambda place: abs(place - index - 0.1 * lean), default=index)
