"""The sections of a piece, made to fill the asked duration."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from .lyrics import Block

LEAD_IN = 0.05  # s before the first note, so that nothing starts in the middle of a wave

# How much of the band plays, 0 to 1.
ENERGY = {
    "intro": 0.5,
    "verse": 0.6,
    "pre-chorus": 0.7,
    "chorus": 0.9,
    "bridge": 0.5,
    "solo": 0.8,
    "outro": 0.45,
    "theme": 0.75,
}
CYCLE = ("verse", "chorus", "verse", "chorus", "bridge", "chorus", "solo", "chorus")


class Section(NamedTuple):
    """A run of bars with one character. `lines` are what is sung in it, as vowels."""

    name: str
    bar: int
    bars: int
    lines: tuple[tuple[str, ...], ...] = ()
    line_bars: int = 2  # bars that one line takes


class Form(NamedTuple):
    """Sections, and the beats that the first bar lacks: a short piece starts with an upbeat."""

    tempo: float
    sections: tuple[Section, ...]
    bars: int
    missing: int

    def beats(self, metre: int) -> int:
        """Beats until the final chord."""
        return self.bars * metre - self.missing


def ring_out(duration: float) -> float:
    """Seconds kept for the final chord, at least."""
    return min(3.2, 0.32 * duration)


def fit_tempo(duration: float, tempo: float, metre: int) -> float:
    """The tempo within 4 % of the given one whose whole bars leave least over."""
    room = duration - LEAD_IN - ring_out(duration)

    def left(candidate: float) -> float:
        bars = room / (60 / candidate * metre)
        return bars - math.floor(bars) + abs(candidate / tempo - 1)

    steps = [round(tempo * (1 + step / 200), 1) for step in range(-8, 9)]
    return min(steps, key=left)


def plan(duration: float, tempo: float, metre: int, song: Sequence[Block]) -> Form:
    """Lays the sections out. `song` holds the lyrics' blocks; none for an instrumental."""
    beats = max(2, math.floor((duration - LEAD_IN - ring_out(duration)) / (60 / tempo)))
    bars, missing = divmod(beats, metre)
    if missing and bars < 4:
        bars, missing = bars + 1, metre - missing
    else:
        missing = 0
    named = song_sections(song, bars, tempo, metre) if song else instrumental_sections(bars)
    return Form(tempo, tuple(placed(named)), bars, missing)


def placed(sections: Sequence[Section]) -> list[Section]:
    bar = 0
    out: list[Section] = []
    for section in sections:
        out.append(section._replace(bar=bar))
        bar += section.bars
    return out


def instrumental_sections(bars: int) -> list[Section]:
    """Intro, verses and choruses of four or eight bars, outro."""
    if bars < 4:
        return [Section("theme", 0, bars)]
    if bars < 10:
        intro = 2 - bars % 2
        return [Section("intro", 0, intro), Section("theme", 0, bars - intro)]
    intro = 2 if bars < 16 else 4
    outro = 2 if bars < 22 else 4
    middle = bars - intro - outro
    unit = 8 if middle >= 24 else 4
    count, rest = divmod(middle, unit)
    names = [CYCLE[i % len(CYCLE)] for i in range(count)]
    # Pieces end on their strongest part.
    names[-1] = "chorus" if count > 1 else "theme"
    sizes = [unit] * count
    if rest >= 4:
        names.insert(-1, "bridge")
        sizes.insert(-1, 4)
        rest -= 4
    sizes[-1] += rest - rest % 2
    outro += rest % 2
    parts = [Section(name, 0, size) for name, size in zip(names, sizes, strict=True)]
    return [Section("intro", 0, intro), *parts, Section("outro", 0, outro)]


def song_sections(song: Sequence[Block], bars: int, tempo: float, metre: int) -> list[Section]:
    """The lyrics' own form. Lines are sung faster if the song would not fit otherwise."""
    intro = 0 if bars < 5 else 1 if bars < 10 else 2 if bars < 24 else 4
    outro = 0 if bars < 12 else 2
    tagged = {block.kind for block in song if not block.lines}
    parts = [block for block in song if block.kind != "intro"]
    out, intro, outro = unhurried(parts, bars, 60 / tempo * metre, intro, outro)
    room = bars - intro - outro
    out = cut(out, room)
    used = sum(section.bars for section in out)
    refrains = [section for section in out if section.name == "chorus"] or out
    spare = room - used
    if spare >= 12 and "outro" not in tagged:
        size = 8 if spare >= 16 else 4
        out.append(Section("solo", 0, size))
        spare -= size
    turn = 0
    while refrains and spare >= refrains[turn % len(refrains)].bars:
        out.append(refrains[turn % len(refrains)])
        spare -= out[-1].bars
        turn += 1
    if spare >= 4:
        size = spare - spare % 2
        out.insert(max(0, len(out) - 1), Section("solo", 0, size))
        spare -= size
    if outro or spare:
        last = out.pop() if out and out[-1].name == "outro" and not out[-1].lines else None
        out.append(Section("outro", 0, outro + spare + (last.bars if last else 0)))
    return [Section("intro", 0, intro), *out] if intro else out


def unhurried(
    parts: Sequence[Block], bars: int, bar_seconds: float, intro: int, outro: int
) -> tuple[list[Section], int, int]:
    """The song at the slowest pace that fits, and its intro and outro: those give way first."""
    out: list[Section] = []
    for pace in (3.2, 4.0, 5.5, 7.5):  # syllables a second
        out = [sung(block, pace, bar_seconds) for block in parts]
        needed = sum(section.bars for section in out)
        for first, last in ((intro, outro), (min(1, intro), 0)):
            if needed + first + last <= bars:
                return out, first, last
    return out, min(1, intro), 0


def sung(block: Block, pace: float, bar_seconds: float) -> Section:
    """A block with the bars that its longest line needs, for every line."""
    if not block.lines:
        return Section(block.kind, 0, 4)
    longest = max(len(line) for line in block.lines)
    line_bars = next((n for n in (1, 2, 4, 8) if longest <= pace * (n * bar_seconds - 0.4)), 8)
    bars = len(block.lines) * line_bars
    return Section(block.kind, 0, bars + bars % 2, block.lines, line_bars)


def cut(sections: Sequence[Section], room: int) -> list[Section]:
    """As many sections as there is room for; the last one may be shortened."""
    out: list[Section] = []
    for section in sections:
        bars = min(section.bars, room)
        if bars <= 0:
            break
        out.append(section._replace(bars=bars))
        room -= bars
    return out
