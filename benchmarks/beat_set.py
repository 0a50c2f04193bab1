"""Pieces of 45 s with exact beats and bars, and sounds without a beat, for the beat tracker.

Half of the set is for building, the other half is looked at when something is built. The pieces:

- 44 of the arranger in this folder, each seed another one;
- MIDI files from five public sources, where they are: Debian's simutrans-data and
  planetblupi-music-midi; copies of the repositories jukedeck/nottingham-dataset,
  fosfrancesco/asap-dataset (piano as people play it, beats annotated) and
  music-x-lab/POP909-Dataset, in one folder;
- sounds without a beat: noise, hum, drones of beating partials, rain, speech (espeak-ng's).

`fluidsynth` renders the notes with Debian's two General MIDI soundfonts. A source, a soundfont or
a program that is missing is named, and its pieces are left out.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from ..audio.arrays import Samples
from .arranger import arrange
from .midi import Course, course, midi_file, played

RATE = 22050
SECONDS = 45.0
ARRANGED = 44
FIRST_SEED = 100
FONTS = (
    Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    Path("/usr/share/sounds/sf2/TimGM6mb.sf2"),
)
DEBIAN = {
    "simutrans": (Path("/usr/share/games/simutrans/music"), 14),
    "planetblupi": (Path("/usr/share/planetblupi/music"), 8),
}
_WORDS = ("the", "river", "runs", "past", "an", "old", "mill", "and", "nobody", "knows", "where")
_ON_GRID = 0.8
"""A tempo map is sound if this share of the notes lies on quarters or thirds of its beats."""


class BeatPiece(NamedTuple):
    name: str
    kind: str
    """Style, source or sound."""
    held_out: bool
    """True in the half that is looked at only at the end."""
    samples: Samples
    """[1, n] at RATE."""
    beats: np.ndarray
    """[n] seconds; empty for a sound without a beat."""
    places: np.ndarray
    """[n] place of each beat in its bar, 0 for downbeats."""

    @property
    def tempo(self) -> float:
        return 60 / float(np.median(np.diff(self.beats))) if self.beats.size > 1 else 0.0


Made = tuple[Samples, np.ndarray, np.ndarray]
"""Samples [n] at RATE, seconds of the beats, places in their bars."""


class Entry(NamedTuple):
    name: str
    kind: str
    make: Callable[[], Made]
    source: Path | None = None
    """The file of its notes; None for what is made from a seed."""


def read_set(
    sources: Path | None,
    store: Path,
    most: int | None = None,
    tell: Callable[[str], None] = print,
) -> list[BeatPiece]:
    """At most `most` pieces; `sources` has copies of the repositories, `store` keeps the pieces."""
    store.mkdir(parents=True, exist_ok=True)
    pieces = []
    for index, (name, kind, make, _) in enumerate(islice(entries(sources or store, tell), most)):
        path = store / f"{name}.npz"
        if not path.is_file():
            try:
                samples, beats, places = make()
            except (ValueError, OSError, IndexError, subprocess.SubprocessError) as error:
                tell(f"{name} is left out: {error}")
                continue
            whole = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
            np.savez(path, samples=whole, beats=beats, places=places)
        with np.load(path) as found:
            samples = (found["samples"].astype(np.float32) / 32767).reshape(1, -1)
            held = index % 2 == 1
            pieces.append(BeatPiece(name, kind, held, samples, found["beats"], found["places"]))
    return pieces


def entries(sources: Path, tell: Callable[[str], None]) -> Iterator[Entry]:
    """What the set is made of, in its order."""
    fonts = [font for font in FONTS if font.is_file()]
    if not fonts or not shutil.which("fluidsynth"):
        tell("fluidsynth or its soundfonts are missing: install fluidsynth, fluid-soundfont-gm")
        tell("and timgm6mb-soundfont. All pieces of music are left out.")
    else:
        for number in range(ARRANGED):
            font = fonts[number // 2 % len(fonts)]
            seed = FIRST_SEED + number
            name = f"arranged-{number:02}"
            yield Entry(name, "arranged", lambda seed=seed, font=font: arranged(seed, font))
        for kind, (folder, count) in DEBIAN.items():
            yield from _scores(kind, sorted(folder.glob("*.mid")), count, fonts, tell)
        tunes = sorted((sources / "nottingham").rglob("*.mid"))
        yield from _scores("nottingham", tunes, 8, fonts, tell)
        for kind, pattern, count in (
            ("asap", "*_annotations.txt", 14),
            ("pop909", "beat_midi.txt", 10),
        ):
            marks = sorted((sources / kind).rglob(pattern))
            if not marks:
                tell(f"{kind} is missing in {sources}: its pieces are left out.")
            for number, path in enumerate(spread(marks, count)):
                make = lambda path=path: _annotated(path, fonts[0])  # noqa: E731
                yield Entry(f"{kind}-{number:02}", kind, make, path)
    for kind, make in EMPTY.items():
        for number in range(4):
            rng = np.random.default_rng(number)
            nothing = lambda make=make, rng=rng: (make(rng), np.empty(0), np.empty(0))  # noqa: E731
            yield Entry(f"{kind}-{number}", f"no beat: {kind}", nothing)


def spread(paths: list[Path], count: int) -> list[Path]:
    return [paths[int(place)] for place in np.linspace(0, len(paths) - 1, min(count, len(paths)))]


def _scores(
    kind: str, paths: list[Path], count: int, fonts: list[Path], tell: Callable[[str], None]
) -> Iterator[Entry]:
    if not paths:
        tell(f"{kind} is missing: its pieces are left out.")
    for number, path in enumerate(spread(paths, count)):
        font = fonts[number // 2 % len(fonts)]
        make = lambda path=path, font=font: _scored(path, font)  # noqa: E731
        yield Entry(f"{kind}-{number:02}", kind, make, path)


def arranged(seed: int, font: Path) -> Made:
    """(samples, beats, places) of the arranger's piece of a seed."""
    made = arrange(seed, SECONDS)
    samples = synthesised(midi_file(made.notes, made.programs, made.seconds), font, seed)
    return samples, made.beats, made.places


def sound_course(data: bytes) -> Course:
    """The beats of a MIDI file. ValueError where its notes do not follow its tempo map."""
    found = course(data)
    near = [
        np.abs(found.shares * parts - np.round(found.shares * parts)) / parts for parts in (4, 3)
    ]
    if np.mean(np.minimum(*near) < 0.04) < _ON_GRID:
        raise ValueError("its notes do not follow its tempo map")
    return found


def _scored(path: Path, font: Path) -> Made:
    data = path.read_bytes()
    found = sound_course(data)
    return _cut(data, font, found.beats, found.places, found.onsets)


def annotated(path: Path) -> tuple[bytes, np.ndarray, np.ndarray]:
    """The notes of an annotated piece of POP909 or ASAP, its beats and their places in the bars."""
    if path.name == "beat_midi.txt":
        rows = np.loadtxt(path, ndmin=2)
        beats, down = rows[:, 0], rows[:, 2] > 0
        notes = path.with_name(f"{path.parent.name}.mid")
    else:
        lines = [line.split("\t") for line in path.read_text().splitlines()]
        beats = np.array([float(line[0]) for line in lines])
        down = np.array([line[2].startswith("db") for line in lines])
        notes = path.with_name(path.name.replace("_annotations.txt", ".mid"))
    bar = np.cumsum(down)
    starts = np.maximum.accumulate(np.where(down, np.arange(beats.shape[0]), 0))
    places = np.where(bar > 0, np.arange(beats.shape[0]) - starts, 1)
    return notes.read_bytes(), beats, places


def _annotated(path: Path, font: Path) -> Made:
    data, beats, places = annotated(path)
    return _cut(data, font, beats, places, course(data).onsets)


def _cut(
    data: bytes, font: Path, beats: np.ndarray, places: np.ndarray, onsets: np.ndarray
) -> Made:
    """45 s from just before the first note, with the beats in it."""
    begin = max(0.0, float(onsets[0]) - 0.3)
    first = round(begin * RATE)
    end = min(float(onsets[-1]), begin + SECONDS)
    used = (beats >= begin) & (beats < end)
    if used.sum() < 16:
        raise ValueError("it has fewer than 16 beats")
    samples = synthesised(data, font, len(data), begin + SECONDS)
    return samples[first : first + round(SECONDS * RATE)], beats[used] - begin, places[used]


def synthesised(data: bytes, font: Path, seed: int, seconds: float = SECONDS) -> Samples:
    """[n] mono samples of a MIDI file's first `seconds`, by fluidsynth.

    The seed draws the gain and the room.
    """
    rng = np.random.default_rng(seed)
    options = ["-r", str(RATE), "-g", "0.5", "-R", str(int(rng.random() < 0.3)), "-C", "0"]
    options += ["-o", "synth.dynamic-sample-loading=1", "-O", "s16"]
    heard = played(data, font, 4 * round(seconds * RATE), *options)
    samples = np.frombuffer(heard, "<i2").reshape(-1, 2).mean(axis=1) / 32768
    peak = float(np.abs(samples).max(initial=1e-6))
    return (samples * (rng.uniform(0.4, 0.95) / peak)).astype(np.float32)


def _white(rng: np.random.Generator) -> Samples:
    return (0.1 * rng.standard_normal(round(SECONDS * RATE))).astype(np.float32)


def _coloured(rng: np.random.Generator) -> Samples:
    spectrum = np.fft.rfft(_white(rng))
    frequency = np.arange(spectrum.shape[0]) / SECONDS
    sound = np.fft.irfft(spectrum / np.maximum(frequency, 20) ** rng.uniform(0.5, 1.2))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def _hum(rng: np.random.Generator) -> Samples:
    time, base = np.arange(round(SECONDS * RATE)) / RATE, float(rng.choice([50, 60]))
    tones = [np.sin(2 * np.pi * base * n * time + rng.uniform(0, 6)) / n for n in range(1, 9)]
    swell = 1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * time)
    return (0.1 * swell * np.sum(tones, axis=0) + 0.02 * _white(rng)).astype(np.float32)


def _drone(rng: np.random.Generator) -> Samples:
    time, base = np.arange(round(SECONDS * RATE)) / RATE, rng.uniform(55, 220)
    sound = np.zeros(time.shape[0])
    for partial in range(1, 8):
        for _ in range(3):
            pitch = base * partial + rng.normal(0, 0.8)
            sound += np.sin(2 * np.pi * pitch * time + rng.uniform(0, 6)) / partial
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def _rain(rng: np.random.Generator) -> Samples:
    sound = 0.02 * _white(rng)
    decay = np.exp(-np.arange(400) / 60)
    for start in rng.integers(0, sound.shape[0] - 400, int(rng.integers(400, 6000))):
        sound[start : start + 400] += rng.uniform(0.01, 0.2) * decay * rng.standard_normal(400)
    return sound.astype(np.float32)


def _speech(rng: np.random.Generator) -> Samples:
    if not shutil.which("espeak-ng"):
        raise ValueError("espeak-ng is not installed")
    text = ". ".join(" ".join(rng.choice(_WORDS, int(rng.integers(3, 12)))) for _ in range(40))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        voice = str(rng.choice(["en-us", "en-gb", "de", "fr"]))
        command = [
            "espeak-ng",
            "-v",
            voice,
            "-s",
            str(int(rng.integers(120, 190))),
            "-w",
            str(path),
            text,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        samples, rate = soundfile.read(path, dtype="float32")
    if rate != RATE:
        raise ValueError(f"espeak-ng speaks at {rate} Hz")
    return np.asarray(samples[: round(SECONDS * RATE)], np.float32)


EMPTY: dict[str, Callable[[np.random.Generator], Samples]] = {
    "white": _white,
    "coloured": _coloured,
    "hum": _hum,
    "drone": _drone,
    "rain": _rain,
    "speech": _speech,
}
