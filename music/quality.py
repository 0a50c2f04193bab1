"""The quality of a generated track in numbers, and whether its end collapses."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, Samples, blocks, check_samples
from .loudness import LoudnessMeter

NOISE, SILENCE, HELD = "noise", "silence", "held"
"""The kinds of collapse; the last one is a single held sound."""

_BLOCK = 1 << 15
_WINDOW = 0.5
"""Seconds from one window to the next."""
_SIZE = 4096
"""Samples of each spectrum."""
_LEAST, _SHARE = 4.0, 0.25
"""Shortest collapse, in seconds and as a share of the track: a normal ending is shorter."""
_QUIET = -60.0
"""dBFS (root mean square); quieter sound is silence."""
_STEADY = 4.0
"""dB: a sound whose level has a smaller standard deviation does not change."""
_DECAY = 10.0
"""dB: a held sound that falls by more is a normal ending."""
_FLAT = 0.4
"""Sound with this spectral flatness or more is noise. Noise of any colour has 0.56, music 0.01 to
0.3."""
_SAME = 0.97
"""A sound is held if each spectrum is at least this similar to the one before."""
_MUCH = 0.9
"""At least this share of the windows of a collapse is noise, silent or held."""
_SOME = 0.5
"""If this share of the earlier windows is the same, the sound belongs to the music."""
_BANDS = 6
"""Number of octaves, counted down from half the sample rate, in which flatness is measured."""
_AUDIBLE = 1e-5
"""Ignore the flatness of bands with less power, relative to the loudest band."""
_FULL = 0.999
"""A sample at or above this level counts as full scale."""
_RUN = 3
"""So many samples in a row at full scale are clipped. Clean music has one or two."""
_EQUAL = 1e-4
"""The channels of mono sound differ by at most this share of the peak."""


class Quality(NamedTuple):
    """All times are in seconds."""

    loudness: float
    """LUFS; -inf for silence."""
    peak: float
    """Highest sample in dBFS; -inf for silence."""
    clipped: int
    """Samples in rows of three or more at full scale."""
    start: float
    """Silence at the start."""
    end: float
    """Silence at the end."""
    mono: bool
    """There is one channel, or all are equal."""
    collapse: str
    """NOISE, SILENCE, HELD, or "" for music to the end."""
    collapse_at: float
    """Time at which the collapse begins; 0 without one."""

    def __str__(self) -> str:
        """One line: `-14.2 LUFS, peak -0.3 dBFS, 1.2 s of silence at the end`."""
        if self.peak == -math.inf:
            return "silent"
        facts = [f"{self.loudness:.1f} LUFS", f"peak {self.peak:.1f} dBFS"]
        if self.clipped:
            facts.append(f"{self.clipped} samples are clipped")
        facts += [
            f"{seconds:.1f} s of silence at the {where}"
            for seconds, where in ((self.start, "start"), (self.end, "end"))
            if seconds >= 0.5
        ]
        if self.mono:
            facts.append("mono")
        return ", ".join(facts)


def quality(samples: Samples, sample_rate: int) -> Quality:
    """Measure float32 [channels, n]; at most 0.1 s of CPU for each minute. MediaError: see
    `check_samples`."""
    check_samples(samples, sample_rate)
    meter = LoudnessMeter(samples.shape[0], sample_rate)
    peak, clipped, mono, ends = 0.0, 0, True, [samples.shape[1], 0]
    quiet = 10 ** (_QUIET / 20)
    for start, block in blocks(samples, _BLOCK):
        meter.add(block)
        height = np.abs(block).max(axis=0)
        peak = max(peak, float(height.max()))
        loud = np.flatnonzero(height > quiet)
        if loud.size:
            ends = [min(ends[0], start + int(loud[0])), start + int(loud[-1]) + 1]
        if peak >= _FULL:
            clipped += _clipped(block)
        if mono and block.shape[0] > 1:
            mono = bool(np.abs(block[1:] - block[0]).max() <= _EQUAL * max(peak, quiet))
    kind, at = _collapse(samples, sample_rate)
    return Quality(
        meter.value().integrated,
        20 * math.log10(peak) if peak else -math.inf,
        clipped,
        min(ends[0], samples.shape[1]) / sample_rate,
        (samples.shape[1] - ends[1]) / sample_rate,
        mono,
        kind,
        at,
    )


def _clipped(block: Samples) -> int:
    full = np.abs(block) >= _FULL
    edges = np.diff(full.astype(np.int8), prepend=0, append=0)
    lengths = np.flatnonzero(edges.ravel() < 0) - np.flatnonzero(edges.ravel() > 0)
    return int(lengths[lengths >= _RUN].sum())


def _collapse(samples: Samples, sample_rate: int) -> tuple[str, float]:
    """The kind of the collapse and the second in which it begins."""
    hop = round(_WINDOW * sample_rate)
    count = (samples.shape[1] - _SIZE) // hop + 1
    if count * _WINDOW < 2 * _LEAST:
        return "", 0.0
    levels, flatness, likeness = _features(samples, hop, count)
    need = max(round(_LEAST / _WINDOW), math.ceil(_SHARE * count))
    steady = np.array([_is_steady(levels[start:]) for start in range(count - need + 1)])
    audible = levels > _QUIET
    for kind, has in (
        (SILENCE, ~audible),
        (HELD, audible & (likeness > _SAME)),
        (NOISE, audible & (flatness > _FLAT)),
    ):
        shares = np.cumsum(has[::-1])[::-1] / np.arange(count, 0, -1)
        starts = np.flatnonzero((shares[: count - need + 1] >= _MUCH) & has[: count - need + 1])
        if kind != SILENCE:
            starts = starts[steady[starts]]
        if starts.size and starts[0] >= count // 4 and has[: starts[0]].mean() < _SOME:
            return kind, float(starts[0] * _WINDOW)
    return "", 0.0


def _is_steady(levels: Floats) -> bool:
    third = max(1, levels.size // 3)
    falls = levels[:third].mean() - levels[-third:].mean()
    return bool(levels.std() < _STEADY and falls < _DECAY)


def _features(samples: Samples, hop: int, count: int) -> tuple[Floats, Floats, Floats]:
    """Level in dBFS, spectral flatness, and likeness to the spectrum before, of each window."""
    levels, flatness, likeness = np.empty(count), np.zeros(count), np.zeros(count)
    window = np.hanning(_SIZE).astype(np.float32)
    half = _SIZE // 2
    edges = [half >> octave for octave in range(_BANDS, -1, -1)]
    before = None
    for number in range(count):
        part = samples[:, number * hop : number * hop + _SIZE].mean(axis=0)
        levels[number] = 10 * math.log10(float(np.dot(part, part)) / _SIZE + 1e-12)
        power = np.square(np.abs(np.fft.rfft(part * window)[1:])) + 1e-12
        means = np.add.reduceat(power, edges[:-1]) / np.diff(edges)
        logs = np.add.reduceat(np.log(power), edges[:-1]) / np.diff(edges)
        flatness[number] = np.median((np.exp(logs) / means)[means > means.max() * _AUDIBLE])
        spectrum = np.sqrt(power)
        spectrum /= math.sqrt(float(np.dot(spectrum, spectrum)))
        likeness[number] = 0.0 if before is None else float(np.dot(spectrum, before))
        before = spectrum
    return levels, flatness, likeness
