"""Tunes: a rhythmic motif that comes back, over chords, within a comfortable range."""

from collections.abc import Sequence
from typing import NamedTuple

from numpy.random import Generator

from .theory import Chord


class Note(NamedTuple):
    """Start and length (beats while arranging, seconds in a score), MIDI pitch, velocity 0..1."""

    start: float
    length: float
    pitch: int
    velocity: float
    vowel: str = ""


class Motif(NamedTuple):
    """Onsets and lengths in beats over two bars, and steps of the ladder between notes."""

    onsets: tuple[float, ...]
    lengths: tuple[float, ...]
    steps: tuple[int, ...]


# Onsets within one beat, and how likely at low and at high density.
CELLS: tuple[tuple[tuple[float, ...], float, float], ...] = (
    ((), 1.6, 0.05),
    ((0.0,), 1.3, 0.5),
    ((0.0, 0.5), 0.35, 1.5),
    ((0.5,), 0.3, 0.35),
    ((0.0, 0.75), 0.1, 0.5),
    ((0.0, 0.25, 0.5, 0.75), 0.0, 0.35),
    ((0.0, 0.5, 0.75), 0.0, 0.45),
)
STEPS = (-2, -1, -1, -1, 0, 1, 1, 1, 2)


def choose(rng: Generator, weights: Sequence[float]) -> int:
    """An index, as likely as its weight."""
    mark = rng.random() * sum(weights)
    for index, weight in enumerate(weights):
        mark -= weight
        if mark < 0:
            return index
    return len(weights) - 1


def motif(rng: Generator, metre: int, density: float) -> Motif:
    """Two bars: the second one answers with the first one's rhythm half of the time."""
    weights = [low + (high - low) * density for _, low, high in CELLS]
    bars: list[list[float]] = []
    for bar in range(2):
        if bar == 1 and rng.random() < 0.5:
            bars.append([onset + metre for onset in bars[0]])
            continue
        cells = [CELLS[choose(rng, weights)][0] for _ in range(metre)]
        bars.append([bar * metre + i + part for i, cell in enumerate(cells) for part in cell])
    onsets = bars[0] + bars[1]
    if not onsets or onsets[0] > 1:
        onsets.insert(0, 0.0)
    # Breathe before the motif comes again.
    onsets = [onset for onset in onsets if onset < 2 * metre - 0.75]
    ends = [*onsets[1:], 2.0 * metre]
    lengths = tuple(
        min(end - onset, 2.0 + 2 * (1 - density)) for onset, end in zip(onsets, ends, strict=True)
    )
    drift = int(rng.integers(2)) * 2 - 1  # mostly rising, or mostly falling
    steps: list[int] = []
    for index in range(len(onsets)):
        step = STEPS[int(rng.integers(len(STEPS)))]
        lean = drift if index < len(onsets) / 2 else -drift
        if steps and abs(steps[-1]) > 1:
            # After a leap a tune turns back.
            steps.append(-1 if steps[-1] > 0 else 1)
        else:
            steps.append(step + lean if rng.random() < 0.3 else step)
    return Motif(tuple(onsets), lengths, tuple(steps))


def settle(index: int, rungs: Sequence[int], harmony: Chord, lean: int) -> int:
    """The rung of the ladder nearest to `index` that is in the chord."""
    for distance in range(5):
        for candidate in (index + lean * distance, index - lean * distance):
            inside = 0 <= candidate < len(rungs)
            if inside and rungs[candidate] % 12 in harmony.tones[:4]:
                return candidate
    return index


def bent(pitch: int, harmony: Chord) -> int:
    """The pitch, raised with the chord where it has a leading tone."""
    return pitch + 1 if harmony.raised >= 0 and (pitch + 1) % 12 == harmony.raised else pitch


def reflected(index: int, size: int) -> int:
    """The index turned back at the ends of the range."""
    top = size - 1
    return abs(top - abs(top - index)) if 0 <= abs(top - index) <= 2 * top else top // 2


def tune(
    rng: Generator,
    chords: Sequence[Chord],
    rungs: Sequence[int],
    metre: int,
    density: float,
    closing: bool,
) -> list[Note]:
    """A melody over one chord a bar, in phrases of four bars: a a, b a."""
    first = motif(rng, metre, density)
    second = motif(rng, metre, min(1.0, density + 0.1))
    order = (first, first, second, first)
    start = len(rungs) // 2 + int(rng.integers(-1, 2))
    notes: list[Note] = []
    for bar in range(0, len(chords), 2):
        place = bar // 2
        last = bar + 2 >= len(chords)
        phrase_end = place % 2 == 1 or last
        index = start + (2 if place % 4 == 2 else 0)
        source = order[place % 4]
        for number, (onset, length) in enumerate(zip(source.onsets, source.lengths, strict=True)):
            if bar + int(onset // metre) >= len(chords):
                break
            harmony = chords[bar + int(onset // metre)]
            stop = phrase_end and onset >= (1.0 if bar + 1 == len(chords) else metre)
            step = source.steps[number]
            index = reflected(index + (step if number else 0), len(rungs))
            if onset % metre in (0, 2) or length >= 1 or not number or stop:
                index = settle(index, rungs, harmony, 1 if step > 0 else -1)
            if stop and last and closing:
                home = [i for i, rung in enumerate(rungs) if rung % 12 == harmony.root]
                index = min(home, key=lambda i: abs(i - index), default=index)
            accent = 0.12 if onset % metre == 0 else 0.05 if onset % 1 == 0 else -0.03
            held = (2 * metre - onset) * 0.75 if stop else length * 0.94
            velocity = 0.7 + accent + 0.06 * (rng.random() - 0.5)
            notes.append(Note(bar * metre + onset, held, bent(rungs[index], harmony), velocity))
            if stop:
                break
    return notes


def sing(
    rng: Generator,
    lines: Sequence[tuple[str, ...]],
    line_bars: int,
    chords: Sequence[Chord],
    rungs: Sequence[int],
    metre: int,
) -> list[Note]:
    """One note a syllable; each line is a phrase that ends in a held note and a breath."""
    contour = [STEPS[int(rng.integers(len(STEPS)))] for _ in range(64)]
    start = len(rungs) // 2
    notes: list[Note] = []
    for number, line in enumerate(lines):
        first_bar = number * line_bars
        if first_bar >= len(chords) or not line:
            break
        room = min(line_bars, len(chords) - first_bar) * metre
        grid = next((g for g in (0.5, 0.25, 0.125) if len(line) * g <= room - 1), 0.125)
        spacing = max(grid, min(1.5 if metre == 3 else 1.0, (room - 1) / len(line)))
        onsets = [round(i * spacing / grid) * grid for i in range(len(line))]
        onsets = [onset for onset in onsets if onset < room]
        index = start + (1 if number % 4 == 2 else 0)
        for place, onset in enumerate(onsets):
            final = place == len(onsets) - 1
            harmony = chords[first_bar + int(onset // metre)]
            step = contour[(place + 16 * (number % 2)) % len(contour)]
            step = max(-2, min(2, step))
            index = reflected(index + (step if place else 0), len(rungs))
            if onset % metre in (0, 2) or final or not place:
                index = settle(index, rungs, harmony, 1 if step > 0 else -1)
            end = min(room - 0.25, onset + 3.0) if final else onsets[place + 1]
            accent = 0.1 if onset % metre == 0 else 0.0
            notes.append(
                Note(
                    first_bar * metre + onset,
                    max(grid, end - onset) * 0.95,
                    bent(rungs[index], harmony),
                    0.75 + accent,
                    line[place],
                )
            )
    return notes
