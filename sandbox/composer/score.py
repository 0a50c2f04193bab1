"""Make a score from a style and a form: all notes of all players, on an exact grid of beats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from .form import CHARACTERS, LEAD_IN, Section
from .genres import INSTRUMENTS, named
from .melody import PROGRESSIONS, Ground, Note, chord, ladder, nearest, pick, tune, voicing
from .style import Style

STROKES = {"X": 1.0, "x": 0.7, "o": 0.4}
BASS = 39  # the middle pitch of bass roots
HELD = 64.0  # beats: longer than any piece's last chord


class Part(NamedTuple):
    """The notes of one player: its role, and its instrument or drum."""

    role: str
    sound: str
    notes: list[Note]


class Score(NamedTuple):
    """A piece as data. Beat 0 is the first downbeat; `final` is the time of the last one.

    The last section is the ending: one held chord.
    """

    style: Style
    sections: tuple[Section, ...]
    parts: tuple[Part, ...]
    colour: float  # 0 to 1: sets the drums' tuning and the partials' phases

    def seconds(self, beat: float) -> float:
        """The time of a beat in seconds after the first sample."""
        return LEAD_IN + beat * 60 / self.style.tempo

    def start(self, section: Section) -> float:
        """The start of a section, in seconds."""
        return self.seconds(section.bar * self.style.metre)

    @property
    def final(self) -> float:
        """The start of the final chord, in seconds."""
        return self.start(self.sections[-1])


def strikes(pattern: str, metre: int, bars: int) -> Iterator[tuple[int, str, Note]]:
    """Bar, character and unpitched note of each event; genres.py explains the characters."""
    # One character of the pattern, and the dots after it that extend its note.
    found = list(re.finditer(r"([^.-])\.*", pattern[: 4 * metre]))
    for bar in range(bars):
        for match in found:
            step = match.start()
            accent = 0.87 if step == 0 else 0.75 if step % 4 == 0 else 0.62
            velocity = STROKES.get(match[1], accent)
            note = Note(bar * metre + step / 4, len(match[0]) / 4 - 0.03, 0, velocity)
            yield bar, match[1], note


class Arranger:
    """Writes the parts of one piece, section by section."""

    def __init__(self, style: Style, sections: tuple[Section, ...], rng: Random) -> None:
        self.style, self.genre, self.players = style, style.genre, style.players
        self.metre, self.sections = style.metre, sections
        self.groove = named(self.genre.groove)
        self.voiced: dict[str, tuple[int, ...]] = {}
        # Sections of one name get the same random numbers: all choruses sound alike.
        self.seeds = {name: rng.random() for name in CHARACTERS}
        lines = self.genre.progressions or PROGRESSIONS[style.key.mode]
        verse = pick(rng, [line for line in lines if line.startswith("1")])
        chorus = pick(rng, [line for line in lines if line != verse])
        self.progressions = {name: verse.split() for name in CHARACTERS}
        self.progressions |= {"chorus": chorus.split(), "bridge": pick(rng, lines).split()}
        # Verses and choruses may have different patterns for the chords and the bass.
        self.comping = {loud: pick(rng, self.genre.comping) for loud in (False, True)}
        self.bassline = {loud: pick(rng, self.genre.bassline) for loud in (False, True)}
        self.centre = 57 + int(rng.random() * 6)  # the middle pitch of chords
        self.colour = rng.random()

    def score(self) -> Score:
        notes: dict[tuple[str, str], list[Note]] = {}
        ending = Section("ending", self.sections[-1].bar + self.sections[-1].bars, 1)
        for section in (*self.sections, ending):
            parts = self._ending(list(notes)) if section is ending else self._section(section)
            level = 0.65 + 0.35 * CHARACTERS[section.name].energy
            for role, sound, part in parts:
                placed = (self._swung(note, section.bar * self.metre, level) for note in part)
                notes.setdefault((role, sound), []).extend(placed)
        parts = tuple(Part(*player, sorted(part)) for player, part in notes.items())
        return Score(self.style, (*self.sections, ending), parts, self.colour)

    def _section(self, section: Section) -> Iterator[Part]:
        """The parts of a section. Beats count from its start."""
        players, roles = self.players, CHARACTERS[section.name].roles.split()
        chords = self._chords(section)
        loud = "drums" in roles
        # Without a pad, chords play in every section. Without drums, a pad plays in every section.
        other = {"chords": "pad", "pad": "kit"}
        for role, pattern in {"chords": self.comping[loud], "pad": "X" + "." * 15}.items():
            if role in players and (role in roles or other[role] not in players):
                yield Part(role, players[role], self._played(role, chords, pattern))
        if "bass" in players and "bass" in roles:
            yield Part("bass", players["bass"], self._bass(chords, self.bassline[loud]))
        if "kit" in players:
            for drum in dict.fromkeys((*self.groove, "snare", "tom", "crash")):
                yield Part("drums", drum, self._drum(drum, section))
        role = "voice" if section.is_sung else "lead"
        if section.is_sung or (role in roles and role in players):
            sound = players.get(role, role)
            # A tune spans about an octave and a third. In choruses it is higher.
            centre = INSTRUMENTS[sound].centre + 3 * (section.name in ("chorus", "solo"))
            rungs = ladder(
                self.style.key, centre - 8, centre + 7, pentatonic=self.genre.feel.pentatonic
            )
            density = (
                max(0.6, self.genre.feel.density) if section.is_sung else self.genre.feel.density
            )
            ground = Ground(chords, rungs, self.metre)
            notes = tune(Random(self.seeds[section.name]), ground, density)
            yield Part(role, sound, notes)

    def _chords(self, section: Section) -> list[tuple[int, ...]]:
        """One chord per bar. The last bar before the ending leads to the tonic."""
        tokens = self.progressions[section.name]
        names = [tokens[bar % len(tokens)] for bar in range(section.bars)]
        if section == self.sections[-1] and section.bars > 1:
            names[-1] = "5+" if self.style.key.mode in ("major", "minor") else "7"
        return [chord(self.style.key, name, self.genre.feel.voices) for name in names]

    def _played(self, role: str, chords: Sequence[tuple[int, ...]], pattern: str) -> list[Note]:
        """The notes of chords or broken chords, as the pattern defines."""
        voiced = [self._voicing(role, tones) for tones in chords]
        notes: list[Note] = []
        for bar, sign, note in strikes(pattern, self.metre, len(chords)):
            pitches = voiced[bar]
            if sign.isdigit():
                octave, voice = divmod(int(sign), len(pitches))
                pitches = (pitches[voice] + 12 * octave,)
            notes += [note._replace(pitch=pitch) for pitch in pitches]
        return notes

    def _voicing(self, role: str, tones: tuple[int, ...]) -> tuple[int, ...]:
        if role == "chords" and self.players[role] == "distorted guitar":
            root = nearest(tones[0], 45)
            return (root, root + 7, root + 12)
        centre = self.centre + (3 if role == "pad" else 0)
        self.voiced[role] = voicing(tones, self.voiced.get(role, ()), centre)
        return self.voiced[role]

    def _bass(self, chords: Sequence[tuple[int, ...]], pattern: str) -> list[Note]:
        notes: list[Note] = []
        for bar, sign, note in strikes(pattern, self.metre, len(chords)):
            root, third, fifth = (nearest(tone, BASS) for tone in chords[bar][:3])
            goal = nearest(chords[(bar + 1) % len(chords)][0], root)
            step = ladder(self.style.key, goal - 3, goal - 1, pentatonic=False)[-1]
            pitches = {"0": root, "3": third, "5": fifth, "8": root + 12}
            pitches["a"] = step if goal != root else fifth
            notes.append(note._replace(pitch=pitches[sign]))
        return notes

    def _drum(self, drum: str, section: Section) -> list[Note]:
        """The strokes of one drum: fewer in quiet sections, and a fill before loud sections."""
        energy, roles = CHARACTERS[section.name]
        after = next((s for s in self.sections if s.bar == section.bar + section.bars), section)
        pulse, loud = "pulse" in roles, "drums" in roles
        pattern = self.groove.get(drum, "")
        if drum == "open" and not loud:
            pattern = ""
        if pulse and drum not in ("hat", "ride"):
            pattern = pattern[:1]
        notes = [note for _, _, note in strikes(pattern, self.metre, section.bars)]
        last = section.bars * self.metre - 1
        if CHARACTERS[after.name].energy > energy and drum in ("snare", "tom"):
            begin = last if drum == "snare" else last + 0.5
            notes = [note for note in notes if note.start < last]
            notes += [Note(begin, 0.25, 0, 0.7), Note(begin + 0.25, 0.25, 0, 0.95)]
        if drum == "crash" and loud:
            notes.append(Note(0, 1, 0, 0.8))
        return notes

    def _ending(self, players: Iterable[tuple[str, str]]) -> Iterator[Part]:
        """All players hold the tonic chord. Of the drums, only the kick and the crash play."""
        home = chord(self.style.key, "1", 3)
        for role, sound in players:
            if role in ("bass", "lead", "voice"):
                around = BASS if role == "bass" else INSTRUMENTS[sound].centre
                yield Part(role, sound, [Note(0, HELD, nearest(home[0], around), 0.7)])
            elif role != "drums":
                yield Part(role, sound, [Note(0, HELD, n, 0.7) for n in self._voicing(role, home)])
            elif sound in ("kick", "crash"):
                yield Part(role, sound, [Note(0, 1, 0, 0.8)])

    def _swung(self, note: Note, at: float, level: float) -> Note:
        """The note at its time in the piece: scaled by `level`, with off-beats delayed by swing."""
        unit, swing = 2 * self.genre.feel.swung, self.genre.feel.swing
        whole, part = divmod(note.start + at, unit)
        half = part / unit
        bent = half * 2 * swing if half < 0.5 else swing + (half - 0.5) * 2 * (1 - swing)
        return note._replace(start=(whole + bent) * unit, velocity=note.velocity * level)
