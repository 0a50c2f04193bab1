"""A room: convolution with decaying noise, at half the rate, where nobody hears the difference."""

import numpy as np

from .synth import LN_1000, SAMPLE_RATE, Samples, noise, shaped

HALF_RATE = SAMPLE_RATE // 2
PREDELAY = 0.018


def impulse(seconds: float) -> Samples:
    """[2, n] response at half the sample rate: highs die twice as fast as lows."""
    count = int(seconds * HALF_RATE)
    time = np.arange(count) / HALF_RATE
    slow = np.exp(-LN_1000 * time / seconds)
    rise = np.minimum(time / 0.012, 1)
    sides = []
    for seed in (101, 102):
        raw = noise(seed, count)
        # Corners are given for the full rate: at half the rate they stand an octave lower.
        low = shaped(raw, 500.0, 3000.0) * (slow * rise)
        high = shaped(raw, 4000.0, 12000.0) * (slow**2.2 * rise)
        sides.append(low * 1.6 + high * 0.6)
    out = np.stack(sides)
    out /= np.sqrt(np.sum(out**2, axis=1, keepdims=True))
    lead = np.zeros((2, int(PREDELAY * HALF_RATE)))
    return np.concatenate([lead, out], axis=1).astype(np.float32)


def room(send: Samples, seconds: float) -> Samples:
    """[2, n] echo of a mono [n] signal, both at half the rate. Overlap-add in blocks."""
    response = impulse(seconds)
    size = 1 << (2 * response.shape[1] - 1).bit_length()
    hop = size - response.shape[1]
    spectrum = np.fft.rfft(response, size)
    out = np.zeros((2, len(send) + size), np.float32)
    for start in range(0, len(send), hop):
        block = send[start : start + hop]
        out[:, start : start + size] += np.fft.irfft(np.fft.rfft(block, size) * spectrum, size)
    return out[:, : len(send)]
