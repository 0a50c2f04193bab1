"""One renderer for every pitched instrument: a bank of damped sinusoids.

A partial that rings as exp((-d + iw) t) is a geometric series in the sample number, so a note of
K partials is one matrix product: [n / B, K] states at the start of each block times [K, B] turns
within a block. It is exact, needs no oscillator loop, and costs about 1 ms a note. Plucked and
struck sounds are such banks by nature (modal synthesis: Adrien, "The missing link", 1991); bowed
and blown ones are banks without damping, with an envelope, and a filter sweep is a bank whose
upper partials fade towards a floor.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 44100
MAX_PARTIALS = 40
# Multiplications in one matrix product. OpenBLAS wakes its other threads above 2^18, which on a
# busy machine takes many times longer than so small a product.
SMALL_PRODUCT = 200_000
LN_1000 = math.log(1000.0)  # 60 dB, in nepers

Samples = NDArray[np.float32]

# Formants of women's vowels: Hz of the first three. Peterson & Barney, JASA 24 (1952), table II.
VOWELS: dict[str, tuple[float, float, float]] = {
    "a": (850, 1220, 2810),
    "e": (610, 2330, 2990),
    "i": (310, 2790, 3310),
    "o": (590, 920, 2710),
    "u": (370, 950, 2670),
}
FORMANT_LEVELS = (1.0, 0.55, 0.3)
FORMANT_WIDTHS = (110.0, 140.0, 220.0)


class Patch(NamedTuple):
    """What an instrument sounds like. Times in seconds, levels linear, pitches MIDI."""

    centre: int = 72  # where its tunes lie best
    ratios: tuple[float, ...] = ()  # partials as multiples of the pitch; none: harmonics
    amps: tuple[float, ...] = ()  # levels of the first partials, in place of the tilt
    tilt: float = 1.4  # harmonic k has level k ** -tilt
    even: float = 1.0  # level of even harmonics: 0 is a square wave's spectrum
    pick: float = 0.0  # where the string is plucked, as a fraction of it
    stretch: float = 0.0  # stiffness B of a string: f_k = k f sqrt(1 + B k^2)
    decay: float = 0.0  # time to -60 dB of the lowest partial at middle C; 0 sustains
    damp: float = 0.3  # how much faster each higher partial dies
    sweep: float = 0.0  # time in which a filter closes over the upper partials
    floor: float = 0.25  # how much of them it leaves
    bloom: float = 0.0  # time in which the upper partials come in
    attack: float = 0.003
    release: float = 0.12
    detune: tuple[float, ...] = (0.0,)  # cents of each of several voices, spread left to right
    vibrato: float = 0.0  # cents
    breath: float = 0.0  # air that lasts as long as the note
    knock: float = 0.0  # noise of hammer, plectrum or tongue
    drive: float = 0.0  # saturation
    sung: bool = False  # harmonics shaped by a vowel
    top: float = 9000.0  # Hz above which there is nothing


def modes(
    freqs: NDArray[np.float64],
    amps: NDArray[np.float64],
    decays: NDArray[np.float64],
    phases: NDArray[np.float64],
    count: int,
) -> Samples:
    """[count] samples of sum(amp * exp(-decay t) * cos(2 pi freq t + phase)); decays in 1/s."""
    block = 1 << min(8, max(5, count.bit_length() // 2))
    together = max(1, SMALL_PRODUCT // (2 * len(freqs) * block))
    rows = -(-count // (block * together)) * together
    rate = (2j * np.pi * freqs - decays) / SAMPLE_RATE
    turns = geometric(np.exp(rate), block)
    states = geometric(np.exp(rate * block), rows).T * (amps * np.exp(1j * phases))
    left = np.concatenate([states.real, -states.imag], axis=1).astype(np.float32)
    right = np.concatenate([turns.real, turns.imag], axis=0).astype(np.float32)
    return (left.reshape(-1, together, left.shape[1]) @ right).reshape(-1)[:count]


def geometric(ratio: NDArray[np.complex128], count: int) -> NDArray[np.complex128]:
    """[K, count]: the powers of each ratio from 0 on, by doubling, far cheaper than exp."""
    powers = np.ones((len(ratio), count), np.complex128)
    filled = 1
    while filled < count:
        more = min(filled, count - filled)
        powers[:, filled : filled + more] = powers[:, :more] * (ratio**filled)[:, None]
        filled += more
    return powers


def noise(seed: int, count: int) -> Samples:
    """[count] samples of white noise between -1 and 1, always the same for a seed."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.random(count, dtype=np.float32) * np.float32(2) - np.float32(1)


def shaped(signal: Samples, low: float, high: float) -> Samples:
    """The band between two corners in Hz, with slopes of about 12 dB an octave."""
    size = 1 << (len(signal) - 1).bit_length()
    squares = np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32) ** 2
    gains = squares / (squares + np.float32(low**2)) / np.sqrt(1 + (squares / high**2) ** 2)
    out = np.fft.irfft(np.fft.rfft(signal, size) * gains.astype(np.float32), size)
    return out[: len(signal)].astype(np.float32)


def vowel_gains(freqs: NDArray[np.float64], vowel: str) -> NDArray[np.float64]:
    """Level of each frequency through the resonances of a vowel."""
    gains = np.full(len(freqs), 0.015)
    for centre, level, width in zip(VOWELS[vowel], FORMANT_LEVELS, FORMANT_WIDTHS, strict=True):
        gains += level / (1 + ((freqs - centre) / width) ** 2)
    return gains


def render(patch: Patch, pitch: int, length: float, velocity: float, vowel: str) -> Samples:
    """One note, [2, n] where the patch has several voices, else [1, n].

    `length` is until the key is let go; n is longer, by the release. Loudness is the same for
    every patch and pitch: an RMS of about 0.35 * velocity while undamped.
    """
    base = 440.0 * 2 ** ((pitch - 69) / 12)
    damping = 0.0
    if patch.decay:
        # Strings and bars ring longer the lower they are.
        damping = LN_1000 / (patch.decay * 2 ** ((60 - pitch) / 24))
        length = min(length, LN_1000 / damping)
    count = int((length + patch.release) * SAMPLE_RATE)
    harmonics = np.arange(1, MAX_PARTIALS + 1, dtype=np.float64)
    ratios = np.array(patch.ratios) if patch.ratios else harmonics
    if patch.stretch:
        ratios = ratios * np.sqrt((1 + patch.stretch * ratios**2) / (1 + patch.stretch))
    ratios = ratios[base * ratios < patch.top]
    if not len(ratios):
        ratios = np.ones(1)
    order = harmonics[: len(ratios)]
    freqs = base * ratios
    if patch.amps:
        amps = np.zeros(len(ratios))
        shared = min(len(ratios), len(patch.amps))
        amps[:shared] = patch.amps[:shared]
    else:
        # The harder a note is played the brighter it is.
        amps = order ** -(patch.tilt + 0.7 * (0.75 - velocity))
    amps = amps * np.where(order % 2 == 0, patch.even, 1.0)
    if patch.pick:
        amps = amps * (0.06 + np.abs(np.sin(np.pi * order * patch.pick)))
    if patch.sung:
        amps = amps * vowel_gains(freqs, vowel)
    amps = amps / np.sqrt(np.sum(amps**2)) * 0.5 * velocity
    decays = damping * (1 + patch.damp * (order - 1))
    rows = [
        _voice(patch, freqs * 2 ** (cents / 1200), amps, decays, count, pitch * 7 + i)
        for i, cents in enumerate(patch.detune)
    ]
    out = _spread(rows)
    if patch.vibrato:
        out = np.stack([_vibrato(row, patch, i) for i, row in enumerate(out)])
    if patch.breath:
        air = shaped(noise(pitch, count), base, 6000.0) * np.float32(patch.breath * velocity)
        out = out + air
    if patch.drive:
        out = np.tanh(out * np.float32(patch.drive)) * np.float32(0.6 * velocity)
    out = out * _envelope(patch, length, count)
    if patch.knock:
        span = min(count, 1800)
        thump = shaped(noise(pitch + 500, span), 200.0, 3500.0)
        thump *= np.exp(-np.arange(span) / 260).astype(np.float32)
        out[:, :span] += thump * np.float32(patch.knock * velocity)
    return out


def _voice(
    patch: Patch,
    freqs: NDArray[np.float64],
    amps: NDArray[np.float64],
    decays: NDArray[np.float64],
    count: int,
    seed: int,
) -> Samples:
    if patch.decay:
        phases = np.full(len(freqs), -np.pi / 2, np.float64)
    else:
        # Spread phases keep a sustained sound from being one spike a cycle.
        turns = np.arange(1.0, len(freqs) + 1) ** 2 * 0.618 + seed * 0.37
        phases = 2 * np.pi * turns
    moving = patch.sweep or patch.bloom
    if not moving:
        return modes(freqs, amps, decays, phases, count)
    order = np.arange(len(freqs))
    rate = order * (1.6 / moving)
    if patch.bloom:
        still, change = amps, np.where(order > 0, -amps, 0.0)
    else:
        keep = np.maximum(patch.floor ** (order / 3), 0.02)
        still, change = amps * keep, amps * (1 - keep)
        rate = LN_1000 / patch.sweep * (0.4 + order / 6)
    return modes(
        np.concatenate([freqs, freqs]),
        np.concatenate([still, change]),
        np.concatenate([decays, decays + rate]),
        np.concatenate([phases, phases]),
        count,
    )


def _spread(rows: list[Samples]) -> Samples:
    """Voices panned from left to right: [1, n] for one voice, else [2, n]."""
    if len(rows) == 1:
        return rows[0][None, :]
    out = np.zeros((2, len(rows[0])), np.float32)
    for index, row in enumerate(rows):
        angle = (0.12 + 0.76 * index / (len(rows) - 1)) * math.pi / 2
        scale = 1.4 / math.sqrt(len(rows))
        out[0] += row * np.float32(scale * math.cos(angle))
        out[1] += row * np.float32(scale * math.sin(angle))
    return out


def _vibrato(row: Samples, patch: Patch, channel: int) -> Samples:
    """The note read at a wavering speed; the waver comes in late, as players do it."""
    count = len(row)
    seconds = np.arange(0, count + 64 + 63, 64) / SAMPLE_RATE
    rate = 5.3 + 0.35 * channel
    depth = patch.vibrato * math.log(2) / 1200 / (2 * np.pi * rate) * SAMPLE_RATE
    shift = depth * np.clip((seconds - 0.12) / 0.4, 0, 1) * np.sin(2 * np.pi * rate * seconds)
    # The waver is slow: straight lines of 64 samples follow it.
    lines = np.linspace(0, 1, 64, endpoint=False) * np.diff(shift)[:, None] + shift[:-1, None]
    moved = np.clip(np.arange(count) + lines.reshape(-1)[:count], 0, count - 2)
    whole = moved.astype(np.int64)
    part = (moved - whole).astype(np.float32)
    return (row[whole] + (row[whole + 1] - row[whole]) * part).astype(np.float32, copy=False)


def _envelope(patch: Patch, length: float, count: int) -> Samples:
    out = np.ones(count, np.float32)
    rise = min(max(int(patch.attack * SAMPLE_RATE), 32), count)
    out[:rise] = np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32)) ** 2
    fall = min(count, count - int(length * SAMPLE_RATE))
    out[count - fall :] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2
    return out
