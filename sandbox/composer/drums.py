"""Drum kits: each sound is made once, from swept sines and shaped noise."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .patterns import CLAP, CRASH, HAT, KICK, OPEN, RIDE, RIM, RISER, SHAKER, SNARE, TOM
from .synth import SAMPLE_RATE, Samples, modes, noise, shaped


class Kit(NamedTuple):
    """How a kit leans: kick end and start in Hz and its decay in s, brightness, snare body."""

    kick_low: float
    kick_high: float
    kick_decay: float
    snare: float  # Hz of the snare's body
    snare_decay: float
    bright: float  # factor on the upper corners of cymbals and snares
    level: float


KITS: dict[str, Kit] = {
    "acoustic": Kit(52, 170, 0.16, 185, 0.13, 1.0, 1.0),
    "brushes": Kit(48, 120, 0.14, 200, 0.09, 0.6, 0.6),
    "dusty": Kit(50, 140, 0.17, 175, 0.11, 0.45, 0.9),
    "electronic": Kit(47, 240, 0.2, 200, 0.17, 1.15, 1.05),
    "808": Kit(43, 150, 0.32, 180, 0.14, 1.1, 1.0),
    "orchestral": Kit(45, 95, 0.5, 150, 0.3, 0.8, 1.1),
    "8-bit": Kit(60, 320, 0.08, 220, 0.08, 1.3, 0.8),
}

# Left to right, -1 to 1; and the share that goes to the room.
PANS = {HAT: 0.25, OPEN: 0.25, RIDE: -0.3, SHAKER: -0.4, RIM: -0.15, TOM: -0.2, CRASH: 0.15}
SENDS = {KICK: 0.02, SNARE: 0.16, CLAP: 0.18, RIM: 0.2, TOM: 0.25, CRASH: 0.2, RISER: 0.2}


def hit(kit_name: str, drum: int, length: float) -> Samples:
    """[n] samples of one full-velocity hit; `length` in s matters to the riser only."""
    kit = KITS[kit_name]
    rough = kit_name == "8-bit"
    if drum == KICK:
        body = _swept(kit.kick_low, kit.kick_high, kit.kick_decay)
        click = shaped(noise(1, 500), 800, 5000 * kit.bright) * _fade(500, 0.003)
        body[:500] += click * np.float32(0.25)
        out = body
    elif drum == TOM:
        out = _swept(kit.snare * 0.52, kit.snare * 0.85, kit.kick_decay * 1.3) * np.float32(0.8)
    elif drum == SNARE:
        out = _snare(kit)
    elif drum == CLAP:
        out = _clap(kit)
    elif drum == RIM:
        freqs = np.array([420.0, 1710.0, 2650.0])
        amps = np.array([0.5, 0.5, 0.3])
        rates = np.array([60.0, 75.0, 90.0])
        out = modes(freqs, amps, rates, np.full(3, -np.pi / 2), 4000) * _fade(4000, 0.02)
    elif drum == HAT:
        out = _metal(3, 0.035, 7000, 11000 * kit.bright, 0.42)
    elif drum == OPEN:
        out = _metal(4, 0.16, 6500, 11000 * kit.bright, 0.4)
    elif drum == SHAKER:
        count = 4000
        swell = np.minimum(np.arange(count, dtype=np.float32) / 900, 1)
        out = shaped(noise(5, count), 4500, 9000 * kit.bright) * swell * _fade(count, 0.028)
        out *= np.float32(0.4)
    elif drum == RIDE:
        out = _metal(6, 0.35, 4200, 9500 * kit.bright, 0.3)
    elif drum == CRASH:
        out = _metal(7, 0.75, 2800, 9500 * kit.bright, 0.6)
    else:
        count = int(length * SAMPLE_RATE)
        rise = np.linspace(0, 1, count, dtype=np.float32) ** 3
        out = shaped(noise(8, count), 1200, 8000) * rise * np.float32(0.5)
        out[-600:] *= np.linspace(1, 0, 600, dtype=np.float32)
    if rough:
        # Held samples and few levels, as a game console's noise channel has them.
        out = np.round(np.repeat(out[::4], 4) * 12) / np.float32(12)
    out = out * np.float32(kit.level)
    out[-64:] *= np.linspace(1, 0, 64, dtype=np.float32)
    return out.astype(np.float32)


def _fade(count: int, tau: float) -> Samples:
    return np.exp(-np.arange(count, dtype=np.float32) / np.float32(tau * SAMPLE_RATE))


def _swept(low: float, high: float, decay: float) -> Samples:
    """A sine that falls from high to low while it dies."""
    count = int(decay * 5 * SAMPLE_RATE)
    seconds = np.arange(count) / SAMPLE_RATE
    # The integral of low + (high - low) exp(-t / 0.025).
    turns: NDArray[np.float64] = low * seconds - (high - low) * 0.025 * np.expm1(-seconds / 0.025)
    out = np.sin(2 * np.pi * turns) * np.exp(-seconds / decay) * np.minimum(seconds / 0.001, 1)
    return out.astype(np.float32)


def _snare(kit: Kit) -> Samples:
    count = int(kit.snare_decay * 5 * SAMPLE_RATE)
    rattle = shaped(noise(2, count), 1400, 8000 * kit.bright) * _fade(count, kit.snare_decay)
    freqs = np.array([kit.snare, kit.snare * 1.62])
    body = modes(freqs, np.array([0.6, 0.3]), np.array([22.0, 30.0]), np.full(2, -1.57), count)
    return rattle * np.float32(0.75) + body


def _clap(kit: Kit) -> Samples:
    count = int(0.3 * SAMPLE_RATE)
    out = np.zeros(count, np.float32)
    grain = shaped(noise(9, count), 900, 5500 * kit.bright)
    for delay, tau in ((0, 0.006), (480, 0.006), (960, 0.007), (1420, kit.snare_decay * 0.7)):
        out[delay:] += grain[: count - delay] * _fade(count - delay, tau)
    return out * np.float32(0.9)


def _metal(seed: int, tau: float, low: float, high: float, level: float) -> Samples:
    """Cymbals: high noise with a little of six clashing squares, as drum machines have it."""
    count = int(tau * 4.5 * SAMPLE_RATE)
    seconds = np.arange(count) / SAMPLE_RATE
    clash = np.zeros(count)
    for freq in (263.0, 400.0, 421.0, 474.0, 587.0, 845.0):
        clash += np.sign(np.sin(2 * np.pi * freq * 3 * seconds))
    mixed = noise(seed, count) + clash.astype(np.float32) * np.float32(0.12)
    return shaped(mixed, low, high) * _fade(count, tau) * np.float32(level)
