"""Music of a known course: drums, bass, chords and a melody on a tempo map, as MIDI notes.

Each seed is another piece. Its style, meter, swing, syncopation, tempo map and instruments are
drawn by chance, in the shares in which listeners meet them; anything may be fixed. The timing of
the rubato is that of played piano music: phrases of four to eight beats that slow down at their
ends, and beats that differ from their neighbours by 3 to 6 % (Repp, "Diversity and commonality in
music performance", 1992).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .midi import Note

Rng = np.random.Generator
DRUMS = 9
"""General MIDI's drum channel."""
KICK, SNARE, CLAP, RIM, HAT, OPEN, RIDE, CRASH, TOM = 36, 38, 39, 37, 42, 46, 51, 49, 45
TEMPO_MAPS = ("constant", "played", "ramp", "hill", "ritardando", "rubato")


class Arrangement(NamedTuple):
    style: str
    tempo_map: str
    meter: int
    beats: np.ndarray
    """[n] seconds of the beats that are heard."""
    places: np.ndarray
    """[n] place of each beat in its bar, 0 for downbeats."""
    notes: list[Note]
    programs: dict[int, int]
    seconds: float


class Style(NamedTuple):
    """Patterns of one bar of four beats, as places in beats; `x` of a meter cuts or repeats."""

    name: str
    tempo: tuple[float, float]
    kit: str
    """Name of the drum pattern; empty without drums."""
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    swing: tuple[float, ...] = (0.5,)
    """Places of the off-beat in a beat."""
    meters: tuple[int, ...] = (4,)
    maps: tuple[str, ...] = ("constant", "played")
    share: float = 1.0


STYLES = (
    Style("rock", (90, 180), "rock", ("eighths", "root", "synco"), ("pad", "eighths", "strum")),
    Style("metal", (100, 220), "metal", ("eighths", "sixteenths"), ("power", "eighths")),
    Style("pop", (75, 135), "pop", ("root", "synco", "tresillo"), ("pad", "arpeggio", "stabs")),
    Style("ballad", (60, 90), "ballad", ("root", "fifth"), ("pad", "arpeggio", "eighths")),
    Style("house", (112, 135), "floor", ("offbeat", "synco", "tresillo"), ("stabs", "pad")),
    Style("trance", (128, 150), "floor", ("offbeat", "sixteenths"), ("arpeggio", "pad")),
    Style("breaks", (160, 180), "breaks", ("long", "synco"), ("pad", "stabs")),
    Style("hip hop", (70, 105), "hiphop", ("synco", "root"), ("stabs", "pad"), (0.5, 0.56, 0.62)),
    Style("funk", (90, 125), "funk", ("synco", "octave"), ("scratch", "stabs"), (0.5, 0.54)),
    Style("reggae", (65, 95), "onedrop", ("synco", "tresillo"), ("skank",), (0.5, 0.58)),
    Style("ska", (120, 190), "rock", ("walk", "eighths"), ("skank",)),
    Style("bossa", (100, 170), "bossa", ("fifth", "bossa"), ("bossa", "stabs")),
    Style("salsa", (160, 220), "salsa", ("tumbao",), ("montuno",)),
    Style(
        "swing",
        (100, 220),
        "swing",
        ("walk",),
        ("charleston", "stabs"),
        (0.58, 0.62, 0.667),
        share=2.0,
    ),
    Style(
        "shuffle",
        (80, 150),
        "shuffle",
        ("shuffle", "walk"),
        ("charleston", "eighths"),
        (0.62, 0.667),
    ),
    Style("slow blues", (60, 85), "twelve", ("root", "walk"), ("triplets", "pad"), (0.667,)),
    Style("country", (90, 200), "train", ("fifth",), ("offbeats", "strum")),
    Style("march", (100, 135), "march", ("fifth",), ("offbeats", "stabs")),
    Style(
        "waltz",
        (84, 200),
        "waltz",
        ("root", "fifth"),
        ("waltz", "arpeggio"),
        (0.5, 0.64),
        (3,),
        share=1.6,
    ),
    Style(
        "folk waltz",
        (84, 170),
        "",
        ("root",),
        ("waltz", "arpeggio"),
        (0.5,),
        (3,),
        ("constant", "played", "ritardando"),
    ),
    Style("six eight", (130, 216), "six", ("root", "fifth"), ("arpeggio", "waltz"), (0.5,), (6,)),
    Style("odd", (100, 216), "odd", ("odd",), ("odd", "pad"), (0.5,), (5, 7), share=1.8),
    Style("odd swing", (110, 190), "odd", ("odd",), ("odd",), (0.62, 0.667), (5, 7), share=0.5),
    Style(
        "folk",
        (80, 140),
        "",
        ("root", "fifth"),
        ("strum", "arpeggio"),
        (0.5, 0.58),
        (4, 3),
        ("constant", "played", "ritardando"),
    ),
    Style(
        "fingerstyle",
        (66, 130),
        "",
        ("fifth",),
        ("arpeggio",),
        (0.5, 0.6),
        (4, 3),
        ("played", "ritardando", "rubato"),
    ),
    Style("ambient", (60, 110), "", ("long",), ("pad", "arpeggio"), (0.5,), (4, 3)),
    Style(
        "orchestra",
        (70, 150),
        "timpani",
        ("root", "eighths"),
        ("pad", "eighths"),
        (0.5,),
        (4, 3),
        ("constant", "played", "ritardando", "ramp"),
    ),
    Style("chiptune", (110, 190), "rock", ("octave", "eighths"), ("arpeggio16",)),
    Style(
        "changing",
        (85, 150),
        "rock",
        ("eighths", "root"),
        ("pad", "eighths", "stabs"),
        (0.5,),
        (4, 3),
        ("ramp", "hill", "ritardando"),
        1.8,
    ),
    Style("piano", (60, 130), "", ("none",), ("hands",), (0.5,), (4, 3), ("rubato",), 2.6),
)

# Drums: name -> lists of (drum, place in a bar of four beats, velocity). "|" places are swung.
KITS: dict[str, list[tuple[int, tuple[float, ...], int]]] = {
    "rock": [
        (KICK, (0, 2, 2.5), 105),
        (SNARE, (1, 3), 110),
        (HAT, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 70),
    ],
    "metal": [
        (KICK, (0, 0.25, 0.5, 1, 1.5, 2, 2.25, 2.5, 3, 3.5), 105),
        (SNARE, (1, 3), 115),
        (RIDE, (0, 1, 2, 3), 80),
    ],
    "pop": [
        (KICK, (0, 1.5, 2), 100),
        (SNARE, (1, 3), 105),
        (HAT, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 60),
    ],
    "ballad": [(KICK, (0, 2), 95), (RIM, (1, 3), 85), (HAT, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 50)],
    "floor": [
        (KICK, (0, 1, 2, 3), 115),
        (CLAP, (1, 3), 90),
        (OPEN, (0.5, 1.5, 2.5, 3.5), 85),
        (HAT, tuple(np.arange(16) / 4), 45),
    ],
    "breaks": [
        (KICK, (0, 2.5), 115),
        (SNARE, (1, 3), 112),
        (SNARE, (1.75, 2.25, 3.75), 45),
        (HAT, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 70),
    ],
    "hiphop": [
        (KICK, (0, 1.75, 2.5), 115),
        (SNARE, (1, 3), 105),
        (HAT, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 60),
    ],
    "funk": [
        (KICK, (0, 0.75, 2.5), 105),
        (SNARE, (1, 3), 108),
        (SNARE, (1.75, 2.25, 3.75), 40),
        (HAT, tuple(np.arange(16) / 4), 62),
    ],
    "onedrop": [(KICK, (2,), 110), (RIM, (2,), 95), (HAT, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 65)],
    "bossa": [
        (KICK, (0, 1.5, 2, 3.5), 85),
        (RIM, (0, 1.5, 3), 75),
        (HAT, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 60),
    ],
    "salsa": [
        (76, (0, 1.5, 3), 85),
        (76, (5, 6), 85),
        (60, (1.5, 3.5), 70),
        (63, (1, 3, 3.5), 85),
        (56, (0, 1, 1.5, 2, 3, 3.5), 65),
    ],
    "swing": [
        (RIDE, (0, 1, 1.5, 2, 3, 3.5), 80),
        (44, (1, 3), 75),
        (KICK, (0,), 55),
        (SNARE, (2.5,), 40),
    ],
    "shuffle": [
        (KICK, (0, 2), 105),
        (SNARE, (1, 3), 108),
        (HAT, (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 70),
    ],
    "twelve": [(KICK, (0, 2), 100), (SNARE, (1, 3), 105), (HAT, tuple(np.arange(12) / 3), 65)],
    "train": [(KICK, (0, 2), 95), (SNARE, tuple(np.arange(16) / 4), 45), (SNARE, (1, 3), 90)],
    "march": [(KICK, (0, 2), 100), (SNARE, (1, 1.5, 3, 3.25, 3.5, 3.75), 85)],
    "waltz": [(KICK, (0,), 100), (SNARE, (1, 2), 70), (HAT, (0, 1, 2), 60)],
    "six": [(KICK, (0,), 105), (SNARE, (3,), 105), (HAT, (0, 1, 2, 3, 4, 5), 65)],
    "timpani": [(47, (0,), 90)],
}


def arrange(
    seed: int,
    seconds: float = 45.0,
    *,
    style: str = "",
    tempo_map: str = "",
    tempo: float = 0.0,
    meter: int = 0,
) -> Arrangement:
    """The piece of a seed; whatever is not fixed is drawn."""
    rng = np.random.default_rng(seed)
    shares = np.array([one.share for one in STYLES])
    drawn = STYLES[int(rng.choice(len(STYLES), p=shares / shares.sum()))]
    kind = next((one for one in STYLES if one.name == style), drawn)
    bpm = tempo or float(np.exp(rng.uniform(*np.log(kind.tempo))))
    beats_in_bar = meter or int(rng.choice(kind.meters))
    course = tempo_map or str(rng.choice(kind.maps))
    return _Arranger(rng, kind, bpm, beats_in_bar, course, seconds).arrangement()


class _Arranger:
    def __init__(
        self, rng: Rng, style: Style, bpm: float, meter: int, course: str, seconds: float
    ) -> None:
        self._rng, self._style, self._meter, self._course = rng, style, meter, course
        self._seconds = seconds
        self._offset = float(rng.choice([0.0, 0.02, rng.uniform(0.1, 2.0)], p=[0.3, 0.2, 0.5]))
        self._upbeat = int(rng.integers(1, meter)) if rng.random() < 0.15 else 0
        self._clock = self._beat_times(bpm)
        self._swing = float(rng.choice(style.swing))
        self._jitter = float(rng.choice([0.0, 0.004, 0.01], p=[0.35, 0.4, 0.25]))
        if course == "rubato":
            self._jitter = 0.014
        self._late = float(rng.normal(0, 0.006)) if self._jitter else 0.0
        self._notes: list[Note] = []
        self._programs: dict[int, int] = {}

    def _beat_times(self, bpm: float) -> np.ndarray:
        """Seconds of every beat from the first on, past the end."""
        rng, count = self._rng, int(self._seconds * bpm / 60 * 1.6) + 24
        place = np.arange(count) * 60 / bpm / self._seconds
        speed = np.ones(count)
        if self._course == "played":
            walk = np.cumsum(rng.normal(0, 0.003, count))
            speed = np.exp(walk - np.linspace(0, walk[-1], count))
        elif self._course == "ramp":
            speed = np.exp(np.clip(place, 0, 1) * np.log(rng.choice([0.75, 0.85, 1.18, 1.33])))
        elif self._course == "hill":
            speed = 1 + rng.uniform(0.15, 0.28) * np.sin(np.pi * np.clip(place, 0, 1)) ** 2
        elif self._course == "ritardando":
            slow = rng.uniform(0.75, 0.9)
            speed = 1 - rng.uniform(0.3, 0.5) * np.clip((place - slow) / (1 - slow), 0, 1) ** 2
        elif self._course == "rubato":
            speed = rubato(rng, count)
        return self._offset + np.concatenate(([0.0], np.cumsum(60 / bpm / speed)))

    def arrangement(self) -> Arrangement:
        rng, meter = self._rng, self._meter
        first = self._upbeat
        bars = int((np.searchsorted(self._clock, self._seconds) - first) / meter) + 1
        key, minor = int(rng.integers(0, 12)), bool(rng.random() < 0.4)
        walk = [0, 5, 3, 4] if rng.random() < 0.5 else list(rng.integers(0, 6, 4))
        if rng.random() < 0.3:
            walk += list(rng.integers(0, 6, 4))
        held = int(rng.choice([1, 1, 1, 2])) if self._style.name != "ambient" else 2
        self._harmony = [_triad(key, walk[bar // held % len(walk)], minor) for bar in range(bars)]
        self._split = rng.random(len(walk)) < 0.2
        self._early = 0.5 if rng.random() < 0.15 else 0.0
        levels = self._sections(bars)
        self._draw_programs()
        if self._style.kit:
            self._drums(bars, levels)
        if "none" not in self._style.bass:
            self._bass(bars, levels)
        self._chords(bars, levels)
        self._melody(bars, levels)
        if self._upbeat:
            self._pick_up()
        heard = self._clock[self._clock < self._seconds - 0.05]
        begins = min((note.start for note in self._notes), default=0.0)
        kept = heard >= begins - 0.25
        places = (np.arange(heard.shape[0]) - first) % meter
        notes = [note for note in self._notes if note.start < self._seconds]
        return Arrangement(
            self._style.name,
            self._course,
            meter,
            heard[kept],
            places[kept],
            notes,
            self._programs,
            self._seconds,
        )

    def _sections(self, bars: int) -> np.ndarray:
        """[bars, 4] whether drums, bass, chords and melody play."""
        rng = self._rng
        levels = np.ones((bars, 4), bool)
        size, start = int(rng.choice([4, 8])), 0
        if rng.random() < 0.4:
            intro = np.array([rng.random() < 0.5, rng.random() < 0.5, True, rng.random() < 0.5])
            levels[: size // 2] = intro
        while start < bars:
            if start and rng.random() < 0.15:
                levels[start : start + size, int(rng.choice([0, 1, 3]))] = False
            if rng.random() < 0.3:
                levels[start : start + size, 3] = False
            start += size
        return levels

    def _draw_programs(self) -> None:
        rng, name = self._rng, self._style.name
        basses, chords, leads = (
            [32, 33, 34, 35, 38, 39],
            [0, 1, 4, 5, 16, 24, 25, 26, 27, 48, 50, 88, 89, 90],
            [0, 11, 22, 40, 52, 56, 61, 64, 65, 66, 71, 73, 80, 81, 82],
        )
        if name in ("metal", "rock"):
            chords, leads = [27, 29, 30, 18], [29, 30, 81, 52]
        elif name in ("piano",):
            chords, leads = [0, 1, 0], [0]
        elif name in ("orchestra", "march"):
            basses, chords, leads = [43, 58, 57], [48, 49, 60, 61], [40, 56, 60, 68, 71, 73]
        elif name in ("house", "trance", "breaks", "chiptune"):
            basses, chords, leads = [38, 39, 87], [50, 62, 81, 89, 90, 5], [80, 81, 82, 84, 87]
        elif name in ("folk", "folk waltz", "fingerstyle", "country"):
            basses, chords, leads = [32, 33], [24, 25, 25, 105, 21], [22, 40, 73, 110, 105, 74]
        elif name == "ambient":
            basses, chords, leads = [38, 32, 48], [88, 89, 91, 94, 95, 48], [11, 8, 73, 88]
        self._programs = {
            0: int(rng.choice(basses)),
            1: int(rng.choice(chords)),
            2: int(rng.choice(leads)),
            3: int(rng.choice(chords)),
        }

    def _at(self, bar: int, place: float) -> float:
        """Seconds of a place in a bar; off-beats are swung."""
        beat = self._upbeat + bar * self._meter + place
        whole = np.floor(beat + 1e-9)
        part = beat - whole
        if self._swing != 0.5 and abs(part * 3 - round(part * 3)) > 0.01:
            part = (
                part / 0.5 * self._swing
                if part <= 0.5
                else (self._swing + (part - 0.5) / 0.5 * (1 - self._swing))
            )
        time = np.interp(whole + part, np.arange(self._clock.shape[0]), self._clock)
        return float(time + self._rng.normal(0, self._jitter) if self._jitter else time)

    def _play(
        self, channel: int, pitch: int, bar: int, place: float, length: float, velocity: float
    ) -> None:
        start = max(0.0, self._at(bar, place))
        end = float(
            np.interp(
                self._upbeat + bar * self._meter + place + length,
                np.arange(self._clock.shape[0]),
                self._clock,
            )
        )
        loud = int(np.clip(velocity + self._rng.normal(0, 5), 12, 127))
        self._notes.append(
            Note(channel, int(np.clip(pitch, 21, 108)), start, max(end, start + 0.04), loud)
        )

    def _drums(self, bars: int, levels: np.ndarray) -> None:
        rng, meter, kit = self._rng, self._meter, self._style.kit
        if kit == "odd" or (meter not in (4, 3, 6)):
            pattern = self._odd_kit()
        else:
            pattern = [
                (drum, places, loud)
                for drum, places, loud in KITS[kit]
                if rng.random() < 0.93 or drum == KICK
            ]
            if kit in ("rock", "pop", "funk", "hiphop", "breaks", "metal") and rng.random() < 0.6:
                kicks = {0.0} if rng.random() < 0.9 else set()
                kicks |= {
                    float(x)
                    for x in np.arange(0, 4, 0.5)
                    if rng.random() < 0.28 and x not in (1, 3)
                }
                kicks |= {float(x) for x in np.arange(0.25, 4, 0.5) if rng.random() < 0.1}
                pattern = [
                    (KICK, tuple(sorted(kicks)), 108),
                    *[row for row in pattern if row[0] != KICK],
                ]
            hats = int(rng.choice([HAT, HAT, HAT, RIDE, OPEN, 70]))
            step = float(rng.choice([0.5, 0.5, 0.25, 1.0]))
            if kit in ("rock", "pop", "ballad", "hiphop", "breaks"):
                pattern = [
                    (hats, tuple(np.arange(0, 4, step)), 68) if row[0] == HAT else row
                    for row in pattern
                ]
            if kit in ("rock", "pop") and rng.random() < 0.12:
                pattern = [
                    (drum, (2.0,) if drum == SNARE else places, loud)
                    for drum, places, loud in pattern
                ]
            if kit == "swing" and rng.random() < 0.4:
                pattern = [(RIDE, (0, 1, 1.5, 2, 3, 3.5), 80), (44, (1, 3), 85)]
            if kit == "waltz" and rng.random() < 0.4:
                pattern.append((RIDE, (0, 1, 1.5, 2), 70))
        gain = rng.uniform(0.6, 1.1)
        hat_gain = rng.uniform(0.6, 1.25)
        odd_fill = bool(rng.random() < 0.7)
        for bar in range(bars):
            if not levels[bar, 0]:
                continue
            fill = odd_fill and bar % 4 == 3 and rng.random() < 0.6
            for drum, places, loud in pattern:
                twice = meter == 4 and max(places, default=0) >= 4
                for place in places:
                    where = place - 4 if place >= 4 else place
                    if twice and bar % 2 != place // 4:
                        continue
                    if where >= meter or (fill and where >= meter - 1 and drum != KICK):
                        continue
                    accent = 1.0 if where % 1 == 0 or drum not in (HAT, RIDE) else 0.8
                    high = hat_gain if drum in (HAT, RIDE, OPEN) else 1.0
                    self._play(DRUMS, drum, bar, where, 0.2, loud * gain * accent * high)
            if fill:
                for place in np.arange(meter - 1, meter, float(rng.choice([0.25, 0.5, 1 / 3]))):
                    self._play(
                        DRUMS,
                        int(rng.choice([SNARE, TOM, 47, 50])),
                        bar,
                        float(place),
                        0.2,
                        100 * gain,
                    )
            if bar % 8 == 0 and rng.random() < 0.7 and kit != "timpani":
                self._play(DRUMS, CRASH, bar, 0, 1, 100 * gain)

    def _groups(self) -> list[int]:
        """Places where the groups of a bar begin, such as 0 and 3 in five beats."""
        rng = self._rng
        splits = {
            3: [[0]],
            4: [[0, 2]],
            5: [[0, 3], [0, 2]],
            6: [[0, 3], [0, 2, 4]],
            7: [[0, 4], [0, 3, 5], [0, 2, 4]],
        }[self._meter]
        if not hasattr(self, "_chosen"):
            self._chosen = splits[int(rng.integers(len(splits)))]
        return self._chosen

    def _odd_kit(self) -> list[tuple[int, tuple[float, ...], int]]:
        rng, meter, groups = self._rng, self._meter, self._groups()
        kicks = tuple(float(place) for place in groups)
        snares = tuple(
            float(place + 1) if rng.random() < 0.5 else float(place + 2) for place in groups
        )
        snares = tuple(place for place in snares if place < meter and place not in kicks)
        step = 0.5 if rng.random() < 0.5 else 1.0
        hat = int(rng.choice([HAT, RIDE]))
        return [
            (KICK, kicks if rng.random() < 0.6 else (0.0,), 108),
            (SNARE, snares, 100),
            (hat, tuple(np.arange(0, meter, step)), 66),
        ]

    def _chord(self, bar: int, place: float) -> list[int]:
        if place + self._early >= self._meter:
            bar, place = bar + 1, 0
        row = self._harmony[min(bar, len(self._harmony) - 1)]
        if self._split[bar % self._split.shape[0]] and place >= self._meter / 2:
            return self._harmony[min(bar + 1, len(self._harmony) - 1)]
        return row

    def _bass(self, bars: int, levels: np.ndarray) -> None:
        rng, meter = self._rng, self._meter
        name = str(rng.choice(self._style.bass))
        grid = np.arange(0, meter, 0.5 if rng.random() < 0.6 else 0.25)
        synco = [0.0] if rng.random() < 0.85 else []
        synco += [float(x) for x in grid if x and rng.random() < (0.35 if x % 1 else 0.25)]
        table = {
            "root": [0.0],
            "long": [0.0],
            "fifth": [0.0, meter // 2 if meter != 3 else 2],
            "eighths": np.arange(0, meter, 0.5),
            "sixteenths": np.arange(0, meter, 0.25),
            "offbeat": np.arange(0.5, meter, 1),
            "octave": np.arange(0, meter, 0.5),
            "walk": np.arange(meter),
            "shuffle": np.arange(0, meter, 0.5),
            "synco": synco,
            "tresillo": [x for x in (0, 1.5, 3) if x < meter],
            "bossa": [x for x in (0, 1.5, 2, 3.5) if x < meter],
            "tumbao": [x for x in (1.5, 3) if x < meter],
            "odd": [float(x) for x in self._groups()],
        }
        places = [float(x) for x in table[name]]
        for bar in range(bars):
            if not levels[bar, 1]:
                continue
            for index, place in enumerate(places):
                chord = self._chord(bar, place)
                low = 36 + chord[0] % 12 if chord[0] % 12 > 3 else 48 + chord[0] % 12
                low -= 12 if low > 46 else 0
                pitch = low
                if name in ("walk", "shuffle") and index:
                    pitch = low + int(rng.choice([3, 4, 5, 7, 9, 10, 12]))
                elif name == "octave" and index % 2:
                    pitch = low + 12
                elif name in ("fifth", "bossa") and index % 2:
                    pitch = low + 7
                elif name in ("synco", "odd", "tresillo") and index and rng.random() < 0.3:
                    pitch = low + int(rng.choice([7, 12, 10]))
                following = places[index + 1] if index + 1 < len(places) else meter
                self._play(
                    0, pitch, bar, place, 0.9 * (following - place), 92 if place == 0 else 84
                )
            if name not in ("offbeat", "long") and rng.random() < 0.08:
                self._play(0, 36 + self._chord(bar + 1, 0)[0] % 12, bar, meter - 0.5, 0.45, 84)

    def _chords(self, bars: int, levels: np.ndarray) -> None:
        rng, meter = self._rng, self._meter
        names = [str(rng.choice(self._style.chords))]
        if len(self._style.chords) > 1 and rng.random() < 0.4:
            names.append("pad")
        grid = np.arange(0, meter, 0.5)
        stabs = [float(x) for x in grid if rng.random() < (0.4 if x % 1 else 0.35)] or [0.0]
        table = {
            "pad": [0.0],
            "power": np.arange(0, meter, 0.5),
            "eighths": np.arange(0, meter, 0.5),
            "strum": [x for x in (0, 1, 1.5, 2.5, 3, 3.5, 4, 5, 6) if x < meter],
            "stabs": stabs,
            "scratch": np.arange(0, meter, 0.25),
            "skank": np.arange(
                0.5 if self._style.name == "ska" else 1,
                meter,
                1 if self._style.name == "ska" else 2,
            ),
            "bossa": [x for x in (0, 1, 2.5, 3.5) if x < meter],
            "montuno": [x for x in (0, 1, 1.5, 2.5, 3.5) if x < meter],
            "charleston": [x for x in (0, 1.5) if x < meter],
            "triplets": np.arange(0, meter, 1 / 3),
            "offbeats": [x for x in (1, 3) if x < meter],
            "waltz": [float(x) for x in range(1, meter) if meter != 6 or x % 3],
            "odd": [float(x) for x in self._groups()],
            "hands": np.arange(0, meter, float(rng.choice([0.5, 1.0, 0.25, 1 / 3]))),
        }
        for channel, name in zip((1, 3), names, strict=False):
            rolled = name in ("arpeggio", "arpeggio16", "hands") and not (
                name == "hands" and rng.random() < 0.3
            )
            step = 0.25 if name == "arpeggio16" else float(rng.choice([0.5, 0.5, 0.25, 1.0]))
            places = [
                float(x)
                for x in (np.arange(0, meter, step) if name.startswith("arpeggio") else table[name])
            ]
            order = rng.permutation(5) if rng.random() < 0.5 else np.arange(5)
            base = int(rng.choice([48, 55, 60])) if name != "hands" else 43
            for bar in range(bars):
                if not levels[bar, 2]:
                    continue
                for index, place in enumerate(places):
                    chord = self._chord(bar, place)
                    notes = [base + (pitch - base) % 12 for pitch in chord]
                    following = places[index + 1] if index + 1 < len(places) else meter
                    length = (following - place) * (
                        0.95 if name in ("pad", "hands") or rolled else 0.6
                    )
                    loud = 70 + (10 if place == 0 else 0)
                    if rolled:
                        ladder = [*notes, notes[0] + 12, notes[1] + 12]
                        if name == "hands" and place == 0:
                            self._play(
                                channel, 36 + chord[0] % 12, bar, place, meter * 0.9, loud + 8
                            )
                        self._play(
                            channel,
                            ladder[int(order[index % 5])],
                            bar,
                            place,
                            max(length, 0.5),
                            loud,
                        )
                        continue
                    if name == "power":
                        notes = [40 + (chord[0] - 40) % 12, 47 + (chord[0] - 40) % 12]
                    if name == "scratch" and rng.random() < 0.35:
                        continue
                    for pitch in notes:
                        self._play(channel, pitch, bar, place, length, loud)

    def _melody(self, bars: int, levels: np.ndarray) -> None:
        rng, meter = self._rng, self._meter
        busy, fine = rng.uniform(0.3, 0.75), bool(rng.random() < 0.35)
        grid = np.arange(0, 2 * meter, 0.25 if fine else 0.5)

        def rhythm() -> list[float]:
            chances = np.where(grid % 1 == 0, busy, busy * np.where(grid % 0.5 == 0, 0.6, 0.3))
            return [float(x) for x in grid[rng.random(grid.shape[0]) < chances]]

        themes = [rhythm(), rhythm()]
        pitch = 72
        shift = int(rng.choice([0, 0, 0, 1])) if self._meter == 4 else 0
        for pair in range(0, bars, 2):
            theme = themes[0] if pair // 2 % 4 != 2 else themes[1]
            for index, place in enumerate(theme):
                bar, where = pair + int(place // meter), place % meter
                if bar >= bars or not levels[bar, 3]:
                    continue
                chord = self._chord(bar, where)
                if where % 1 == 0 and rng.random() < 0.7:
                    options = [
                        60 + (note + shift * 0) % 12 + 12 * octave
                        for note in chord
                        for octave in (0, 1)
                    ]
                    pitch = min(options, key=lambda one: abs(one - pitch - rng.normal(0, 4)))
                else:
                    pitch = int(np.clip(pitch + rng.choice([-3, -2, -1, 1, 2, 3]), 60, 86))
                following = theme[index + 1] if index + 1 < len(theme) else 2 * meter
                self._play(
                    2,
                    pitch,
                    bar,
                    where,
                    min(0.9 * (following - place), 2.0),
                    88 + (6 if where == 0 else 0),
                )

    def _pick_up(self) -> None:
        chord = self._chord(0, 0)
        for beat in range(self._upbeat):
            start, end = self._clock[beat], self._clock[beat + 1]
            self._notes.append(Note(2, 67 + chord[beat % 3] % 12, float(start), float(end), 90))


def rubato(rng: Rng, count: int) -> np.ndarray:
    """[count] speed of each beat of played piano music, 1 on average."""
    noise = rng.normal(0, rng.uniform(0.03, 0.06), count)
    drift = np.cumsum(rng.normal(0, 0.02, count))
    drift -= np.convolve(drift, np.ones(33) / 33, "same")
    speed = np.exp(noise + drift)
    depth, beat = rng.uniform(0.1, 0.35), 0
    while beat < count:
        length = int(rng.choice([4, 6, 8, 12, 16]))
        phase = np.arange(length) / length
        arch = 1 + 0.4 * depth * np.sin(np.pi * phase) - depth * np.clip(phase - 0.7, 0, 1) / 0.3
        speed[beat : beat + length] *= arch[: count - beat]
        beat += length
    return np.clip(speed, 0.45, 1.8)


def _triad(key: int, step: int, minor: bool) -> list[int]:
    scale = (0, 2, 3, 5, 7, 8, 10) if minor else (0, 2, 4, 5, 7, 9, 11)
    return [key + scale[(step + third) % 7] + 12 * ((step + third) // 7) for third in (0, 2, 4)]
