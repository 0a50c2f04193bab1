"""Scales, chords, progressions and voice leading. Pitches are MIDI numbers (60 is middle C)."""

from collections.abc import Sequence
from typing import NamedTuple

from numpy.random import Generator

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}

# Scale degrees of the five-note scales inside a seven-note one: the steps that never clash.
PENTATONIC_MAJOR = (0, 1, 2, 4, 5)
PENTATONIC_MINOR = (0, 2, 3, 4, 6)

# By degree, a bar each; "+" raises the third (the leading tone of a minor key's dominant).
PROGRESSIONS: dict[str, tuple[str, ...]] = {
    "major": (
        "1 5 6 4",
        "1 6 4 5",
        "1 4 6 5",
        "1 3 4 5",
        "1 2 4 5",
        "1 4 1 5",
        "1 6 2 5",
        "6 4 1 5",
        "4 5 3 6",
        "4 1 5 6",
    ),
    "minor": (
        "1 6 3 7",
        "1 7 6 7",
        "1 4 6 5",
        "1 6 4 5+",
        "1 3 7 4",
        "1 4 7 3",
        "1 5 6 4",
        "6 7 1 1",
        "4 1 6 5+",
        "6 4 1 5",
    ),
    "jazz major": ("2 5 1 6", "1 6 2 5", "1 4 2 5", "1 3 2 5", "4 5 1 6"),
    "jazz minor": ("1 4 7 3", "2 5+ 1 1", "1 6 2 5+", "4 5+ 1 6", "1 6 4 5+"),
    "dorian": ("1 4 1 4", "1 7 4 1", "1 4 7 4", "1 3 4 1"),
    "phrygian": ("1 2 1 7", "1 2 3 2", "1 7 2 1"),
    "lydian": ("1 2 1 2", "1 2 6 5", "1 5 2 1"),
    "mixolydian": ("1 7 4 1", "1 4 7 4", "1 5 7 4"),
    "still": ("1 1 4 1", "1 6 1 4", "1 1 6 1", "1 4 1 6"),
    "blues": ("1 4 1 1 4 4 1 1 5 4 1 5", "1 1 1 1 4 4 1 1 5 5 1 1"),
}


class Key(NamedTuple):
    """A tonic pitch class (0 is C) and a mode that SCALES knows."""

    tonic: int
    mode: str

    @property
    def minor(self) -> bool:
        return 3 in SCALES[self.mode]

    @property
    def name(self) -> str:
        return f"{NAMES[self.tonic]} {self.mode}"


class Chord(NamedTuple):
    """Pitch classes of a chord: root first, then third, fifth and so on."""

    tones: tuple[int, ...]
    raised: int = -1  # the pitch class that was raised out of the scale, -1 for none

    @property
    def root(self) -> int:
        return self.tones[0]


def chord(key: Key, token: str, size: int) -> Chord:
    """The chord that a progression's token names, of `size` stacked thirds."""
    scale = SCALES[key.mode]
    degree = int(token[0]) - 1
    tones = [(key.tonic + scale[(degree + 2 * i) % 7]) % 12 for i in range(size)]
    raised = -1
    if token.endswith("+") and (tones[1] - tones[0]) % 12 == 3:
        tones[1] = raised = (tones[1] + 1) % 12
    return Chord(tuple(tones), raised)


def progression(key: Key, family: str, rng: Generator, *, home: bool = False) -> list[str]:
    """Four tokens that suit the key; `family` is "" for plain, or "jazz", "still", "blues".

    With `home` they begin on the tonic.
    """
    colour = "minor" if key.minor else "major"
    if family in ("still", "blues"):
        name = family
    elif family == "jazz":
        name = f"jazz {colour}"
    else:
        name = key.mode
    choices = [line for line in PROGRESSIONS[name] if not home or line[0] == "1"]
    return choices[int(rng.integers(len(choices)))].split()


def voicing(
    harmony: Chord, previous: Sequence[int], centre: int, *, rootless: bool = False
) -> tuple[int, ...]:
    """The chord in close position, in the inversion that moves least from the previous one.

    Rootless drops the root of chords of four tones or more: the bass has it.
    """
    tones = harmony.tones[1:] if rootless and len(harmony.tones) > 3 else harmony.tones
    best: tuple[int, ...] = tones
    best_cost = float("inf")
    for turn in range(len(tones)):
        rotated = [*tones[turn:], *tones[:turn]]
        lowest = centre - 8 + (rotated[0] - centre + 8) % 12
        stack = [lowest]
        for tone in rotated[1:]:
            stack.append(stack[-1] + 1 + (tone - stack[-1] - 1) % 12)
        for shift in (-12, 0):
            pitches = tuple(pitch + shift for pitch in stack)
            middle = sum(pitches) / len(pitches)
            travel = sum(abs(a - b) for a, b in zip(pitches, previous, strict=False))
            cost = travel + 1.5 * abs(middle - centre)
            if cost < best_cost:
                best, best_cost = pitches, cost
    return best


def ladder(key: Key, low: int, high: int, *, pentatonic: bool) -> list[int]:
    """Every pitch of the key from low to high, or of its five-note scale."""
    scale = SCALES[key.mode]
    if pentatonic:
        degrees = PENTATONIC_MINOR if key.minor else PENTATONIC_MAJOR
        scale = tuple(scale[degree] for degree in degrees)
    return [pitch for pitch in range(low, high + 1) if (pitch - key.tonic) % 12 in scale]


def nearest(pitch_class: int, around: int) -> int:
    """The pitch of that class closest to `around`."""
    return around + (pitch_class - around + 6) % 12 - 6
