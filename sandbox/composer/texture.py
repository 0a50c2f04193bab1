"""Backgrounds: rain, waves, wind, the crackle of a record."""

import numpy as np

from .synth import SAMPLE_RATE, Samples, noise, shaped

LOOP = 10 * SAMPLE_RATE


def add_texture(bus: Samples, name: str) -> None:
    """Adds background noise to [2, n]: ten seconds that repeat without a seam, faded in."""
    count = bus.shape[1]
    for channel in range(2):
        side = _side(name, 31 + channel)
        for start in range(0, count, LOOP):
            part = bus[channel, start : start + LOOP]
            if start == 0:
                opening = side[: len(part)].copy()
                rise = min(len(part), SAMPLE_RATE)
                opening[:rise] *= np.linspace(0, 1, rise, dtype=np.float32) ** 2
                part += opening
            else:
                part += side[: len(part)]


def _side(name: str, seed: int) -> Samples:
    seconds = np.arange(LOOP, dtype=np.float32) / SAMPLE_RATE
    raw = noise(seed, LOOP)
    if name == "rain":
        drops = np.where(noise(seed + 10, LOOP) > 0.9994, raw * 6, 0).astype(np.float32)
        return _seamless(
            shaped(raw, 900, 7000) * np.float32(0.035)
            + shaped(drops, 1500, 5000) * np.float32(0.12)
        )
    if name == "vinyl":
        pops = np.where(noise(seed + 10, LOOP) > 0.9999, raw * 8, 0).astype(np.float32)
        return _seamless(
            shaped(raw, 300, 4000) * np.float32(0.008) + shaped(pops, 800, 6000) * np.float32(0.12)
        )
    # Waves and wind swell and ebb, in whole cycles of the loop.
    shift = np.float32(seed % 2)
    slow = 0.5 + 0.5 * np.sin(2 * np.pi * (seconds * 0.2 + 0.1 * shift)).astype(np.float32)
    swell = (0.25 + 0.75 * slow**2).astype(np.float32)
    low, high = (250, 2500) if name == "waves" else (120, 600)
    return _seamless(shaped(raw, low, high) * swell * np.float32(0.08))


def _seamless(side: Samples) -> Samples:
    """The end turned into the beginning over 50 ms."""
    span = SAMPLE_RATE // 20
    blend = np.linspace(0, 1, span, dtype=np.float32)
    side[-span:] = side[-span:] * (1 - blend) + side[:span][::-1] * blend
    return side.astype(np.float32)
