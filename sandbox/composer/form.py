"""The sections of a piece, in whole bars that fill the duration. Lyrics define their order."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

# Lyrics

# Tags of ACE-Step and similar models: [verse], [Chorus 2], 【副歌】. The first match wins.
TAGS = {
    "intro": "intro|前奏",
    "chorus": "chorus|hook|refrain|drop|副歌",
    "verse": "verse|主歌",
    "bridge": "bridge|break|build|桥|间奏",
    "solo": "solo|inst|interlude|独奏",
    "outro": "outro|end|coda|尾声|尾奏",
}


class Block(NamedTuple):
    """One part of a song: its kind, and the number of its lines with words."""

    kind: str
    lines: int


def blocks(lyrics: str) -> list[Block]:
    """The parts of the lyrics in order. Without tags, verse and chorus alternate."""
    found: list[Block] = []
    tagged = False
    for line in map(str.strip, lyrics.lower().splitlines()):
        tag = re.fullmatch(r"[\[【]([^\]】]*)[\]】]", line)
        if tag:
            kinds = (kind for kind, words in TAGS.items() if re.search(words, tag[1]))
            found.append(Block(next(kinds, "verse"), 0))
            tagged = True
        elif not line and not tagged and found:
            found.append(Block("chorus" if len(found) % 2 else "verse", 0))
        elif re.search(r"\w", re.sub(r"\[[^\]]*\]", " ", line)):
            kind, lines = found.pop() if found else ("verse", 0)
            found.append(Block(kind, lines + 1))
    return [block for block in found if block.lines or tagged]


# Sections

LEAD_IN = 0.05  # s before the first bar, so that its attack is not cut


class Character(NamedTuple):
    """How loud a section is, 0 to 1, and the roles that play.

    "drums" is the whole groove, "beat" has no open cymbals, "pulse" has only the first strokes.
    """

    energy: float
    roles: str


CHARACTERS: dict[str, Character] = {
    "intro": Character(0.25, "chords pad pulse"),
    "verse": Character(0.4, "chords bass lead beat"),
    "chorus": Character(0.95, "chords bass lead beat pad drums"),
    "bridge": Character(0.45, "pad bass lead pulse"),
    "solo": Character(0.8, "chords bass lead beat pad drums"),
    "outro": Character(0.45, "chords pad bass beat"),
    "ending": Character(1.0, ""),
}


class Section(NamedTuple):
    """Consecutive bars of one kind."""

    name: str
    bar: int  # the first bar, counted from 0
    bars: int
    is_sung: bool = False


def plan(bars: int, song: Sequence[Block]) -> tuple[Section, ...]:
    """The sections of `bars` bars. Without a `song` the piece is instrumental."""
    sections = sung(bars, song) if song else instrumental(bars)
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


def sung(bars: int, song: Sequence[Block]) -> list[Section]:
    """The form of the lyrics: two bars a line, or one if the duration is too short. Choruses may
    repeat."""
    intro = 0 if bars < 5 else 1 if bars < 10 else 2 if bars < 24 else 4
    room = bars - intro
    lines = sum(block.lines or 2 for block in song)
    line_bars = 2 if 2 * lines <= room else 1
    parts = [
        Section(block.kind, 0, (block.lines or 2) * line_bars, block.lines > 0)
        for block in song
        if block.kind != "intro"
    ]
    out = [Section("intro", 0, intro)]
    choruses = [part for part in parts if part.name == "chorus"] or parts
    for index, part in enumerate([*parts, *choruses * room]):
        if index < len(parts) or part.bars <= room:
            out.append(part._replace(bars=min(part.bars, room)))
            room -= out[-1].bars
    out.append(Section("outro", 0, room))
    return [section for section in out if section.bars]
