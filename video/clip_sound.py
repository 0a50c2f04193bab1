"""A clip's own sound: decoded, in time with the picture, or measured."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple, cast

import av
import av.error
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from ..audio.arrays import LongSamples, Samples
from ..audio.ffmpeg import LAYOUTS, packets

_JITTER = 0.02
"""Seconds: a larger error of a time stamp is a gap. MP4 from phones has errors of 1 to 10 ms;
Matroska rounds to 1 ms."""


def lay_clip_sound(
    container: InputContainer, stream: av.AudioStream, start: Fraction, bed: LongSamples, rate: int
) -> None:
    """Fill `bed` [channels, samples] at `rate` Hz with the sound of `stream` from `start` seconds
    on.

    A late start or a pause of the sound becomes silence. Sound before `start` or after the end of
    `bed` is left out.
    """
    position = None
    for frame in _frames(container, stream, bed.shape[0], rate):
        if frame.pts is not None and frame.time_base is not None:
            stamp = round((frame.pts * frame.time_base - start) * rate)
            if position is None or abs(stamp - position) > _JITTER * rate:
                position = stamp
        position = position or 0
        if position >= bed.shape[1]:
            return
        samples = cast(Samples, frame.to_ndarray())[:, max(-position, 0) :]
        first = max(position, 0)
        count = min(samples.shape[1], bed.shape[1] - first)
        if count > 0:
            bed[:, first : first + count] = samples[:, :count]
        position += frame.samples


def _frames(
    container: InputContainer, stream: av.AudioStream, channels: int, rate: int
) -> Iterator[av.AudioFrame]:
    """Yield the sound at `rate` Hz with one channel, or with `channels`."""
    resampler, before = None, None
    for packet in packets(container, stream):
        try:
            decoded = cast("list[av.AudioFrame]", packet.decode())
        except av.error.InvalidDataError:
            # A damaged packet: players skip it, and the next time stamp is right.
            continue
        for frame in decoded:
            form = frame.sample_rate, frame.layout.name, frame.format.name
            if resampler is None or form != before:
                # A broadcast may change its rate and its channels midway.
                if resampler is not None:
                    yield from resampler.resample(None)
                # Mono fills every channel at its own level: FFmpeg would lower it by 3 dB for
                # stereo.
                layout = LAYOUTS[min(frame.layout.nb_channels, channels)]
                resampler, before = AudioResampler(format="fltp", layout=layout, rate=rate), form
            yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


# Measures of the sound

SOUND_RATE = 16_000
_HOP = SOUND_RATE // 100
_SILENT = -50.0
"""dBFS (root mean square): a second is silent if its loudest hundredth is quieter."""
_GATE = -10.0
"""dB relative to the mean: quieter sound does not count for the loudness, as with the gate of
BS.1770."""
_LOW = 0.18, 0.75
"""A hundredth of a second is low if it is quieter than half of the mean amplitude. Range of the
share of low ones in speech: music has fewer pauses, single noises have more (Scheirer and Slaney,
ICASSP 1997)."""
_HISSES = 0.07
"""Least spread of the rate of zero crossings: speech alternates between vowels and hisses
(Saunders, ICASSP 1996)."""


class SoundFacts(NamedTuple):
    """Measures of a clip's own sound.

    Attributes:
        loudness: root mean square in dBFS without pauses; -inf for silence.
        speech: percent of the seconds that sound like speech. It is an estimate.
    """

    loudness: float
    speech: float


def measured_sound(container: InputContainer, stream: av.AudioStream) -> SoundFacts:
    """The facts of `stream`, decoded in one pass with memory for one frame."""
    frames = (
        cast(Samples, frame.to_ndarray()) for frame in _frames(container, stream, 1, SOUND_RATE)
    )
    return sound_facts(frames)


def sound_facts(blocks: Iterator[Samples]) -> SoundFacts:
    """The facts of mono sound at 16 kHz, in blocks [1, samples] of any length."""
    rest = np.empty(0, np.float32)
    levels: list[float] = []
    crossings: list[float] = []
    for block in blocks:
        rest = np.concatenate((rest, block[0]))
        hops = rest[: rest.size // _HOP * _HOP].reshape(-1, _HOP)
        rest = rest[hops.size :]
        levels += np.sqrt(np.square(hops).mean(axis=1)).tolist()
        crossings += (np.diff(hops >= 0, axis=1).mean(axis=1)).tolist()
    amplitude, crossing = np.asarray(levels), np.asarray(crossings)
    power = amplitude**2
    heard = power[power > 1e-7]
    if not heard.size:
        return SoundFacts(float("-inf"), 0.0)
    heard = heard[heard > heard.mean() * 10 ** (_GATE / 10)]
    seconds = range(0, max(1, amplitude.size - 50), 100)
    spoken = [_is_spoken(amplitude[at : at + 100], crossing[at : at + 100]) for at in seconds]
    return SoundFacts(float(10 * np.log10(heard.mean())), 100 * float(np.mean(spoken)))


def _is_spoken(amplitude: Samples, crossing: Samples) -> bool:
    if 20 * np.log10(amplitude.max(initial=1e-9) + 1e-9) < _SILENT:
        return False
    low = float((amplitude < 0.5 * amplitude.mean()).mean())
    loud = crossing[amplitude > 0.1 * amplitude.max()]
    return _LOW[0] < low < _LOW[1] and float(loud.std()) > _HISSES
