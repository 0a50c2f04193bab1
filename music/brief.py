"""A music brief in plain words, made from the measures of a clip and an editable table."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

TABLE = Path(__file__).with_name("brief_table.txt")

PARTS = ("mood", "energy", "tempo", "instruments", "rhythm", "voice", "ending")
WORDS = {
    "rhythm": ("even", "uneven", "quickening", "few cuts", "no cuts"),
    "light": ("day", "night", "fire", "neon"),
}
"""The measures whose values are words. All others are numbers."""
NUMBERS = (
    "seconds", "cuts", "motion", "brightness", "contrast", "saturation", "warmth", "loudness",
    "speech",
)  # fmt: skip
SILENT = -100.0
"""Loudness of a clip without sound."""

Measures = Mapping[str, "float | str"]
"""A value for each name of `NUMBERS` and `WORDS`."""

_SECTIONS = 5
_SHORTEST = 3.0
"""Seconds of the shortest part of a form."""
_DIFFERS = 0.25
"""A section is calm or intense if its energy differs from the mean by more than this share."""


class Rule(NamedTuple):
    """A line of the table: `conditions` are (name, "above", "below" or "is", value)."""

    part: str
    conditions: tuple[tuple[str, str, float | str], ...]
    words: str

    def holds(self, measures: Measures) -> bool:
        return all(_holds(measures[name], how, value) for name, how, value in self.conditions)


def brief(
    measures: Measures,
    cuts: Sequence[tuple[float, float]],
    energy: Sequence[float],
    wish: str = "",
    rules: Sequence[Rule] | None = None,
) -> str:
    """The words of a brief: the wish, mood, energy, tempo, instruments, form and ending.

    Args:
        measures: see `Measures`.
        cuts: seconds and strength of each cut, in the order of time.
        energy: the movement of the picture in each second, in any unit.
        rules: lines of a table; None: the lines of `TABLE`.

    >>> measures = dict.fromkeys(NUMBERS, 0.0) | {"rhythm": "no cuts", "light": "day"}
    >>> brief(measures | {"seconds": 8.0, "brightness": 80.0}, [], [0.0] * 8, "a solo cello")
    ... # doctest: +NORMALIZE_WHITESPACE
    'a solo cello. Instrumental music for a film of 8 seconds: bright, serene, airy; very low
    energy; very slow tempo; piano, flute, light strings; a settled final chord.'
    """
    found = {part: words_for(part, measures, rules or read_table()) for part in PARTS}
    seconds = float(measures["seconds"])
    parts = [found[part] for part in PARTS[:-1]]
    parts += [form(seconds, cuts, energy), found["ending"]]
    words = "; ".join(part for part in parts if part)
    wish = wish.strip().rstrip(".")
    start = f"{wish}. " if wish else ""
    return f"{start}Instrumental music for a film of {seconds:.0f} seconds: {words}."


def words_for(part: str, measures: Measures, rules: Sequence[Rule]) -> str:
    """The words of the first line of a part whose condition is true."""
    return next((rule.words for rule in rules if rule.part == part and rule.holds(measures)), "")


@functools.cache
def read_table(path: Path = TABLE) -> tuple[Rule, ...]:
    """The lines of a table. ValueError: a line breaks the rules at the top of the table."""
    lines = enumerate(path.read_text("utf-8").splitlines(), start=1)
    return tuple(
        _rule(line, number) for number, line in lines if line.strip() and line.strip()[0] != "#"
    )


def _rule(line: str, number: int) -> Rule:
    cells = [cell.strip() for cell in line.split("|")]
    if len(cells) != 3 or cells[0] not in PARTS:
        raise ValueError(
            f"Line {number} of {TABLE.name} is “{line[:60]}”: expected PART | CONDITION | WORDS, "
            f"with one of the parts {', '.join(PARTS)}."
        )
    part, condition, words = cells
    texts = [] if condition == "always" else condition.split(" and ")
    return Rule(part, tuple(_condition(text, number) for text in texts), words)


def _condition(text: str, number: int) -> tuple[str, str, float | str]:
    name, _, rest = text.strip().partition(" ")
    how, _, value = rest.partition(" ")
    if how == "is" and value in WORDS.get(name, ()):
        return name, how, value
    try:
        if how in ("above", "below") and name in NUMBERS and math.isfinite(float(value)):
            return name, how, float(value)
    except ValueError:
        pass
    raise ValueError(
        f"Line {number} of {TABLE.name} has the condition “{text[:60]}”: expected NAME above "
        "NUMBER, NAME below NUMBER, or NAME is WORD, with the names of the table's head."
    )


def _holds(measure: float | str, how: str, value: float | str) -> bool:
    if how == "is":
        return measure == value
    return float(measure) > float(value) if how == "above" else float(measure) < float(value)


def form(seconds: float, cuts: Sequence[tuple[float, float]], energy: Sequence[float]) -> str:
    """A phrase on the sections of the clip and the times of their borders; empty for one section.

    The borders are the strongest cuts. The energy of a section counts its cuts and its movement.
    """
    turns: list[float] = []
    for time, _ in sorted(cuts, key=lambda cut: (-cut[1], cut[0])):
        near = min(abs(time - other) for other in (0.0, seconds, *turns))
        if len(turns) < _SECTIONS - 1 and near >= max(_SHORTEST, seconds / 10):
            turns.append(time)
    if not turns:
        return ""
    edges = [0.0, *sorted(turns), seconds]
    levels = [_level(low, high, cuts, energy) for low, high in pairwise(edges)]
    mean = float(np.mean(levels)) or 1.0
    names = []
    for number, level in enumerate(levels):
        word = "calm" if level < mean * (1 - _DIFFERS) else "steady"
        word = "intense" if level > mean * (1 + _DIFFERS) else word
        where = f"{word} opening" if not number else f"{word} from {clock(edges[number])}"
        names.append(where)
    return "form: " + ", ".join(names)


def clock(seconds: float) -> str:
    """Minutes and seconds: 1:05."""
    return f"{int(seconds + 0.5) // 60}:{int(seconds + 0.5) % 60:02}"


def _level(
    low: float, high: float, cuts: Sequence[tuple[float, float]], energy: Sequence[float]
) -> float:
    inside = sum(low < time < high for time, _ in cuts)
    moved = np.asarray(energy[int(low) : max(int(low) + 1, math.ceil(high))] or [0.0])
    return 60 * inside / (high - low) + float(moved.mean())
