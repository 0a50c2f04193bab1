"""Scales, chords and tunes. Pitches are MIDI numbers (60 is middle C)."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar

T = TypeVar("T")

# Scales and chords

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}

# Scale degrees, one a bar. "+" raises the third: the leading tone of a minor key's dominant.
PROGRESSIONS: dict[str, tuple[str, ...]] = {
    "major": ("1 5 6 4", "1 6 4 5", "1 4 6 5", "1 3 4 5", "6 4 1 5", "4 5 3 6", "4 1 5 6"),
    "minor": ("1 6 3 7", "1 7 6 7", "1 4 6 5+", "1 6 4 5+", "6 7 1 1", "4 1 6 5+", "6 4 1 5"),
    "dorian": ("1 4 1 4", "1 7 4 1", "1 3 4 1"),
    "phrygian": ("1 2 1 7", "1 2 3 2", "1 7 2 1"),
    "mixolydian": ("1 7 4 1", "1 4 7 4", "1 5 7 4"),
}


class Key(NamedTuple):
    """A key: its tonic's pitch class (0 is C), and its mode in SCALES."""

    tonic: int
    mode: str

    @property
    def minor(self) -> bool:
        return 3 in SCALES[self.mode]

    @property
    def name(self) -> str:
        return f"{NAMES[self.tonic]} {self.mode}"


def chord(key: Key, token: str, size: int) -> tuple[int, ...]:
    """The pitch classes of a chord in a progression: `size` stacked thirds, root first."""
    scale = SCALES[key.mode]
    degree = int(token[0]) - 1
    root, third, *others = ((key.tonic + scale[(degree + 2 * i) % 7]) % 12 for i in range(size))
    raised = token.endswith("+") and (third - root) % 12 == 3
    return (root, (third + raised) % 12, *others)


def voicing(tones: Sequence[int], previous: Sequence[int], centre: int) -> tuple[int, ...]:
    """The chord in close position near `centre`, in the inversion nearest to `previous`."""
    stacks: list[tuple[int, ...]] = []
    for turn in range(len(tones)):
        rotated = [*tones[turn:], *tones[:turn]]
        stack = [centre - 8 + (rotated[0] - centre + 8) % 12]
        for tone in rotated[1:]:
            stack.append(stack[-1] + 1 + (tone - stack[-1] - 1) % 12)
        stacks += [tuple(stack), tuple(pitch - 12 for pitch in stack)]

    def cost(pitches: tuple[int, ...]) -> float:
        travel = sum(abs(a - b) for a, b in zip(pitches, previous, strict=False))
        return travel + 1.5 * abs(sum(pitches) / len(pitches) - centre)

    return min(stacks, key=cost)


def ladder(key: Key, low: int, high: int, *, pentatonic: bool) -> list[int]:
    """Every pitch of the key from `low` to `high`, or of its five-note scale."""
    five = (0, 2, 3, 4, 6) if key.minor else (0, 1, 2, 4, 5)
    scale = [SCALES[key.mode][degree] for degree in (five if pentatonic else range(7))]
    return [pitch for pitch in range(low, high + 1) if (pitch - key.tonic) % 12 in scale]


def nearest(pitch_class: int, around: int) -> int:
    """The pitch of that class closest to `around`."""
    return around + (pitch_class - around + 6) % 12 - 6


# Tunes


class Note(NamedTuple):
    """Start and length in beats, MIDI pitch, velocity 0 to 1. A drum has no pitch: 0."""

    start: float
    length: float
    pitch: int
    velocity: float


# Onsets within one beat, and their weights in a melody with few and with many notes.
CELLS = ((), (0.0,), (0.0, 0.5), (0.5,), (0.0, 0.75), (0.0, 0.25, 0.5, 0.75))
THIN = (1.6, 1.3, 0.35, 0.3, 0.1, 0.0)
DENSE = (0.05, 0.5, 1.5, 0.35, 0.5, 0.35)
STEPS = (-2, -1, -1, -1, 0, 1, 1, 1, 2)


def pick(rng: Random, choices: Sequence[T]) -> T:
    """One of the choices. In `Random`, only `random` is the same in every Python."""
    return choices[int(rng.random() * len(choices))]


def rhythm(rng: Random, metre: int, density: float) -> list[float]:
    """Onsets in beats over two bars, with a pause at the end."""
    weights = (a + (b - a) * density for a, b in zip(THIN, DENSE, strict=True))
    marks = list(itertools.accumulate(weights))
    cells = [CELLS[bisect.bisect(marks, rng.random() * marks[-1])] for _ in range(2 * metre)]
    onsets = [beat + part for beat, cell in enumerate(cells) for part in cell]
    before_breath = [onset for onset in onsets if onset < 2 * metre - 0.75]
    return before_breath if before_breath and before_breath[0] <= 1 else [0.0, *before_breath]


class Ground(NamedTuple):
    """The harmony below a tune: one chord a bar, the pitches that it may use, beats in a bar."""

    chords: Sequence[tuple[int, ...]]
    rungs: Sequence[int]
    metre: int


def tune(rng: Random, ground: Ground, density: float) -> list[Note]:
    """A melody in phrases of two bars, in the order a a b a."""
    rhythms = [rhythm(rng, ground.metre, min(1.0, density + more)) for more in (0.0, 0.1)]
    contours = [[pick(rng, STEPS) for _ in range(32)] for _ in range(2)]
    notes: list[Note] = []
    for number, bar in enumerate(range(0, len(ground.chords), 2)):
        other = number % 4 == 2
        under = ground._replace(chords=ground.chords[bar : bar + 2])
        span = len(under.chords) * ground.metre
        # The second half of a phrase comes to rest.
        stop = span / 2 if number % 2 else span - 0.25
        onsets = [onset for onset in rhythms[other] if onset <= stop]
        notes += phrase(onsets, under, contours[other], bar * ground.metre, other)
    return notes


def phrase(
    onsets: Sequence[float], ground: Ground, contour: Sequence[int], begin: float, higher: bool
) -> list[Note]:
    """Notes at the onsets. They move along the rungs, and are chord tones on strong beats."""
    chords, rungs, metre = ground
    span = len(chords) * metre
    notes: list[Note] = []
    index = len(rungs) // 2 + (2 if higher else 0)
    for number, onset in enumerate(onsets):
        last = number == len(onsets) - 1
        step = contour[number % len(contour)] if number else 0
        # The tune turns back at the ends of the range.
        top = len(rungs) - 1
        index = max(0, top - abs(top - abs(index + step)))
        if onset % metre in (0, 2) or last:
            index = settled(index, rungs, chords[int(onset // metre)], 1 if step > 0 else -1)
        end = min(span - 0.25, onset + 3.0) if last else onsets[number + 1]
        accent = 0.12 if onset % metre == 0 else 0.05 if onset % 1 == 0 else -0.03
        length = min(end - onset, 3.0) * 0.94
        notes.append(Note(begin + onset, length, rungs[index], 0.7 + accent))
    return notes


def settled(index: int, rungs: Sequence[int], tones: tuple[int, ...], lean: int) -> int:
    """The nearest rung to `index` that belongs to the chord."""
    inside = [number for number, pitch in enumerate(rungs) if pitch % 12 in tones]
    return min(inside, key=lambda number: abs(number - index - 0.1 * lean), default=index)
