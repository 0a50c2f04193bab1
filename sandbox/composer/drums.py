"""Drum kits: swept sines and shaped noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .synth import SAMPLE_RATE, Samples, noise, shaped


class Kit(NamedTuple):
    """Where the kick's fall ends and begins (Hz), decays (s), the snare's body (Hz)."""

    kick_low: float
    kick_high: float
    kick_decay: float
    snare: float
    snare_decay: float
    bright: float  # factor on the upper corners of cymbals and snares
    level: float


KITS: dict[str, Kit] = {
    "acoustic": Kit(52, 170, 0.16, 185, 0.13, 1.0, 1.0),
    "brushes": Kit(48, 120, 0.14, 200, 0.09, 0.6, 0.6),
    "dusty": Kit(50, 140, 0.17, 175, 0.11, 0.45, 0.9),
    "electronic": Kit(47, 240, 0.2, 200, 0.17, 1.15, 1.05),
    "orchestral": Kit(45, 95, 0.5, 150, 0.3, 0.8, 1.1),
    "chip": Kit(60, 320, 0.08, 220, 0.08, 1.3, 0.8),
}

# Noise between two corners (Hz) that dies with a time constant (s), its level and its pan.
CYMBALS: dict[str, tuple[float, float, float, float, float]] = {
    "hat": (7000, 11000, 0.035, 0.42, 0.25),
    "open": (6500, 11000, 0.16, 0.4, 0.25),
    "ride": (4200, 9500, 0.35, 0.3, -0.3),
    "crash": (2800, 9500, 0.75, 0.6, 0.15),
}


def hit(kit_name: str, drum: str, colour: float) -> Samples:
    """[n] samples of one stroke at full velocity. `colour`, 0 to 1, tunes the drum."""
    kit, tuned = KITS[kit_name], 0.85 + 0.3 * colour
    low, snare = kit.kick_low * tuned, kit.snare * tuned
    if drum == "kick":
        out = swept(low, kit.kick_high, kit.kick_decay)
        out[:500] += burst(500, 800, 5000 * kit.bright, 0.003) * np.float32(0.25)
    elif drum == "tom":
        out = swept(snare * 0.52, snare * 0.85, kit.kick_decay * 1.3) * np.float32(0.8)
    elif drum == "snare":
        out = swept(snare, snare * 1.6, kit.snare_decay) * np.float32(0.6)
        out += burst(len(out), 1400, 8000 * kit.bright, kit.snare_decay) * np.float32(0.75)
    elif drum == "clap":
        out = burst(13230, 900, 5500 * kit.bright, kit.snare_decay * 0.7)
        for delay in (480, 960, 1420):
            out[delay:] += burst(13230 - delay, 900, 5500 * kit.bright, 0.006)
    else:
        low, high, tau, loud, _ = CYMBALS[drum]
        out = burst(int(tau * 4.5 * SAMPLE_RATE), low, high * kit.bright, tau) * np.float32(loud)
    if kit_name == "chip":
        # Held samples and few levels, as a game console's noise channel has them.
        out = np.round(np.repeat(out[::4], 4) * 12) / np.float32(12)
    out[-64:] *= np.linspace(1, 0, 64, dtype=np.float32)
    return (out * kit.level).astype(np.float32)


def burst(count: int, low: float, high: float, tau: float) -> Samples:
    """[count] samples of noise between two corners (Hz) that dies with a time constant (s)."""
    fading = np.exp(-np.arange(count, dtype=np.float32) / np.float32(tau * SAMPLE_RATE))
    return shaped(noise(1, count), low, high) * fading


def swept(low: float, high: float, decay: float) -> Samples:
    """A sine that falls from `high` to `low` while it dies."""
    seconds = np.arange(int(decay * 5 * SAMPLE_RATE)) / SAMPLE_RATE
    # The integral of low + (high - low) exp(-t / 0.025).
    turns = low * seconds - (high - low) * 0.025 * np.expm1(-seconds / 0.025)
    out = np.sin(2 * np.pi * turns) * np.exp(-seconds / decay) * np.minimum(seconds / 0.001, 1)
    return out.astype(np.float32)
