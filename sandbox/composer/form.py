"""The sections of a piece, in whole bars that fill the duration."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from .lyrics import Block

LEAD_IN = 0.05  # s before the first bar, so that its attack is whole


class Character(NamedTuple):
    """How loud a section is, 0 to 1, and who plays.

    "drums" is the whole groove, "beat" is it without what rings, "pulse" its first strokes alone.
    """

    energy: float
    roles: str


CHARACTERS: dict[str, Character] = {
    "intro": Character(0.25, "chords pad pulse"),
    "verse": Character(0.4, "chords bass lead beat"),
    "chorus": Character(0.95, "chords bass lead beat pad arp drums"),
    "bridge": Character(0.45, "pad arp bass lead pulse"),
    "solo": Character(0.8, "chords bass lead beat pad drums"),
    "outro": Character(0.45, "chords pad bass beat"),
    "ending": Character(1.0, ""),
}


class Section(NamedTuple):
    """A run of bars of one kind, and the syllables of each line that is sung in it."""

    name: str
    bar: int  # the first one, counted from 0
    bars: int
    lines: tuple[int, ...] = ()
    line_bars: int = 2


def playing_time(duration: float) -> float:
    """Seconds before the final chord, at most."""
    return duration - LEAD_IN - min(3.2, 0.32 * duration)


def whole_bars(duration: float, bar: float) -> int:
    """How many bars of `bar` seconds stand before the final chord."""
    return max(1, int(playing_time(duration) / bar))


def fit_tempo(duration: float, tempo: int, metre: int) -> int:
    """The tempo within 4 % of the given one whose bars leave the shortest final chord."""
    room, reach = playing_time(duration), tempo // 25
    return min(range(tempo - reach, tempo + reach + 1), key=lambda bpm: room % (60 / bpm * metre))


def plan(bars: int, bar: float, song: Sequence[Block]) -> tuple[Section, ...]:
    """The sections of `bars` bars of `bar` seconds. Without a `song` they are instrumental."""
    sections = sung(bars, bar, song) if song else instrumental(bars)
    ends = itertools.accumulate(part.bars for part in sections)
    return tuple(p._replace(bar=end - p.bars) for p, end in zip(sections, ends, strict=True))


def instrumental(bars: int) -> list[Section]:
    """Verses and choruses between an intro and an outro."""
    if bars < 5:
        return [Section("chorus", 0, bars)]
    if bars < 12:
        half = (bars - 1) // 2
        sizes = {"intro": bars - 2 * half, "verse": half, "chorus": half}
        return [Section(name, 0, size) for name, size in sizes.items()]
    intro = 2 if bars < 20 else 4
    unit = 4 if bars < 40 else 8
    count, rest = divmod(bars - intro - 2, unit)
    names = ["verse", "chorus"] * (count // 2)
    if count % 2:
        names.insert(-1, "bridge")
    parts = [Section(name, 0, unit) for name in names]
    return [Section("intro", 0, intro), *parts, Section("outro", 0, 2 + rest)]


def sung(bars: int, bar: float, song: Sequence[Block]) -> list[Section]:
    """The form of the lyrics, sung faster where it would not fit, and its choruses repeated."""
    intro = 0 if bars < 5 else 1 if bars < 10 else 2 if bars < 24 else 4
    room = bars - intro
    parts: list[Section] = []
    for pace in (3.2, 4.0, 5.5, 7.5):  # syllables a second
        parts = [block_section(block, pace, bar) for block in song if block.kind != "intro"]
        if sum(part.bars for part in parts) <= room:
            break
    out = [Section("intro", 0, intro)]
    again = [part for part in parts if part.name == "chorus"] or parts
    for place, part in enumerate([*parts, *again * room]):
        if place < len(parts) or part.bars <= room:
            out.append(part._replace(bars=min(part.bars, room)))
            room -= out[-1].bars
    out.append(Section("outro", 0, room))
    return [section for section in out if section.bars]


def block_section(block: Block, pace: float, bar: float) -> Section:
    """A block with as many bars for every line as its longest line needs."""
    longest = max(block.lines, default=0)
    line_bars = next((n for n in (1, 2, 4) if longest <= pace * (n * bar - 0.4)), 8)
    count = len(block.lines) * line_bars or 4
    return Section(block.kind, 0, count + count % 2, block.lines, line_bars)
