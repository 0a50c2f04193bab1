"""A style and a form to a score: every note of every player, on an exact grid of beats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from .form import CHARACTERS, LEAD_IN, Section
from .genres import Genre
from .instruments import INSTRUMENTS
from .melody import Ground, Note, pick, sing, tune
from .theory import PROGRESSIONS, Key, chord, ladder, nearest, voicing
from .words import Style

STROKES = {"X": 1.0, "x": 0.7, "o": 0.4}
BASS = 39  # the pitch that bass roots lie around
HELD = 64.0  # beats: longer than any piece's last chord


class Place(NamedTuple):
    """Where a role stands in the mix."""

    gain: float
    pan: float  # -1 left to 1 right
    send: float  # share that goes to the room


PLACES = {
    "chords": Place(0.30, -0.32, 0.22),
    "pad": Place(0.17, 0.0, 0.45),
    "arp": Place(0.17, 0.45, 0.3),
    "bass": Place(0.4, 0.0, 0.02),
    "lead": Place(0.38, 0.16, 0.28),
    "voice": Place(0.46, 0.0, 0.3),
    "drums": Place(0.62, 0.0, 0.1),
}


class Track(NamedTuple):
    """One player: its role, its instrument or drum, and its notes."""

    role: str
    sound: str
    notes: list[Note]


class Score(NamedTuple):
    """What a piece is, as data: beat 0 is the first downbeat, `final` the last one.

    The last section is the ending: one held chord.
    """

    genre: Genre
    mood: str
    key: Key
    tempo: float  # beats per minute
    metre: int  # beats in a bar
    sections: tuple[Section, ...]
    tracks: tuple[Track, ...]
    colour: float  # 0 to 1: how the drums are tuned and the strings start, other in every piece

    def seconds(self, beat: float) -> float:
        """When a beat falls, from the first sample on."""
        return LEAD_IN + beat * 60 / self.tempo

    def start(self, section: Section) -> float:
        """When a section begins, in seconds."""
        return self.seconds(section.bar * self.metre)

    @property
    def final(self) -> float:
        """When the final chord falls, in seconds."""
        return self.start(self.sections[-1])

    @property
    def beats(self) -> tuple[float, ...]:
        """Every beat up to the final chord, in seconds."""
        return tuple(map(self.seconds, range(self.sections[-1].bar * self.metre + 1)))

    @property
    def downbeats(self) -> tuple[float, ...]:
        """The first beat of every bar, and the final chord, in seconds."""
        return self.beats[:: self.metre]

    @property
    def instruments(self) -> tuple[str, ...]:
        names = ("drums" if track.role == "drums" else track.sound for track in self.tracks)
        return tuple(dict.fromkeys(names))


class Strike(NamedTuple):
    """One event of a pattern, in beats from the start of its bar."""

    start: float
    length: float
    sign: str
    velocity: float


def strikes(pattern: str) -> Iterator[Strike]:
    """The events of a bar; genres.py explains the signs."""
    for step, sign in enumerate(pattern):
        if sign in ".-":
            continue
        rest = pattern[step + 1 :]
        silent = next((i for i, other in enumerate(rest) if other != "."), len(rest))
        accent = 0.75 if step % 4 == 0 else 0.62
        velocity = STROKES.get(sign, accent + (0.12 if step == 0 else 0.0))
        yield Strike(step / 4, (silent + 1) / 4, sign, velocity)


class Arranger:
    """Writes the parts of one piece, section by section."""

    def __init__(
        self, style: Style, tempo: float, sections: tuple[Section, ...], rng: Random
    ) -> None:
        self.style = style
        self.genre = genre = style.genre
        self.metre = style.metre
        self.tempo = tempo
        self.sections = sections
        self.voiced: dict[str, tuple[int, ...]] = {}
        # The same dice for every section of one name: a chorus is a chorus.
        self.seeds = {name: rng.random() for name in CHARACTERS}
        lines = genre.progressions or PROGRESSIONS[style.key.mode]
        verse = pick(rng, [line for line in lines if line.startswith("1")])
        chorus = pick(rng, [line for line in lines if line != verse])
        self.progressions = {name: verse.split() for name in CHARACTERS}
        self.progressions |= {"chorus": chorus.split(), "bridge": pick(rng, lines).split()}
        # Verses and choruses may differ in how the chords and the bass are played.
        self.comping = {loud: pick(rng, genre.comping) for loud in (False, True)}
        self.bassline = {loud: pick(rng, genre.bassline) for loud in (False, True)}
        self.running = pick(rng, genre.running)
        self.centre = 57 + int(rng.random() * 6)  # the pitch that chords lie around
        self.colour = rng.random()
        self.ghost = int(rng.random() * 4 * style.metre)

    def score(self) -> Score:
        notes: dict[tuple[str, str], list[Note]] = {}
        for section in self.sections:
            at = section.bar * self.metre
            level = 0.65 + 0.35 * CHARACTERS[section.name].energy
            for role, sound, part in self._section(section):
                notes.setdefault((role, sound), []).extend(
                    self._swung(note, at, level) for note in part
                )
        bars = self.sections[-1].bar + self.sections[-1].bars
        for role, sound, part in list(self._ending(notes)):
            at = bars * self.metre
            notes.setdefault((role, sound), []).extend(n._replace(start=at) for n in part)
        return Score(
            self.genre,
            self.style.mood,
            self.style.key,
            self.tempo,
            self.metre,
            (*self.sections, Section("ending", bars, 1)),
            tuple(Track(role, sound, sorted(part)) for (role, sound), part in notes.items()),
            self.colour,
        )

    def _section(self, section: Section) -> Iterator[tuple[str, str, list[Note]]]:
        """Role, sound and notes of every part. Beats count from the start of the section."""
        genre, roles = self.genre, CHARACTERS[section.name].roles
        chords = self._chords(section)
        loud = "drums" in roles
        if genre.chords and ("chords" in roles or not genre.pad):
            yield "chords", genre.chords, self._played("chords", chords, self.comping[loud])
        if genre.pad and ("pad" in roles or not genre.kit):
            yield "pad", genre.pad, self._played("pad", chords, "X" + "." * 15)
        if genre.arp and ("arp" in roles or not genre.chords):
            yield "arp", genre.arp, self._played("arp", chords, self.running)
        if genre.bass and "bass" in roles:
            yield "bass", genre.bass, self._bass(chords, self.bassline[loud])
        if genre.kit:
            for drum in dict.fromkeys((*genre.groove, "snare", "tom", "crash")):
                yield "drums", drum, self._drum(drum, section)
        rng = Random(self.seeds[section.name])
        if section.lines:
            ground = self._ground("voice", section, chords, pentatonic=True)
            yield "voice", "voice", sing(rng, ground, section.lines, section.line_bars)
        elif genre.lead and "lead" in roles:
            ground = self._ground(genre.lead, section, chords, pentatonic=genre.pentatonic)
            yield "lead", genre.lead, tune(rng, ground, genre.density)

    def _chords(self, section: Section) -> list[tuple[int, ...]]:
        """One chord a bar. The last bar of a piece leads home."""
        tokens = self.progressions[section.name]
        names = [tokens[bar % len(tokens)] for bar in range(section.bars)]
        if section == self.sections[-1] and section.bars > 1:
            names[-1] = "5+" if self.style.key.mode in ("major", "minor") else "7"
        return [chord(self.style.key, name, self.genre.voices) for name in names]

    def _played(self, role: str, chords: Sequence[tuple[int, ...]], pattern: str) -> list[Note]:
        """Chords or broken chords as the pattern has them."""
        notes: list[Note] = []
        for bar, tones in enumerate(chords):
            pitches = self._voicing(role, tones)
            for start, length, sign, velocity in strikes(pattern[: 4 * self.metre]):
                heard = pitches
                if sign.isdigit():
                    octave, voice = divmod(int(sign), len(pitches))
                    heard = (pitches[voice] + 12 * octave,)
                at = bar * self.metre + start
                notes += [Note(at, length - 0.02, pitch, velocity) for pitch in heard]
        return notes

    def _voicing(self, role: str, tones: tuple[int, ...]) -> tuple[int, ...]:
        if role == "chords" and self.genre.chords == "distorted guitar":
            root = nearest(tones[0], 45)
            return (root, root + 7, root + 12)
        tones = tones[:3] if role == "arp" else tones
        centre = self.centre + {"arp": 8, "pad": 3}.get(role, 0)
        self.voiced[role] = voicing(tones, self.voiced.get(role, ()), centre)
        return self.voiced[role]

    def _bass(self, chords: Sequence[tuple[int, ...]], pattern: str) -> list[Note]:
        notes: list[Note] = []
        for bar, tones in enumerate(chords):
            root = nearest(tones[0], BASS)
            goal = nearest(chords[(bar + 1) % len(chords)][0], root)
            step = ladder(self.style.key, goal - 3, goal - 1, pentatonic=False)[-1]
            third, fifth = ((tone - tones[0]) % 12 for tone in tones[1:3])
            pitches = {"0": root, "3": root + third, "5": root + fifth, "8": root + 12}
            pitches["a"] = step if goal != root else root + fifth
            for start, length, sign, velocity in strikes(pattern[: 4 * self.metre]):
                at = bar * self.metre + start
                notes.append(Note(at, length - 0.05, pitches[sign], velocity))
        return notes

    def _drum(self, drum: str, section: Section) -> list[Note]:
        """The strokes of one drum: less of the groove in quiet sections, a fill into loud ones."""
        energy, roles = CHARACTERS[section.name]
        after = next((s for s in self.sections if s.bar == section.bar + section.bars), section)
        rises = CHARACTERS[after.name].energy > energy
        steps = list(strikes(self.genre.groove.get(drum, "")[: 4 * self.metre]))
        if "drums" not in roles and drum == "open":
            steps = []
        if "pulse" in roles and drum not in ("hat", "ride"):
            steps = [step for step in steps if step.start == 0]
        notes = [
            Note(bar * self.metre + step.start, 0.25, 0, step.velocity)
            for bar in range(section.bars)
            for step in steps
        ]
        last = section.bars * self.metre - 1
        if rises and drum in ("snare", "tom"):
            notes = [note for note in notes if note.start < last]
            begin = last if drum == "snare" else last + 0.5
            notes += [Note(begin + half, 0.25, 0, 0.7 + half) for half in (0, 0.25)]
        if drum == "kick" and "pulse" not in roles:
            # A stroke of this piece's own, in every second bar.
            odd = range(1, section.bars, 2)
            notes += [Note(bar * self.metre + self.ghost / 4, 0.25, 0, 0.5) for bar in odd]
        if drum == "crash" and "drums" in roles:
            notes.append(Note(0, 1, 0, 0.8))
        return notes

    def _ground(
        self, sound: str, section: Section, chords: Sequence[tuple[int, ...]], *, pentatonic: bool
    ) -> Ground:
        """A tune's pitches are about an octave and a third, higher in choruses."""
        centre = INSTRUMENTS[sound].centre + (3 if section.name in ("chorus", "solo") else 0)
        rungs = ladder(self.style.key, centre - 8, centre + 7, pentatonic=pentatonic)
        return Ground(chords, rungs, self.metre)

    def _ending(self, parts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, list[Note]]]:
        """Everybody on the tonic, held."""
        home = chord(self.style.key, "1", 3)
        for role, sound in parts:
            if role == "drums":
                continue
            pitches = self._voicing(role, home)
            if role in ("bass", "lead", "voice"):
                around = BASS if role == "bass" else INSTRUMENTS[sound].centre
                pitches = (nearest(home[0], around),)
            yield role, sound, [Note(0, HELD, pitch, 0.7) for pitch in pitches]
        if self.genre.kit:
            yield "drums", "kick", [Note(0, 1, 0, 0.8)]
            yield "drums", "crash", [Note(0, 1, 0, 0.8)]

    def _swung(self, note: Note, at: float, level: float) -> Note:
        """The note in its place in the piece: `level` loud, its off-beats late by the swing."""
        unit, swing = 2 * self.genre.swung, self.genre.swing
        place, part = divmod(note.start + at, unit)
        half = part / unit
        bent = half * 2 * swing if half < 0.5 else swing + (half - 0.5) * 2 * (1 - swing)
        return note._replace(start=(place + bent) * unit, velocity=note.velocity * level)
