"""Real songs with a known tempo, in the layout of Frets on Fire: stems and a MIDI chart."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from ..audio.arrays import Samples
from ..sandbox.composer import compose

LATE_CHARTS = {"Metal madness", "War of freedom"}
"""Their charts are about 180 ms off the audio: good for the tempo, not for the beats."""


class Song(NamedTuple):
    name: str
    samples: Samples
    rate: int
    tempo: float

    @property
    def beats(self) -> np.ndarray:
        """Seconds of the chart's beats."""
        return np.arange(0, self.samples.shape[1] / self.rate, 60 / self.tempo)


def composed_songs(seconds: float) -> list[Song]:
    """Sketches of the sandbox's composer, whose tempo is known: they need no file."""
    songs = []
    for prompt in ("techno at 128 bpm", "slow jazz trio", "drum and bass with a piano"):
        made = compose(prompt, seconds)
        samples = np.ascontiguousarray(made.waveform)
        songs.append(Song(prompt, samples, made.sample_rate, made.score.style.tempo))
    return songs


def read_songs(folder: Path) -> list[Song]:
    """Each folder in `folder` that holds song.ogg and notes.mid, its stems mixed."""
    charts = sorted(folder.glob("*/notes.mid"))
    return [_read(chart.parent) for chart in charts if (chart.parent / "song.ogg").is_file()]


def _read(folder: Path) -> Song:
    stems = [soundfile.read(path, dtype="float32", always_2d=True) for path in folder.glob("*.ogg")]
    length = max(samples.shape[0] for samples, _ in stems)
    mix = np.zeros((2, length), np.float32)
    for samples, _ in stems:
        mix[:, : samples.shape[0]] += samples.T
    return Song(folder.name, mix, stems[0][1], midi_tempo((folder / "notes.mid").read_bytes()))


def midi_tempo(data: bytes) -> float:
    """Beats per minute of the first tempo event (FF 51 03, microseconds a beat)."""
    place = data.find(b"\xff\x51\x03")
    if place < 0:
        raise ValueError("The chart has no tempo event.")
    return 60e6 / int.from_bytes(data[place + 3 : place + 6], "big")
