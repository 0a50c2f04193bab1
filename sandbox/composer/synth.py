"""One renderer for every pitched instrument: a bank of damped sinusoids.

A partial that rings as exp((-d + iw) t) is a geometric series in the sample number. So a note of K
partials is one matrix product: [n / B, K] states at the start of each block times [K, B] turns
within a block (modal synthesis: Adrien, "The missing link", 1991). It costs about 1 ms a note.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .instruments import Instrument

SAMPLE_RATE = 44100
MAX_PARTIALS = 40
# Multiplications in one matrix product. OpenBLAS wakes its other threads above 2^18, which on a
# busy machine takes many times longer than so small a product.
SMALL_PRODUCT = 200_000
LN_1000 = math.log(1000.0)  # 60 dB, in nepers
WAVER = 5.3  # vibrato, Hz

Samples = NDArray[np.float32]
Numbers = NDArray[np.float64]


def modes(freqs: Numbers, amps: Numbers, decays: Numbers, phases: Numbers, count: int) -> Samples:
    """[count] samples of sum(amp * exp(-decay t) * cos(2 pi freq t + phase)); decays in 1/s."""
    block = 1 << min(8, max(5, count.bit_length() // 2))
    together = max(1, SMALL_PRODUCT // (2 * len(freqs) * block))
    rows = -(-count // (block * together)) * together
    rate = (2j * np.pi * freqs - decays) / SAMPLE_RATE
    # Running products are far cheaper than exp. They begin with the first power.
    turns = np.cumprod(np.tile(np.exp(rate)[:, None], block), axis=1)
    states = np.cumprod(np.tile(np.exp(rate * block), (rows, 1)), axis=0)
    states *= amps * np.exp(1j * phases - rate * block)
    left = np.concatenate([states.real, -states.imag], axis=1).astype(np.float32)
    right = np.concatenate([turns.real, turns.imag], axis=0).astype(np.float32)
    return (left.reshape(-1, together, left.shape[1]) @ right).reshape(-1)[:count]


def noise(seed: int, count: int) -> Samples:
    """[count] samples between -1 and 1. RandomState is the same in every version of numpy."""
    return (np.random.RandomState(seed).random_sample(count) * 2 - 1).astype(np.float32)


def shaped(signal: Samples, low: float, high: float) -> Samples:
    """The band between two corners in Hz, with slopes of about 12 dB an octave."""
    size = 1 << (len(signal) - 1).bit_length()
    squares = np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32) ** 2
    gains = squares / (squares + np.float32(low**2)) / np.sqrt(1 + (squares / high**2) ** 2)
    out = np.fft.irfft(np.fft.rfft(signal, size) * gains.astype(np.float32), size)
    return out[: len(signal)].astype(np.float32)


def render(
    instrument: Instrument, pitch: int, length: float, velocity: float, colour: float
) -> Samples:
    """One note, [2, n].

    `length` is in seconds until the key is let go; n is longer, by the release. The RMS is about
    0.35 * velocity before the sound decays. `colour` sets where its waves begin.
    """
    base = 440.0 * 2 ** ((pitch - 69) / 12)
    # Strings and bars ring longer the lower they are.
    ring = instrument.decay * 2 ** ((60 - pitch) / 24) or math.inf
    damping, length = LN_1000 / ring, min(length, ring)
    count = int((length + instrument.release) * SAMPLE_RATE)
    freqs, amps = spectrum(instrument, base, velocity)
    order = np.arange(len(freqs), dtype=np.float64)
    decays = damping * (1 + instrument.damp * order)
    # Spread phases keep a sound from being one spike a cycle.
    phases = 2 * np.pi * (0.618 * (order + 1) ** 2 + colour * pitch)
    if instrument.sweep:
        # What the filter leaves, and what it takes away in time.
        left = np.maximum(0.4 ** (order / 3), 0.02)
        rate = LN_1000 / instrument.sweep * (0.4 + order / 6)
        freqs, phases = np.tile(freqs, 2), np.tile(phases, 2)
        amps = np.concatenate([amps * left, amps * (1 - left)])
        decays = np.concatenate([decays, decays + rate])
    tunings = 2 ** (np.array(instrument.detune) / 1200)
    voices = enumerate(tunings)
    rows = [modes(freqs * n, amps, decays, phases + 2.3 * i, count) for i, n in voices]
    # Voices are panned from left to right; one stands in the middle.
    angles = (np.arange(len(rows), dtype=np.float32) + 0.5) / len(rows) * np.float32(np.pi / 2)
    sides = np.stack([np.cos(angles), np.sin(angles)]) * np.float32(1.4 * len(rows) ** -0.5)
    # Not a matrix product, see SMALL_PRODUCT.
    out = np.einsum("sv,vn->sn", sides, np.stack(rows))
    if instrument.vibrato:
        out = np.stack([wavering(row, instrument.vibrato) for row in out])
    if instrument.breath:
        breath = np.float32(instrument.breath * velocity)
        out = out + shaped(noise(pitch, count), base, 6000) * breath
    if instrument.drive:
        out = np.tanh(out * np.float32(instrument.drive)) * np.float32(0.6 * velocity)
    return out * envelope(instrument.attack, length, count)


def spectrum(instrument: Instrument, base: float, velocity: float) -> tuple[Numbers, Numbers]:
    """Frequencies and levels of the partials. The harder a note is played the brighter it is."""
    freqs = base * np.array(instrument.ratios or range(1, MAX_PARTIALS + 1))
    freqs = freqs[: max(1, int(np.sum(freqs < instrument.top)))]
    order = np.arange(1, len(freqs) + 1, dtype=np.float64)
    amps = order ** -(instrument.tilt + 0.7 * (0.75 - velocity))
    amps *= np.where(order % 2 == 0, instrument.even, 1.0)
    if instrument.pick:
        amps *= 0.06 + np.abs(np.sin(np.pi * order * instrument.pick))
    if instrument.formants:
        centres, levels, widths = np.array(instrument.formants).T[:, :, None]
        amps *= 0.015 + np.sum(levels / (1 + ((freqs - centres) / widths) ** 2), axis=0)
    return freqs, amps / np.sqrt(np.sum(amps**2)) * 0.5 * velocity


def wavering(row: Samples, cents: float) -> Samples:
    """The note read at a wavering speed; the waver comes in late, as players do it."""
    index = np.arange(len(row))
    turns = 2 * np.pi * WAVER / SAMPLE_RATE * index
    depth = cents * math.log(2) / 1200 / (2 * np.pi * WAVER) * SAMPLE_RATE
    moved = index + depth * np.clip((index / SAMPLE_RATE - 0.12) / 0.4, 0, 1) * np.sin(turns)
    return np.interp(moved, index, row).astype(np.float32)


def envelope(attack: float, length: float, count: int) -> Samples:
    out = np.ones(count, np.float32)
    rise = min(max(int(attack * SAMPLE_RATE), 32), count)
    out[:rise] = np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32)) ** 2
    fall = count - int(length * SAMPLE_RATE)
    out[count - fall :] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2
    return out
