"""A score to samples: each distinct note is made once and added wherever it is played."""

import math
from typing import NamedTuple

import numpy as np

from .arrange import Score, Track
from .drums import PANS, SENDS, hit
from .genres import Genre
from .melody import Note
from .patches import PATCHES
from .patterns import KICK
from .reverb import room
from .synth import SAMPLE_RATE, Samples, render
from .texture import add_texture

LAYERS = 8  # velocities that a note is made in


class Stereo(NamedTuple):
    """One note as it goes to the mix [2, n] and, at half the rate, to the room [n / 2]."""

    direct: Samples
    send: Samples


class Desk:
    """Two buses, stereo and room, and the notes made so far."""

    def __init__(self, count: int, band: Genre) -> None:
        self.count = count
        self.band = band
        self.bus = np.zeros((2, count), np.float32)
        self.send = np.zeros(count // 2 + 1, np.float32)
        self.made: dict[tuple[str, str, int, int, int, str], Stereo] = {}
        self.hits: dict[tuple[int, float], Samples] = {}

    def play(self, track: Track) -> None:
        for note in track.notes:
            start = int(note.start * SAMPLE_RATE) & ~1
            left = self.count - start
            if left < 64:
                continue
            sound = self._made(track, note, left / SAMPLE_RATE)
            end = min(self.count, start + sound.direct.shape[1])
            self.bus[:, start:end] += sound.direct[:, : end - start]
            half = start // 2
            end = min(len(self.send), half + len(sound.send))
            self.send[half:end] += sound.send[: end - half]

    def _made(self, track: Track, note: Note, room_left: float) -> Stereo:
        layer = max(1, min(LAYERS, round(note.velocity * LAYERS)))
        length = min(note.length, room_left)
        key = (track.role, track.sound, note.pitch, round(length * 200), layer, note.vowel)
        if key not in self.made:
            self.made[key] = self._make(track, note.pitch, length, layer / LAYERS, note.vowel)
        return self.made[key]

    def _make(self, track: Track, pitch: int, length: float, velocity: float, vowel: str) -> Stereo:
        pan, send, gain = track.pan, track.send, track.gain
        if track.role == "drums":
            # Ears hear a soft stroke as soft only if it is much softer.
            if (pitch, length) not in self.hits:
                self.hits[pitch, length] = hit(track.sound, pitch, length)
            sound = self.hits[pitch, length][None, :] * np.float32(velocity**1.4)
            pan, send = PANS.get(pitch, 0.0), SENDS.get(pitch, 0.1)
        else:
            patch = PATCHES[track.sound]
            if self.band.dark:
                patch = patch._replace(tilt=patch.tilt + self.band.dark / 30)
            sound = render(patch, pitch, length, velocity, vowel or "a")
        angle = (pan + 1) * math.pi / 4
        sides = np.array([[math.cos(angle)], [math.sin(angle)]], np.float32)
        direct = sound * sides * np.float32(1.414 * gain)
        mono = sound[0] if len(sound) == 1 else (sound[0] + sound[1]) * np.float32(0.5)
        halved = mono[: len(mono) & ~1 : 2] + mono[1::2]
        return Stereo(direct, halved * np.float32(0.5 * gain * send * self.band.wet))

    def duck(self, kicks: Track) -> None:
        """Lets the kick through: what is on the bus dips at each of its strokes."""
        count = int(0.24 * SAMPLE_RATE)
        curve = 1 - self.band.pump * (1 - np.linspace(0, 1, count)) ** 1.5
        attack = 150
        curve[:attack] = np.linspace(1, curve[attack], attack)
        curve = curve.astype(np.float32)
        for note in kicks.notes:
            start = int(note.start * SAMPLE_RATE)
            if note.pitch == KICK:
                span = self.bus[:, start : start + count]
                span *= curve[: span.shape[1]]


def render_score(score: Score, band: Genre, duration: float) -> Samples:
    """[2, n] samples of the whole score, not yet at their final loudness."""
    desk = Desk(round(duration * SAMPLE_RATE), band)
    drums = [track for track in score.tracks if track.role == "drums"]
    for track in score.tracks:
        if track.role != "drums":
            desk.play(track)
    if band.pump and drums:
        desk.duck(drums[0])
    for track in drums:
        desk.play(track)
    wet = room(desk.send, band.room)
    # Back to the full rate: every second sample is its neighbours' mean.
    even = desk.bus[:, 0::2]
    even += wet[:, : even.shape[1]]
    odd = desk.bus[:, 1::2]
    wet *= np.float32(0.5)
    odd += wet[:, : odd.shape[1]]
    odd += wet[:, 1 : odd.shape[1] + 1]
    if band.texture:
        add_texture(desk.bus, band.texture)
    return desk.bus
