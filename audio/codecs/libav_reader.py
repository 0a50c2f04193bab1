"""Decoding through FFmpeg's libraries (PyAV): Opus, Vorbis, M4A, WebM and all other formats."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple, cast

import av
import av.error
import numpy as np
from av.audio.plane import AudioPlane
from av.container import InputContainer

from ..arrays import MediaError, Samples
from ..containers.source import Reader, Source
from ..ffmpeg import AUDIO, open_input, packets
from ..memory import Bounds
from ..samples.planar import Planar

_GUESS_SECONDS = 60
_BLOCK = 1 << 14
"""Samples that are gathered before Python handles them."""
_SCALES = {"u8": 2.0**-7, "s16": 2.0**-15, "s32": 2.0**-31, "s64": 2.0**-63}
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


class AvRead(NamedTuple):
    """The decoded samples, and the exact length that the container declares (None if unknown)."""

    planar: Planar
    declared: int | None


def read_av(
    source: Source,
    bounds: Bounds,
    *,
    format: str | None = None,
    frames: int | None = None,
    end: int | None = None,
) -> AvRead:
    """The first sound stream of `source`, without the padding that its container declares.

    Args:
        format: FFmpeg's name for the container, if it is known.
        frames: an estimate of the length in samples.
        end: the length beyond which all samples are padding.

    Raises:
        MediaError: FFmpeg finds no sound, or more than `bounds` allow.
    """
    with _opened(source, format) as (container, stream):
        rate = stream.codec_context.sample_rate
        declared = end
        if stream.duration is not None and stream.time_base is not None and format is None:
            declared = round(stream.duration * stream.time_base * rate)
        elif container.duration is not None and frames is None:
            frames = container.duration * rate // av.time_base
        planar = _fill(container, stream, frames, declared, bounds)
    return AvRead(planar, declared)


def av_blocks(source: Source) -> Iterator[tuple[Samples, int]]:
    """The first sound stream of `source` in blocks [C, n] of little memory, and its rate in Hz.

    Raises:
        MediaError: FFmpeg finds no sound, or cannot decode it.
    """
    with _opened(source, None) as (container, stream):
        for block in _blocks(container, stream):
            samples = np.empty((block.layout.nb_channels, block.samples), np.float32)
            _copy(block.planes, block.format.name, samples)
            yield samples, block.sample_rate


@contextlib.contextmanager
def _opened(source: Source, format: str | None) -> Iterator[tuple[InputContainer, av.AudioStream]]:
    reader = Reader(source)
    try:
        with open_input(reader, AUDIO, format=format) as container:
            reader.opened()
            if not container.streams.audio:
                raise MediaError(
                    "The file has no sound track: expected audio; check that the address is that "
                    "of the audio."
                )
            stream = container.streams.audio[0]
            # The attribute is None if FFmpeg has no decoder, although its type excludes None.
            rate = getattr(stream.codec_context, "sample_rate", 0)
            if not rate or stream.codec_context.name not in AUDIO.decoders:
                raise MediaError(
                    "The file's sound track has a codec that FFmpeg cannot decode: it is broken, "
                    "or must be converted with another program first."
                )
            yield container, stream
    except av.error.FFmpegError as error:
        source.raise_error()
        raise MediaError(
            f"The file cannot be decoded ({error.strerror}): expected audio that FFmpeg knows; "
            "it is truncated, broken or no audio, so download or export it again."
        ) from error


def _fill(
    container: InputContainer,
    stream: av.AudioStream,
    frames: int | None,
    declared: int | None,
    bounds: Bounds,
) -> Planar:
    planar: Planar | None = None
    for block in _blocks(container, stream):
        kind = block.format.name
        if planar is None:
            channels, sample_rate = block.layout.nb_channels, block.sample_rate
            guess = declared or frames or _GUESS_SECONDS * sample_rate
            planar = Planar(channels, sample_rate, guess, bounds, exact=False)
        count = block.samples
        if declared is not None:
            # The samples after the declared end are the encoder's padding.
            count = min(count, declared - planar.filled)
        start = planar.make_room(count)
        _copy(block.planes, kind, planar.array[:, start : start + count])
    if planar is None or not planar.filled:
        raise MediaError(
            "The file has a sound track but no sound could be decoded from it: it is truncated or "
            "broken, so download or export it again."
        )
    return planar


def _blocks(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """The decoded audio in large pieces, so that Python handles few of them."""
    fifo = av.AudioFifo()
    first: tuple[str, int, str] | None = None
    for frame in _frames(container, stream):
        shape = frame.layout.name, frame.sample_rate, frame.format.name
        if first is None:
            first = shape
        elif shape != first:
            raise MediaError(
                f"The audio changes from {first[0]} at {first[1]} Hz to {shape[0]} at {shape[1]} "
                "Hz midway: expected one format throughout; convert it with another program first."
            )
        # A gap between time stamps is not silence: join the samples without a gap.
        frame.pts = None
        fifo.write(frame)
        if fifo.samples >= _BLOCK:
            yield cast(av.AudioFrame, fifo.read())
    if fifo.samples:
        yield cast(av.AudioFrame, fifo.read())


def _frames(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    for packet in packets(container, stream):
        try:
            yield from cast("list[av.AudioFrame]", packet.decode())
        except av.error.InvalidDataError:
            # Skip a damaged packet, or a tag after the last packet, as players do.
            continue


def _copy(planes: tuple[AudioPlane, ...], kind: str, out: Samples) -> None:
    """Fill `out` [C, n] from `planes` of any of FFmpeg's sample formats, at full scale 1.0."""
    channels, count = out.shape
    width = 1 if kind.endswith("p") else channels
    kind = kind.removesuffix("p")
    for index, plane in enumerate(planes):
        data = np.frombuffer(cast(bytes, plane), _DTYPES[kind], count * width)
        samples = data.reshape(count, width).T
        target = out[index : index + width]
        if kind in _SCALES:
            offset = np.float32(128 if kind == "u8" else 0)
            np.subtract(samples, offset, out=target, dtype=np.float32, casting="unsafe")
            target *= np.float32(_SCALES[kind])
        else:
            target[...] = samples
