"""The last stage: loudness, peaks, fades."""

import numpy as np

from .synth import SAMPLE_RATE, Samples

TARGET = -14.0  # LUFS, integrated
CEILING = 10 ** (-2.0 / 20)  # room for what a lossy codec adds to peaks
SEGMENT = SAMPLE_RATE // 10
HOLD = 32  # samples a gain step of the limiter lasts
CHUNK = HOLD << 12  # samples handled at once, to keep memory small


def k_weight(freqs: np.ndarray) -> np.ndarray:
    """Power gain of ITU-R BS.1770-4's two filters, from their analogue prototypes' figures."""
    # Shelf: +4 dB above 1682 Hz (Q 0.7072); high pass at 38.1 Hz (Q 0.5003).
    gain, shelf, quality = 10 ** (3.99984 / 20), 1681.97, 0.70718
    s = 1j * freqs / shelf
    mid = gain**0.4996668
    first = (gain * s * s + mid / quality * s + 1) / (s * s + s / quality + 1)
    z = 1j * freqs / 38.1355
    second = z * z / (z * z + z / 0.50033 + 1)
    return np.abs(first * second) ** 2


def powers(mix: Samples) -> np.ndarray:
    """K-weighted mean square, both channels summed, of each 100 ms of [2, n]."""
    count = max(1, mix.shape[1] // SEGMENT)
    used = mix[:, : count * SEGMENT]
    weight = k_weight(np.fft.fftfreq(SEGMENT, 1 / SAMPLE_RATE)).astype(np.float32)
    out = np.empty(count)
    for start in range(0, count, 64):
        span = slice(start * SEGMENT, min(count, start + 64) * SEGMENT)
        # Left and right ride in one complex transform: a symmetric weight keeps them apart.
        pair = (used[0, span] + 1j * used[1, span]).reshape(-1, SEGMENT)
        spectrum = np.fft.fft(pair, axis=1)
        energy = np.einsum("ij,j->i", spectrum.real**2 + spectrum.imag**2, weight)
        out[start : start + len(energy)] = energy / SEGMENT**2
    return out


def integrated(segments: np.ndarray) -> float:
    """LUFS with BS.1770-4's gates, from 100 ms powers."""
    if len(segments) < 4:
        return float(-0.691 + 10 * np.log10(np.mean(segments) + 1e-12))
    blocks = np.convolve(segments, np.full(4, 0.25), "valid")
    blocks = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
    if not len(blocks):
        return -70.0
    blocks = blocks[blocks > np.mean(blocks) * 0.1]
    return float(-0.691 + 10 * np.log10(np.mean(blocks)))


def limiter_gains(peaks: np.ndarray, gain: float) -> np.ndarray:
    """Gain of each HOLD samples, `gain` included, that keeps peaks under the ceiling.

    The least gain of 3 ms around is taken and then averaged over as much: it comes down before
    the peak and never overshoots.
    """
    need = np.minimum(1.0, CEILING / np.maximum(peaks * gain, 1e-9))
    reach = 4
    padded = np.pad(need, 2 * reach, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(axis=1)
    smooth = np.convolve(least, np.full(2 * reach + 1, 1 / (2 * reach + 1)), "valid")
    return smooth * gain


def finish(mix: Samples, final: float) -> Samples:
    """[2, n] at the target loudness, without DC, under the ceiling, faded from `final` s on."""
    count = mix.shape[1]
    mix -= mix.mean(axis=1, keepdims=True)
    fade(mix, final)
    peaks = held_peaks(mix)
    steps = len(peaks)
    segments = powers(mix)
    owners = np.minimum(np.arange(steps) * HOLD // SEGMENT, len(segments) - 1)
    sizes = np.bincount(owners, minlength=len(segments))
    gain = 10 ** ((TARGET - integrated(segments)) / 20)
    gains = limiter_gains(peaks, gain)
    for _ in range(4):
        # What the limiter takes away is given back.
        reduced = segments * np.bincount(owners, gains**2, len(segments)) / sizes
        gain *= 10 ** ((TARGET - integrated(reduced)) / 20)
        gains = limiter_gains(peaks, gain)
    middles = np.arange(steps) * HOLD + HOLD / 2
    for start in range(0, count, CHUNK):
        part = mix[:, start : start + CHUNK]
        curve = np.interp(np.arange(start, start + part.shape[1]), middles, gains)
        part *= curve.astype(np.float32)
    return np.clip(mix, -CEILING, CEILING, out=mix)


def held_peaks(mix: Samples) -> np.ndarray:
    """The greatest absolute sample of either channel in each HOLD samples."""
    peaks: list[np.ndarray] = []
    for start in range(0, mix.shape[1], CHUNK):
        part = np.abs(mix[:, start : start + CHUNK]).max(axis=0)
        part = np.pad(part, (0, -len(part) % HOLD))
        peaks.append(part.reshape(-1, HOLD).max(axis=1).astype(np.float64))
    return np.concatenate(peaks)


def fade(mix: Samples, final: float) -> None:
    """A few ms in; out over most of the final chord."""
    count = mix.shape[1]
    rise = 200
    mix[:, :rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    begin = int((final + 0.3 * (count / SAMPLE_RATE - final)) * SAMPLE_RATE)
    fall = count - begin
    mix[:, begin:] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2
