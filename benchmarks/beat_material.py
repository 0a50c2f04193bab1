"""Music to train the beat network on: no piece of the beat set, and no other rendering of one.

Half of the pieces are the arranger's, of seeds that the set leaves alone. The others are MIDI files
of the set's public sources that the set does not use, played at another speed, in another key, by
other instruments, with a drummer, or with the timing of rubato. Some are sounds without a beat.
ASAP's files are for measuring only: their licence does not allow this use.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Samples
from .arranger import DRUMS, KITS, STYLES, TEMPO_MAPS, Rng, arrange, rubato
from .beat_set import (
    DEBIAN,
    EMPTY,
    FONTS,
    RATE,
    SECONDS,
    Made,
    annotated,
    entries,
    sound_course,
    synthesised,
)
from .midi import Note, midi_file, read_notes

FIRST_SEED = 100_000
"""The set's seeds lie below."""
_DRUMMERS = ("rock", "pop", "ballad", "floor", "hiphop", "funk", "bossa", "breaks")
_LEAST_TEMPO, _MOST_TEMPO = 42.0, 250.0


class Score(NamedTuple):
    notes: list[Note]
    programs: dict[int, int]
    beats: np.ndarray
    """[n] seconds."""
    places: np.ndarray
    """[n] place of each beat in its bar, 0 for downbeats."""


class Material:
    """Pieces by number; `sources` has copies of the repositories that `beat_set` names."""

    def __init__(self, sources: Path) -> None:
        used = {
            entry.source.parent.name if entry.kind == "pop909" else entry.source.stem
            for entry in entries(sources, print)
            if entry.source
        }
        tunes = sorted((sources / "nottingham" / "MIDI").glob("*.mid"))
        songs = sorted((sources / "pop909").rglob("beat_midi.txt"))
        files = [path for folder, _ in DEBIAN.values() for path in sorted(folder.glob("*.mid"))]
        self._kinds: list[tuple[float, list[Path]]] = [
            (0.42, [path for path in songs if path.parent.name not in used]),
            (0.28, [path for path in tunes if path.stem not in used]),
            (0.30, [path for path in files if path.stem not in used]),
        ]

    def piece(self, number: int) -> Made:
        """The piece of a number: the same each time."""
        rng = np.random.default_rng(FIRST_SEED + number)
        chance = rng.random()
        if chance < 0.05:
            make = list(EMPTY.values())[int(rng.integers(len(EMPTY)))]
            return make(rng), np.empty(0), np.empty(0)
        score = _arranged(rng, FIRST_SEED + number) if chance < 0.58 else self._found(rng)
        font = FONTS[int(rng.random() < 0.4)]
        data = midi_file(score.notes, score.programs, SECONDS)
        samples = synthesised(data, font, FIRST_SEED + number)
        return coloured(samples, rng), score.beats, score.places

    def _found(self, rng: Rng) -> Score:
        for _ in range(50):
            shares = [share for share, _ in self._kinds]
            _, paths = self._kinds[int(rng.choice(len(shares), p=shares))]
            path = paths[int(rng.integers(len(paths)))]
            try:
                if path.suffix == ".txt":
                    data, beats, places = annotated(path)
                else:
                    data = path.read_bytes()
                    found = sound_course(data)
                    beats, places = found.beats, found.places
                score = varied(Score(*read_notes(data), beats, places), rng)
            except (ValueError, IndexError):
                continue
            if score.beats.size >= 24 and len(score.notes) > 40:
                return score
        raise ValueError("No file of the sources can be used.")


def _arranged(rng: Rng, seed: int) -> Score:
    options: dict[str, str | int] = {}
    if rng.random() < 0.25:
        options["meter"] = int(rng.choice([3, 5, 6, 7], p=[0.35, 0.2, 0.25, 0.2]))
    if rng.random() < 0.2:
        options["tempo_map"] = str(rng.choice(TEMPO_MAPS))
    if rng.random() < 0.12:
        options["style"] = str(rng.choice([one.name for one in STYLES if not one.kit]))
    made = arrange(seed, SECONDS, **options)  # pyright: ignore[reportArgumentType]
    return Score(made.notes, made.programs, made.beats, made.places)


def varied(score: Score, rng: Rng) -> Score:
    """45 s of a score at another speed, in another key, by other instruments."""
    beats, places = score.beats, score.places
    tempo = 60 / float(np.median(np.diff(beats)))
    speed = float(np.clip(np.exp(rng.normal(0, 0.12)), _LEAST_TEMPO / tempo, _MOST_TEMPO / tempo))
    played = rng.random()
    course = np.full(beats.shape[0] - 1, speed)
    if played < 0.35:
        course *= rubato(rng, course.shape[0])
    elif played < 0.5:
        course *= np.exp(np.linspace(0, rng.normal(0, 0.25), course.shape[0]))
    clock = np.concatenate(([0.0], np.cumsum(np.diff(beats) / course)))
    longest = max(0.0, float(clock[-1]) - SECONDS)
    first = float(rng.uniform(0, longest)) if rng.random() < 0.7 else 0.0
    clock -= first - float(rng.uniform(0, 0.5)) * (first == 0)

    def at(time: float) -> float:
        if time < beats[0]:
            return float(clock[0] - (beats[0] - time) / speed)
        if time > beats[-1]:
            return float(clock[-1] + (time - beats[-1]) / speed)
        return float(np.interp(time, beats, clock))

    channels = sorted({note.channel for note in score.notes})
    dropped = {int(rng.choice(channels))} if len(channels) > 2 and rng.random() < 0.2 else set()
    if rng.random() < 0.15 and len(channels) > 2:
        dropped.add(DRUMS)
    key, jitter = int(rng.integers(-6, 6)), float(rng.choice([0.0, 0.005, 0.014]))
    gain = {channel: float(rng.uniform(0.7, 1.1)) for channel in channels}
    notes = []
    for note in score.notes:
        start = at(note.start) + (float(rng.normal(0, jitter)) if jitter else 0.0)
        if note.channel in dropped or not 0 <= start < SECONDS:
            continue
        pitch = note.pitch if note.channel == DRUMS else int(np.clip(note.pitch + key, 21, 108))
        loud = int(np.clip(note.velocity * gain[note.channel], 10, 127))
        end = max(at(note.end), start + 0.04)
        notes.append(Note(note.channel, pitch, start, end, loud))
    programs = dict(score.programs)
    alone = DRUMS not in channels
    for channel in channels:
        programs.setdefault(channel, 0)
        if rng.random() < (0.4 if played >= 0.35 or not alone else 0.15):
            programs[channel] = int(rng.integers(0, 96))
    if alone and played >= 0.35 and rng.random() < 0.4:
        notes += _drummer(clock, places, rng)
    heard = (clock >= 0) & (clock < SECONDS - 0.05)
    begins = min((note.start for note in notes), default=0.0)
    ends = max((note.start for note in notes), default=0.0)
    heard &= (clock >= begins - 0.25) & (clock <= ends + 0.25)
    return Score(notes, programs, clock[heard], places[heard])


def _drummer(clock: np.ndarray, places: np.ndarray, rng: Rng) -> list[Note]:
    kit = [row for row in KITS[str(rng.choice(_DRUMMERS))] if rng.random() < 0.9]
    gain, notes = rng.uniform(0.6, 1.0), []
    for beat in range(clock.shape[0] - 1):
        width = clock[beat + 1] - clock[beat]
        for drum, where, loud in kit:
            for place in where:
                if int(place) == places[beat]:
                    start = float(clock[beat] + (place - int(place)) * width)
                    if 0 <= start < SECONDS:
                        loudness = int(np.clip(loud * gain + rng.normal(0, 6), 10, 127))
                        notes.append(Note(DRUMS, drum, start, start + 0.1, loudness))
    return notes


def coloured(samples: Samples, rng: Rng) -> Samples:
    """The samples with another balance of lows and highs, some noise, and some distortion."""
    if rng.random() < 0.6:
        spectrum = np.fft.rfft(samples)
        frequency = np.arange(spectrum.shape[0]) * RATE / samples.shape[0]
        octaves = np.log2(np.maximum(frequency, 30) / 1000)
        bell = np.exp(-0.5 * ((octaves - rng.uniform(-4, 3)) / rng.uniform(0.4, 1.5)) ** 2)
        decibels = octaves * rng.uniform(-3, 3) + rng.uniform(-12, 9) * bell
        turned = np.fft.irfft(spectrum * 10 ** (decibels / 20), samples.shape[0])
        samples = turned.astype(np.float32)
    heard = samples / (np.abs(samples).max() + 1e-9)
    if rng.random() < 0.3:
        drive = rng.uniform(2, 8)
        heard = np.tanh(drive * heard) / np.tanh(drive)
    if rng.random() < 0.25:
        heard = heard + rng.uniform(0.001, 0.02) * rng.standard_normal(samples.shape[0])
    return (heard * rng.uniform(0.3, 0.9)).astype(np.float32)
