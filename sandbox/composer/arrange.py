"""A style and a form to a score: what every player plays, in seconds."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.random import Generator

from .form import ENERGY, LEAD_IN, Form, Section
from .melody import Note, sing, tune
from .patches import PATCHES
from .patterns import (
    BASSLINES,
    BASSLINES_3,
    CLAP,
    COMPING,
    COMPING_3,
    CRASH,
    GROOVES,
    HAT,
    KICK,
    OPEN,
    RISER,
    SHAKER,
    SNARE,
    STEP_VELOCITY,
    TOM,
    WALTZES,
    BassStep,
    Strike,
)
from .theory import Chord, chord, ladder, nearest, progression, voicing
from .words import Style


class Track(NamedTuple):
    """One player: a patch's or a kit's name and its notes (a drum's pitch is its GM number)."""

    role: str
    sound: str
    notes: list[Note]
    gain: float
    pan: float
    send: float  # share that goes to the room


class Score(NamedTuple):
    """Tracks in seconds, and where the final chord falls."""

    tracks: list[Track]
    final: float


# Gain, place from left (-1) to right (1) and share of the room, by role.
PLACES = {
    "chords": (0.30, -0.32, 0.22),
    "pad": (0.15, 0.0, 0.45),
    "arp": (0.17, 0.45, 0.3),
    "bass": (0.62, 0.0, 0.02),
    "lead": (0.42, 0.16, 0.28),
    "voice": (0.48, 0.0, 0.3),
    "echo": (0.42, -0.5, 0.35),
    "drums": (0.8, 0.0, 1.0),
}
ELECTRONIC = ("electronic", "808", "8-bit")


T = TypeVar("T")


def pick(choices: Sequence[T], rng: Generator) -> T:
    return choices[int(rng.integers(len(choices)))]


def runs(chords: Sequence[Chord]) -> list[tuple[int, int]]:
    """First bar and bars of each stretch of one chord; none is longer than four bars."""
    out: list[tuple[int, int]] = []
    for bar, harmony in enumerate(chords):
        if out and out[-1][1] < 4 and chords[out[-1][0]] == harmony:
            out[-1] = (out[-1][0], out[-1][1] + 1)
        else:
            out.append((bar, 1))
    return out


class Arranger:
    """Writes the parts of one piece. Times are beats from the first full bar until `score`."""

    def __init__(self, style: Style, form: Form, rng: Generator) -> None:
        self.style = style
        self.band = style.band
        self.form = form
        self.metre = style.metre
        self.rng = rng
        self.parts: dict[str, list[Note]] = {role: [] for role in PLACES}
        self.melodies: dict[str, list[Note]] = {}
        self.progressions = self._progressions()
        four = self.metre == 4
        comps, basses = (COMPING, BASSLINES) if four else (COMPING_3, BASSLINES_3)
        # Verses and refrains may differ in how the chords and the bass are played.
        comping = comps.get(self.band.comping, comps["block"])
        bassline = basses.get(self.band.bassline, basses["plain"])
        self.comping = {high: pick(comping, rng) for high in (False, True)}
        self.bassline = {high: pick(bassline, rng) for high in (False, True)}
        self.arp = pick(comps["running"], rng)
        self.ghost = pick((3, 7, 11, 14, 15), rng)
        self.tune_seed = int(rng.integers(1 << 32))
        self.sings = any(section.lines for section in form.sections)
        self.voiced: tuple[int, ...] = ()
        self.padded: tuple[int, ...] = ()

    def score(self) -> Score:
        """Every part in seconds."""
        for number, section in enumerate(self.form.sections):
            self._section(number, section)
        self._ending()
        beat = 60 / self.form.tempo
        for role, notes in self.parts.items():
            self.parts[role] = [self._timed(note, role, beat) for note in self._from_start(notes)]
        sounds = {
            "chords": self.band.chords,
            "pad": self.band.pad,
            "arp": self.band.arp,
            "bass": self.band.bass,
            "lead": self.band.lead,
            "voice": "voice",
            "echo": "voice" if self.sings else self.band.lead,
            "drums": self.band.kit,
        }
        tracks = [
            Track(role, sounds[role], self.parts[role], *PLACES[role])
            for role in PLACES
            if sounds[role] and self.parts[role]
        ]
        return Score(tracks, LEAD_IN + self.form.beats(self.metre) * beat)

    def _progressions(self) -> dict[str, list[str]]:
        key, family = self.style.key, self.band.harmony
        verse = progression(key, family, self.rng, home=family != "jazz")
        chorus = progression(key, family, self.rng)
        while chorus == verse:
            chorus = progression(key, family, self.rng)
        bridge = progression(key, family, self.rng)
        return {
            "intro": verse,
            "verse": verse,
            "pre-chorus": bridge,
            "chorus": chorus,
            "bridge": bridge,
            "solo": verse,
            "outro": chorus,
            "theme": chorus,
        }

    def _chords(self, section: Section, last: bool) -> list[Chord]:
        """One chord a bar; a piece's last bar leads home."""
        tokens = self.progressions[section.name]
        spread = self.band.bars_per_chord
        names = [tokens[(bar // spread) % len(tokens)] for bar in range(section.bars)]
        if last and section.bars > 1 and self.band.harmony != "still":
            names[-1] = "5+" if self.style.key.mode in ("minor", "major", "lydian") else "7"
            if self.style.key.mode == "dorian":
                names[-1] = "4"
        return [chord(self.style.key, name, self.band.chord_size) for name in names]

    def _section(self, number: int, section: Section) -> None:
        band, sections = self.band, self.form.sections
        last = number == len(sections) - 1
        chords = self._chords(section, last)
        again = sum(1 for other in sections[:number] if other.name == section.name)
        energy = ENERGY[section.name] + 0.05 * again + 0.06 * self.style.mood.energy
        energy = min(1.0, max(0.2, energy))
        opening = number == 0 and len(sections) > 1
        begin = section.bar * self.metre
        louder = 0.72 + 0.3 * energy
        drumless = not band.kit
        high = section.name in ("chorus", "solo", "theme")
        if band.chords:
            self._comp(chords, begin, louder, self.comping[high])
        if band.pad and (energy > 0.65 or section.name in ("bridge", "outro") or drumless):
            self._pad(chords, begin, louder)
        if band.arp and (energy > 0.7 or section.name == "bridge" or not band.chords):
            self._arp(chords, begin, louder)
        bass_late = opening and not (drumless and band.bassline == "hold")
        if band.bass:
            skipped = (section.bars + 1) // 2 if bass_late else 0
            self._bass(chords, begin, louder, skipped, self.bassline[high], self._after(number))
        if band.kit:
            following = sections[number + 1] if not last else None
            self._drums(section, energy, opening, following, again)
        if section.lines:
            self._voice(section, chords, begin, louder)
        elif band.lead and not opening:
            self._lead(section, chords, begin, louder)

    def _after(self, number: int) -> int:
        """The degree that follows a section, as a pitch class: what its bass walks to."""
        sections = self.form.sections
        if number + 1 == len(sections):
            return self.style.key.tonic
        following = self.progressions[sections[number + 1].name]
        return chord(self.style.key, following[0], 3).root

    def _comp(
        self, chords: Sequence[Chord], begin: int, louder: float, pattern: Sequence[Strike]
    ) -> None:
        power = self.band.chords == "distorted guitar"
        centre = 52 if power else 57 if "guitar" in self.band.chords else 60
        held = pattern[0].length >= self.metre
        for bar, count in runs(chords) if held else [(bar, 1) for bar in range(len(chords))]:
            harmony = chords[bar]
            if power:
                root = nearest(harmony.root, 45)
                pitches: tuple[int, ...] = (root, root + 7, root + 12)
            else:
                pitches = voicing(harmony, self.voiced, centre, rootless=bool(self.band.bass))
            self.voiced = pitches
            for strike in pattern:
                self.parts["chords"] += self._struck(
                    strike, pitches, begin + bar * self.metre, louder, count
                )

    def _struck(
        self, strike: Strike, pitches: Sequence[int], at: int, louder: float, stretch: int = 1
    ) -> list[Note]:
        length = strike.length * stretch - 0.04
        velocity = strike.velocity * louder
        if isinstance(strike.voices, int):
            octave, place = divmod(strike.voices, len(pitches))
            return [Note(at + strike.beat, length, pitches[place] + 12 * octave, velocity)]
        roll = 0.015 if "guitar" in self.band.chords or self.band.chords == "harp" else 0.0
        return [
            Note(at + strike.beat + roll * i, length, pitch, velocity * (1.0 if i else 0.9))
            for i, pitch in enumerate(pitches)
        ]

    def _pad(self, chords: Sequence[Chord], begin: int, louder: float) -> None:
        for bar, count in runs(chords):
            harmony = chords[bar]._replace(tones=chords[bar].tones[:4])
            self.padded = voicing(harmony, self.padded, 64)
            at, length = begin + bar * self.metre, count * self.metre
            self.parts["pad"] += [Note(at, length, pitch, 0.7 * louder) for pitch in self.padded]

    def _arp(self, chords: Sequence[Chord], begin: int, louder: float) -> None:
        for bar, harmony in enumerate(chords):
            triad = harmony._replace(tones=harmony.tones[:3])
            pitches = voicing(triad, (), 67)
            for strike in self.arp:
                self.parts["arp"] += self._struck(strike, pitches, begin + bar * self.metre, louder)

    def _bass(
        self,
        chords: Sequence[Chord],
        begin: int,
        louder: float,
        skipped: int,
        pattern: Sequence[BassStep],
        after: int,
    ) -> None:
        floor = PATCHES[self.band.bass].centre + 3
        for bar, harmony in enumerate(chords):
            if bar < skipped:
                continue
            root = nearest(harmony.root, floor)
            target = chords[bar + 1].root if bar + 1 < len(chords) else after
            for beat, length, interval, velocity in pattern:
                if interval == "a":
                    goal = nearest(target, root)
                    pitch = goal - 1 if goal > root else goal + 1 if goal < root else root + 7
                    if (pitch - self.style.key.tonic) % 12 not in self._scale() and goal != root:
                        pitch = goal + (2 if goal < root else -2)
                else:
                    pitch = root + self._interval(harmony, int(interval))
                if beat < self.metre:
                    self.parts["bass"].append(
                        Note(
                            begin + bar * self.metre + beat,
                            min(length, self.metre - beat),
                            pitch,
                            velocity * min(1.0, louder),
                        )
                    )

    def _scale(self) -> tuple[int, ...]:
        tonic = self.style.key.tonic
        return tuple((p - tonic) % 12 for p in ladder(self.style.key, 48, 59, pentatonic=False))

    def _interval(self, harmony: Chord, interval: int) -> int:
        """Third, fifth and seventh as the chord has them: 4, 7 and 10 stand for those."""
        place = {4: 1, 7: 2, 10: 3}.get(interval)
        if place is None:
            return interval
        if place < len(harmony.tones):
            return (harmony.tones[place] - harmony.root) % 12
        return 12

    def _drums(
        self, section: Section, energy: float, opening: bool, following: Section | None, again: int
    ) -> None:
        groove = WALTZES[self.band.waltz] if self.metre == 3 else GROOVES[self.band.groove or "pop"]
        out = self.parts["drums"]
        lively = ENERGY[following.name] > ENERGY[section.name] if following else True
        quiet = opening or (section.name == "bridge" and again == 0 and section.bars >= 4)
        for bar in range(section.bars):
            at = (section.bar + bar) * self.metre
            fill = bar == section.bars - 1 and section.bars > 1
            for drum, steps in groove.items():
                if quiet and drum not in (HAT, SHAKER, OPEN) and bar < section.bars // 2 + 1:
                    continue
                if energy < 0.62 and drum in (OPEN, CRASH, CLAP) and SNARE in groove:
                    continue
                for step, sign in enumerate(steps):
                    late = fill and step >= len(steps) - 4
                    if sign == "." or (late and drum in (SNARE, TOM, CLAP)):
                        continue
                    strength = STEP_VELOCITY[sign] * (0.62 + 0.38 * energy)
                    out.append(Note(at + step / 4, 0.25, drum, strength))
            steady = groove.get(KICK, "").startswith("X...X")
            if self.metre == 4 and bar % 2 and not quiet and not steady and energy > 0.55:
                out.append(Note(at + self.ghost / 4, 0.25, KICK, 0.5))
            if fill and lively:
                out += self._fill(at + self.metre - 1, energy)
        if energy > 0.7 and self.band.groove not in ("jazz", "bossa", "folk", "ballad"):
            out.append(Note(section.bar * self.metre, 2.0, CRASH, 0.55 + 0.3 * energy))
        if self.band.kit in ELECTRONIC and following and ENERGY[following.name] > 0.8:
            length = min(4, section.bars) * self.metre
            out.append(Note((section.bar + section.bars) * self.metre - length, length, RISER, 0.5))

    def _fill(self, at: float, energy: float) -> list[Note]:
        """One beat that announces the next section."""
        choices = ((0, 0.25, 0.5, 0.75), (0, 0.5, 0.75), (0.5, 0.75), (0, 0.25, 0.5))
        soft = self.band.kit == "brushes"
        steps = choices[int(self.rng.integers(len(choices)))]
        drums = (SNARE, SNARE, TOM, TOM) if self.rng.random() < 0.6 else (SNARE,) * 4
        return [
            Note(at + step, 0.25, drums[i], (0.4 if soft else 0.6) + 0.1 * i * energy)
            for i, step in enumerate(steps)
        ]

    def _voice(self, section: Section, chords: Sequence[Chord], begin: int, louder: float) -> None:
        rungs = self._rungs("voice", section, pentatonic=True)
        rng = self._melody_rng(section.name)
        notes = sing(rng, section.lines, section.line_bars, chords, rungs, self.metre)
        self._add_tune("voice", notes, begin, louder)

    def _lead(self, section: Section, chords: Sequence[Chord], begin: int, louder: float) -> None:
        kind = f"{section.name} {section.bars}"
        if kind not in self.melodies:
            thin = 0.6 if section.name in ("bridge", "outro") else 1.0
            self.melodies[kind] = tune(
                self._melody_rng(section.name),
                chords,
                self._rungs(self.band.lead, section, pentatonic=self.band.pentatonic),
                self.metre,
                self.band.density * thin,
                section.name != "verse",
            )
        self._add_tune("lead", self.melodies[kind], begin, louder)

    def _rungs(self, sound: str, section: Section, *, pentatonic: bool) -> list[int]:
        """The pitches that a tune may use: about an octave and a third, higher in refrains."""
        centre = PATCHES[sound].centre + (2 if section.name in ("chorus", "solo") else 0)
        return ladder(self.style.key, centre - 8, centre + 7, pentatonic=pentatonic)

    def _add_tune(self, role: str, notes: Sequence[Note], begin: int, louder: float) -> None:
        echoed = self.band.echo * (0.5 if role == "voice" else 1.0)
        for note in notes:
            played = note._replace(
                start=note.start + begin, velocity=note.velocity * min(1.0, louder + 0.05)
            )
            self.parts[role].append(played)
            if echoed and (role == "voice") == self.sings:
                later = played._replace(start=played.start + 0.75, velocity=note.velocity * echoed)
                self.parts["echo"].append(later)

    def _melody_rng(self, name: str) -> Generator:
        """The same generator for every section of one name: a refrain is a refrain."""
        return np.random.Generator(np.random.PCG64([self.tune_seed, *name.encode()]))

    def _ending(self) -> None:
        """Everyone on the tonic, held."""
        at = float(self.form.bars * self.metre)
        home = chord(self.style.key, "1", min(4, self.band.chord_size))
        if not self.band.harmony:
            home = home._replace(tones=home.tones[:3])
        long = 16.0
        final = voicing(home, self.voiced, 58)
        if self.band.chords:
            self.parts["chords"] += [
                Note(at + 0.02 * i, long, pitch, 0.7) for i, pitch in enumerate(final)
            ]
        if self.band.pad:
            self.parts["pad"] += [
                Note(at, long, pitch, 0.55) for pitch in voicing(home, self.padded, 64)
            ]
        if self.band.bass:
            root = nearest(home.root, PATCHES[self.band.bass].centre + 3)
            self.parts["bass"].append(Note(at, long, root, 0.75))
        singer = "voice" if self.sings else "lead"
        if self.parts[singer]:
            last = self.parts[singer][-1]
            self.parts[singer].append(
                Note(at, long, nearest(home.root, last.pitch), 0.7, last.vowel)
            )
        if self.band.kit:
            self.parts["drums"].append(Note(at, 1.0, KICK, 0.8))
            soft = self.band.kit == "brushes"
            self.parts["drums"].append(Note(at, 1.0, CRASH, 0.25 if soft else 0.6))

    def _from_start(self, notes: Sequence[Note]) -> list[Note]:
        """Beats from the first sound: what an upbeat leaves out is cut off."""
        out: list[Note] = []
        for note in notes:
            start = note.start - self.form.missing
            if start < 0 and start + note.length > 0.5:
                note = note._replace(length=note.length + start)
                start = 0.0
            if start >= 0:
                out.append(note._replace(start=start))
        return sorted(out)

    def _timed(self, note: Note, role: str, beat: float) -> Note:
        unit = self.band.swing_unit
        place, part = divmod(note.start, 2 * unit)
        half = part / (2 * unit)
        swing = self.band.swing
        bent = half * 2 * swing if half < 0.5 else swing + (half - 0.5) * 2 * (1 - swing)
        start = (place + bent) * 2 * unit * beat + LEAD_IN
        loose = self.band.loose * (0.4 if role in ("drums", "bass") else 1.0)
        start += loose * float(self.rng.uniform(-1, 1))
        return note._replace(start=max(0.0, start), length=note.length * beat)
