"""The renderer of all pitched instruments (a bank of damped sinusoids), the drums and the mix.

A partial that rings as exp((-d + iw) t) is a geometric series in the sample number. So a note of K
partials is one matrix product: [n / B, K] states at the start of each block times [K, B] turns
within a block (modal synthesis: Adrien, "The missing link", 1991). It costs about 1 ms a note.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .genres import INSTRUMENTS, Instrument
from .melody import Note
from .score import Part, Score

SAMPLE_RATE = 44100
# Limit on multiplications in one matrix product. Above 2^18 OpenBLAS wakes its other threads. On a
# busy machine that takes many times longer than the product itself.
SMALL_PRODUCT = 200_000
LN_1000 = math.log(1000.0)  # 60 dB, in nepers

Samples = NDArray[np.float32]
Numbers = NDArray[np.float64]


def modes(freqs: Numbers, amps: Numbers, decays: Numbers, phases: Numbers, count: int) -> Samples:
    """[count] samples of sum(amp * exp(-decay t) * cos(2 pi freq t + phase)); decays in 1/s."""
    block = 1 << min(8, max(5, count.bit_length() // 2))
    together = max(1, SMALL_PRODUCT // (2 * len(freqs) * block))
    rows = -(-count // (block * together)) * together
    rate = (2j * np.pi * freqs - decays) / SAMPLE_RATE
    # Cumulative products are far cheaper than exp. The first element is the first power.
    turns = np.multiply.accumulate(np.tile(np.exp(rate)[:, None], block), axis=1)
    states = np.multiply.accumulate(np.tile(np.exp(rate * block), (rows, 1)), axis=0)
    states *= amps * np.exp(1j * phases - rate * block)
    left = np.concatenate([np.real(states), -np.imag(states)], axis=1).astype(np.float32)
    right = np.concatenate([np.real(turns), np.imag(turns)], axis=0).astype(np.float32)
    return (left.reshape(-1, together, left.shape[1]) @ right).reshape(-1)[:count]


def noise(seed: int, count: int) -> Samples:
    """[count] samples between -1 and 1. RandomState gives the same numbers in every numpy."""
    return (np.random.RandomState(seed).random_sample(count) * 2 - 1).astype(np.float32)


def shaped(signal: Samples, low: float, high: float) -> Samples:
    """Band-pass filter: two corners in Hz, slopes of about 12 dB per octave."""
    size = 1 << (len(signal) - 1).bit_length()
    squares = np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32) ** 2
    gains = squares / (squares + np.float32(low**2)) / np.sqrt(1 + (squares / high**2) ** 2)
    out = np.fft.irfft(np.fft.rfft(signal, size) * gains.astype(np.float32), size)
    return out[: len(signal)].astype(np.float32)


def render(
    instrument: Instrument, pitch: int, length: float, velocity: float, colour: float
) -> Samples:
    """One note, [2, n].

    `length` is the time in seconds until the player releases the key; n also covers the release
    time. The RMS is about 0.35 * velocity before the sound decays. `colour` sets the phases.
    """
    base = 440.0 * 2 ** ((pitch - 69) / 12)
    # Low strings and bars ring longer than high ones.
    ring = instrument.decay * 2 ** ((60 - pitch) / 24) or math.inf
    damping, length = LN_1000 / ring, min(length, ring)
    count = int((length + instrument.release) * SAMPLE_RATE)
    ratios = np.array([r for r in instrument.ratios if r * base < instrument.top] or [1])
    # A louder note has more high partials.
    amps = ratios ** -(instrument.tilt + 0.7 * (0.75 - velocity))
    amps *= 0.5 * velocity / np.sqrt(np.sum(amps**2))
    order = np.arange(len(ratios), dtype=np.float64)
    decays = damping * (1 + instrument.damp * order)
    # With equal phases, the wave would have one spike per cycle.
    phases = 2 * np.pi * (0.618 * (order + 1) ** 2 + colour * pitch)
    voices = enumerate(2 ** (np.array(instrument.detune) / 1200))
    rows = [modes(base * ratios * n, amps, decays, phases + 2.3 * i, count) for i, n in voices]
    # Voices are panned from left to right. A single voice is in the middle.
    angles = (np.arange(len(rows), dtype=np.float32) + 0.5) / len(rows) * np.float32(np.pi / 2)
    sides = np.stack([np.cos(angles), np.sin(angles)]) * np.float32(1.4 * len(rows) ** -0.5)
    # Not a matrix product, see SMALL_PRODUCT.
    out = np.einsum("sv,vn->sn", sides, np.stack(rows))
    if instrument.drive:
        out = np.tanh(out * np.float32(instrument.drive)) * np.float32(0.6 * velocity)
    rise = min(max(int(instrument.attack * SAMPLE_RATE), 32), count)
    out[:, :rise] *= np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32)) ** 2
    fall = count - int(length * SAMPLE_RATE)
    out[:, count - fall :] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2
    return out


# Drums: swept sines and shaped noise

# The kick's last and first frequency (Hz) and its decay (s); the snare's body (Hz) and decay (s); a
# factor for the upper corners of cymbals and snares; the level.
KITS: dict[str, tuple[float, ...]] = {
    "acoustic": (52, 170, 0.16, 185, 0.13, 1.0, 1.0),
    "brushes": (48, 120, 0.14, 200, 0.09, 0.6, 0.6),
    "dusty": (50, 140, 0.17, 175, 0.11, 0.45, 0.9),
    "electronic": (47, 240, 0.2, 200, 0.17, 1.15, 1.05),
    "orchestral": (45, 95, 0.5, 150, 0.3, 0.8, 1.1),
    "chip": (60, 320, 0.08, 220, 0.08, 1.3, 0.8),
}

# Noise: its lower and upper corner (Hz), the time constant of its decay (s), its level, its pan.
CYMBALS: dict[str, tuple[float, float, float, float, float]] = {
    "hat": (7000, 11000, 0.035, 0.42, 0.25),
    "open": (6500, 11000, 0.16, 0.4, 0.25),
    "ride": (4200, 9500, 0.35, 0.3, -0.3),
    "crash": (2800, 9500, 0.75, 0.6, 0.15),
}


def hit(kit_name: str, drum: str, colour: float) -> Samples:
    """[n] samples of one stroke at full velocity. `colour`, 0 to 1, tunes the drum."""
    low, kick, decay, snare, snare_decay, bright, level = KITS[kit_name]
    low, snare = low * (0.85 + 0.3 * colour), snare * (0.85 + 0.3 * colour)
    if drum == "kick":
        out = swept(low, kick, decay)
        out[:500] += burst(500, 800, 5000 * bright, 0.003) * np.float32(0.25)
    elif drum == "tom":
        out = swept(snare * 0.52, snare * 0.85, decay * 1.3) * np.float32(0.8)
    elif drum == "snare":
        out = swept(snare, snare * 1.6, snare_decay) * np.float32(0.6)
        out += burst(len(out), 1400, 8000 * bright, snare_decay) * np.float32(0.75)
    elif drum == "clap":
        out = burst(13230, 900, 5500 * bright, snare_decay * 0.7)
        for delay in (480, 960, 1420):
            out[delay:] += burst(13230 - delay, 900, 5500 * bright, 0.006)
    else:
        floor, top, tau, loud, _ = CYMBALS[drum]
        out = burst(int(tau * 4.5 * SAMPLE_RATE), floor, top * bright, tau) * np.float32(loud)
    out[-64:] *= np.linspace(1, 0, 64, dtype=np.float32)
    return (out * level).astype(np.float32)


def burst(count: int, low: float, high: float, tau: float) -> Samples:
    """[count] samples of noise from `low` to `high` Hz; `tau` is the decay time in seconds."""
    fading = np.exp(-np.arange(count, dtype=np.float32) / np.float32(tau * SAMPLE_RATE))
    return shaped(noise(1, count), low, high) * fading


def swept(low: float, high: float, decay: float) -> Samples:
    """A decaying sine whose frequency falls from `high` to `low` Hz."""
    seconds = np.arange(int(decay * 5 * SAMPLE_RATE)) / SAMPLE_RATE
    # The integral of low + (high - low) exp(-t / 0.025).
    turns = low * seconds - (high - low) * 0.025 * np.expm1(-seconds / 0.025)
    out = np.sin(2 * np.pi * turns) * np.exp(-seconds / decay) * np.minimum(seconds / 0.001, 1)
    return out.astype(np.float32)


# The mix: each distinct note is rendered once, and added at each of its starts

LOUDNESS = -18.0  # RMS, dBFS
CEILING = 10 ** (-2.0 / 20)  # a lossy codec raises peaks
LAYERS = 8  # the number of different velocities of a note
PREDELAY = 0.018  # s

# For each role: gain, pan from -1 (left) to 1, and the share that is sent to the reverberation.
ROLES: dict[str, tuple[float, float, float]] = {
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
    for part in score.parts:
        sounds: dict[tuple[int, ...], Samples] = {}
        for note in part.notes:
            start = round(score.seconds(note.start) * SAMPLE_RATE)
            if start >= count:
                continue
            room_left = (count - start) / SAMPLE_RATE
            length = min(note.length * 60 / score.style.tempo, room_left)
            layer = max(1, min(LAYERS, round(note.velocity * LAYERS)))
            known = (note.pitch, round(length * 200), layer)
            if known not in sounds:
                sounds[known] = _sound(score, part, note, length, layer / LAYERS)
            sound = sounds[known][:, : count - start]
            end = start + sound.shape[1]
            bus[:, start:end] += sound
            send[start:end] += (sound[0] + sound[1]) * np.float32(0.5 * ROLES[part.role][2])
    bus += room(send, score.style.genre.feel.room) * np.float32(score.style.genre.feel.wet)
    bus -= bus.mean(axis=1, keepdims=True)
    # Fade in over a few ms, and fade out over most of the final chord.
    bus[:, :200] *= np.linspace(0, 1, 200, dtype=np.float32)
    fall = int(0.7 * (duration - score.final) * SAMPLE_RATE)
    bus[:, -fall:] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2
    level = math.sqrt(float(np.mean(np.square(bus), dtype=np.float64)))
    bus *= np.float32(10 ** (LOUDNESS / 20) / max(level, 1e-6))
    return np.clip(bus, -CEILING, CEILING, out=bus)


def _sound(score: Score, part: Part, note: Note, length: float, velocity: float) -> Samples:
    """One note with the gain and the pan of its role, [2, n]."""
    gain, pan, _ = ROLES[part.role]
    if part.role == "drums":
        # A listener hears a stroke as soft only if its level is much lower.
        stroke = hit(score.style.players["kit"], part.sound, score.colour)
        sound = stroke[None, :] * np.float32(velocity**1.4)
        pan = CYMBALS[part.sound][-1] if part.sound in CYMBALS else 0.0
    else:
        instrument = INSTRUMENTS[part.sound]
        instrument = instrument._replace(tilt=instrument.tilt + score.style.genre.feel.dark)
        sound = render(instrument, note.pitch, length, velocity, score.colour)
    angle = (pan + 1) * math.pi / 4
    sides = np.array([[math.cos(angle)], [math.sin(angle)]], np.float32)
    return sound * sides * np.float32(math.sqrt(2) * gain)


def room(send: Samples, seconds: float) -> Samples:
    """[2, n] reverberation of a mono [n] signal: overlap-add convolution with decaying noise."""
    count, delay = int(seconds * SAMPLE_RATE), int(PREDELAY * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    dying = np.exp(-LN_1000 * time / seconds) * np.minimum(time / 0.012, 1)
    response = np.stack([shaped(noise(seed, count), 250, 2500) for seed in (101, 102)]) * dying
    response /= np.linalg.norm(response, axis=1, keepdims=True)
    size = 1 << (2 * (count + delay) - 1).bit_length()
    hop = size - count - delay
    spectrum = np.fft.rfft(np.pad(response, ((0, 0), (delay, 0))).astype(np.float32), size)
    wet = np.zeros((2, len(send) + size), np.float32)
    for start in range(0, len(send), hop):
        block = np.fft.rfft(send[start : start + hop], size)
        wet[:, start : start + size] += np.fft.irfft(block * spectrum, size)
    return wet[:, : len(send)]
