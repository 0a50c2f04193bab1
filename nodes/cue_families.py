"""Families of a cue sheet: the rows between which a game switches, ordered with one tempo, one key
and one length."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..api.base.plain_text import shortened
from .cue_cells import seconds_of

USUAL_TEMPO = "100 bpm"
"""The tempo of a family whose prompts do not name one. Without it, the model would choose another
tempo for each track."""

_NUMBER = r"(\d{2,3}(?:[.,]\d+)?)"
_TEMPO = re.compile(rf"{_NUMBER}\s*-?\s*(?:bpm|beats per minute|拍)|bpm\s*[:=]?\s*{_NUMBER}", re.I)
_KEY = re.compile(
    r"(?<![A-Za-z])([A-G](?:\s?[#♯♭b]|[\s-](?i:sharp|flat))?[\s-]+(?i:major|minor))\b"
    r"|([升降]?[A-G][大小][调調])"
)


class CueRow(NamedTuple):
    """A row of a sheet, before it is a request. `values`: the cells by column."""

    line: int
    values: dict[str, str]

    @property
    def family(self) -> str:
        return " ".join(self.values["family"].split())

    @property
    def intensity(self) -> str:
        return " ".join(self.values["intensity"].split())


def order_together(rows: Sequence[CueRow]) -> Iterator[tuple[int, str]]:
    """Give the rows of each family one tempo, one key and one length, and its name to a row without
    a name.

    Rows change in place: a prompt gets the intensity, the tempo and the key that it lacks.

    Yields:
        (line, sentence) of a row that contradicts an earlier row of its family.
    """
    families: dict[str, list[CueRow]] = defaultdict(list)
    for row in rows:
        if row.family:
            families[row.family.casefold()].append(row)
        # A number alone says nothing to a model.
        number = row.intensity.isdecimal()
        _add(row, f"intensity {row.intensity}" if number else row.intensity)
    for family in families.values():
        yield from _shared(family)


def _shared(family: Sequence[CueRow]) -> Iterator[tuple[int, str]]:
    found: dict[str, tuple[str, int]] = {}
    for row in family:
        prompt = row.values["prompt"]
        own = {"tempo": _tempo_of(prompt), "key": _key_of(prompt), "length": _length_of(row)}
        for what, value in own.items():
            first, line = found.setdefault(what, (value, row.line)) if value else (value, row.line)
            if first.casefold() != value.casefold():
                yield (
                    row.line,
                    f"its {what} is {shortened(value, 40)}, and line {line} of the family "
                    f"“{shortened(row.family, 40)}” has {shortened(first, 40)}: give the family "
                    "one.",
                )
    tempo = found.get("tempo", (USUAL_TEMPO, 0))[0]
    key = found.get("key", ("", 0))[0]
    length = found.get("length", ("", 0))[0]
    for row in family:
        _add(row, "" if _tempo_of(row.values["prompt"]) else tempo)
        _add(row, "" if _key_of(row.values["prompt"]) else key)
        row.values["seconds"] = row.values["seconds"] or length
        if not row.values["name"] and row.intensity:
            row.values["name"] = f"{row.family} {row.intensity}"


def news_of(family: str, prompt: str) -> str:
    """The tempo and the key that the rows of a family got, by the prompt of one of them."""
    key = _key_of(prompt)
    shown = f"all in {key}" if key else "no key is given, so the model chooses one for each track"
    return f"Family {family}: {_tempo_of(prompt)}, {shown}."


def _add(row: CueRow, words: str) -> None:
    """Add words to a prompt that lacks them. An empty prompt stays, so that it is refused."""
    prompt = row.values["prompt"]
    if words and prompt and words.casefold() not in prompt.casefold():
        row.values["prompt"] = f"{prompt}, {words}"


def _length_of(row: CueRow) -> str:
    """The length as `30 s`; "" for an empty cell, and for a cell that is not a length."""
    length = row.values["seconds"]
    seconds = seconds_of(length) if length else None
    return f"{seconds:g} s" if isinstance(seconds, float) else ""


def _tempo_of(prompt: str) -> str:
    found = _TEMPO.search(prompt)
    if found is None:
        return ""
    return f"{float((found[1] or found[2]).replace(',', '.')):g} bpm"


def _key_of(prompt: str) -> str:
    found = _KEY.search(prompt)
    return " ".join((found[1] or found[2]).split()) if found else ""
