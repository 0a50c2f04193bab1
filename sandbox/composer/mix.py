"""A score to samples: each distinct note is made once and added wherever it is played."""

from __future__ import annotations

import math

import numpy as np

from .drums import CYMBALS, hit
from .instruments import INSTRUMENTS
from .melody import Note
from .score import Score, Track
from .synth import LN_1000, SAMPLE_RATE, Samples, noise, render, shaped

LOUDNESS = -18.0  # RMS, dBFS
CEILING = 10 ** (-2.0 / 20)  # room for what a lossy codec adds to peaks
LAYERS = 8  # velocities that a note is made in
PREDELAY = 0.018  # s

# Gain of a role, its pan from -1 (left) to 1, and the share of it that goes to the room.
PLACES: dict[str, tuple[float, float, float]] = {
    "chords": (0.30, -0.32, 0.22),
    "pad": (0.17, 0.0, 0.45),
    "arp": (0.17, 0.45, 0.3),
    "bass": (0.4, 0.0, 0.02),
    "lead": (0.38, 0.16, 0.28),
    "voice": (0.46, 0.0, 0.3),
    "drums": (0.62, 0.0, 0.1),
}


def mixed(score: Score, duration: float) -> Samples:
    """[2, n] samples of a score: n == round(duration * 44100), RMS of -18 dBFS, peaks clipped."""
    count = round(duration * SAMPLE_RATE)
    bus, send = np.zeros((2, count), np.float32), np.zeros(count, np.float32)
    for track in score.tracks:
        sounds: dict[tuple[int, ...], Samples] = {}
        for note in track.notes:
            start = round(score.seconds(note.start) * SAMPLE_RATE)
            if start >= count:
                continue
            room_left = (count - start) / SAMPLE_RATE
            length = min(note.length * 60 / score.tempo, room_left)
            layer = max(1, min(LAYERS, round(note.velocity * LAYERS)))
            known = (note.pitch, round(length * 200), layer)
            if known not in sounds:
                sounds[known] = _sound(score, track, note, length, layer / LAYERS)
            sound = sounds[known][:, : count - start]
            end = start + sound.shape[1]
            bus[:, start:end] += sound
            send[start:end] += (sound[0] + sound[1]) * np.float32(0.5 * PLACES[track.role][2])
    bus += room(send, score.genre.feel.room) * np.float32(score.genre.feel.wet)
    bus -= bus.mean(axis=1, keepdims=True)
    # A few ms in; out over most of the final chord.
    bus[:, :200] *= np.linspace(0, 1, 200, dtype=np.float32)
    fall = int(0.7 * (duration - score.final) * SAMPLE_RATE)
    bus[:, -fall:] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2
    level = math.sqrt(float(np.mean(np.square(bus), dtype=np.float64)))
    bus *= np.float32(10 ** (LOUDNESS / 20) / max(level, 1e-6))
    return np.clip(bus, -CEILING, CEILING, out=bus)


def _sound(score: Score, track: Track, note: Note, length: float, velocity: float) -> Samples:
    """One note in its place between left and right, [2, n]."""
    gain, pan, _ = PLACES[track.role]
    if track.role == "drums":
        # Ears hear a soft stroke as soft only if it is much softer.
        sound = hit(score.kit, track.sound, score.colour)[None, :] * np.float32(velocity**1.4)
        pan = CYMBALS[track.sound][-1] if track.sound in CYMBALS else 0.0
    else:
        instrument = INSTRUMENTS[track.sound]
        instrument = instrument._replace(tilt=instrument.tilt + score.genre.feel.dark)
        sound = render(instrument, note.pitch, length, velocity, score.colour)
    angle = (pan + 1) * math.pi / 4
    sides = np.array([[math.cos(angle)], [math.sin(angle)]], np.float32)
    return sound * sides * np.float32(math.sqrt(2) * gain)


def room(send: Samples, seconds: float) -> Samples:
    """[2, n] echo of a mono [n] signal: convolution with decaying noise, by overlap-add."""
    response = impulse(seconds)
    size = 1 << (2 * response.shape[1] - 1).bit_length()
    hop = size - response.shape[1]
    spectrum = np.fft.rfft(response, size)
    wet = np.zeros((2, len(send) + size), np.float32)
    for start in range(0, len(send), hop):
        block = np.fft.rfft(send[start : start + hop], size)
        wet[:, start : start + size] += np.fft.irfft(block * spectrum, size)
    return wet[:, : len(send)]


def impulse(seconds: float) -> Samples:
    """[2, n] response of a room to an impulse at the sample 0: noise that dies away."""
    count = int(seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    dying = np.exp(-LN_1000 * time / seconds) * np.minimum(time / 0.012, 1)
    out = np.stack([shaped(noise(seed, count), 250, 2500) for seed in (101, 102)]) * dying
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    return np.pad(out, ((0, 0), (int(PREDELAY * SAMPLE_RATE), 0))).astype(np.float32)
