"""A clip's own sound, decoded to its time under the picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import av.error
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from ..audio.arrays import Samples
from ..audio.ffmpeg import LAYOUTS, packets

_JITTER = 0.02
"""Seconds by which time stamps may be off before they count as a gap (MP4 from phones: 1 to 10 ms;
Matroska rounds to 1 ms)."""


def lay_clip_sound(
    container: InputContainer, stream: av.AudioStream, start: Fraction, bed: Samples, rate: int
) -> None:
    """Fill `bed` [channels, samples] at `rate` Hz with the sound of `stream` from `start` seconds
    on.

    A late start or a pause of the sound becomes silence. Sound before `start` or after the end of
    `bed` is left out. No other array is as long as the clip.
    """
    place = None
    for frame in _frames(container, stream, bed.shape[0], rate):
        if frame.pts is not None and frame.time_base is not None:
            stamp = round((frame.pts * frame.time_base - start) * rate)
            if place is None or abs(stamp - place) > _JITTER * rate:
                place = stamp
        place = place or 0
        if place >= bed.shape[1]:
            return
        samples = frame.to_ndarray()[:, max(-place, 0) :]
        first = max(place, 0)
        count = min(samples.shape[1], bed.shape[1] - first)
        if count > 0:
            bed[:, first : first + count] = samples[:, :count]
        place += frame.samples


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
