"""Music of known tempo: from the sandbox's composer, from clicks, and real songs where they are."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ...audio.arrays import Samples
from ...benchmarks.songs import Song, read_songs
from ...music.track import Track, read_track
from ...sandbox.composer import compose

RATE = 44100
SONGS = Path("/usr/share/games/fretsonfire/data/songs")
"""Where Debian's packages fretsonfire-songs-sectoid and fretsonfire-songs-muldjord put theirs."""


class Piece:
    def __init__(self, prompt: str, seconds: float) -> None:
        made = compose(prompt, seconds)
        self.samples: Samples = np.ascontiguousarray(made.waveform)
        self.rate, style = made.sample_rate, made.score.style
        self.tempo, self.meter = style.tempo, style.metre


@cache
def piece(prompt: str, seconds: float = 40.0) -> Piece:
    return Piece(prompt, seconds)


@cache
def track(prompt: str, seconds: float = 40.0) -> Track:
    made = piece(prompt, seconds)
    return read_track(made.samples, made.rate, made.tempo)


def clicks(times: np.ndarray, seconds: float, rate: int = RATE) -> Samples:
    """Short bursts of noise at `times`, mono."""
    random = np.random.default_rng(1)
    count = round(seconds * rate)
    out = 1e-4 * random.standard_normal(count)
    decay = np.arange(round(0.1 * rate)) / rate
    for time in times:
        start = round(float(time) * rate)
        burst = 0.4 * random.standard_normal(decay.shape[0]) * np.exp(-40 * decay)
        room = min(burst.shape[0], count - start)
        out[start : start + room] += burst[:room]
    return out.astype(np.float32)[None]


def noise(seconds: float, rate: int = RATE, channels: int = 2) -> Samples:
    """Sound without a beat: brown noise that swells."""
    random = np.random.default_rng(2)
    walk = np.cumsum(random.standard_normal((channels, round(seconds * rate))), axis=1)
    walk -= np.linspace(walk[:, 0], walk[:, -1], walk.shape[1], axis=1)
    return (0.5 * walk / np.abs(walk).max()).astype(np.float32)


def real_song(name: str) -> Song:
    """Skips the test where the song is not installed."""
    song = _real_songs().get(name)
    if song is None:
        pytest.skip(
            "no real song of this name: install Debian's fretsonfire-songs-sectoid and "
            "fretsonfire-songs-muldjord, or name a folder of songs in MUSIC_SONGS"
        )
    return song


@cache
def _real_songs() -> dict[str, Song]:
    named = os.environ.get("MUSIC_SONGS")
    folders = [Path(named)] if named else sorted(SONGS.glob("*"))
    songs = [song for folder in folders for song in read_songs(folder)]
    return {song.name: song for song in songs}
