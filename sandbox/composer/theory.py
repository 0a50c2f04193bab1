"""Scales, chords and voice leading. Pitches are MIDI numbers (60 is middle C)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
    """A tonic pitch class (0 is C) and a mode of SCALES."""

    tonic: int
    mode: str

    @property
    def minor(self) -> bool:
        return 3 in SCALES[self.mode]

    @property
    def name(self) -> str:
        return f"{NAMES[self.tonic]} {self.mode}"


def chord(key: Key, token: str, size: int) -> tuple[int, ...]:
    """The pitch classes of a progression's token: `size` stacked thirds, root first."""
    scale = SCALES[key.mode]
    degree = int(token[0]) - 1
    root, third, *others = ((key.tonic + scale[(degree + 2 * i) % 7]) % 12 for i in range(size))
    raised = token.endswith("+") and (third - root) % 12 == 3
    return (root, (third + raised) % 12, *others)


def voicing(tones: Sequence[int], previous: Sequence[int], centre: int) -> tuple[int, ...]:
    """The chord in close position near `centre`, in the inversion that moves least."""
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
