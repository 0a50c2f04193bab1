"""Decode a file, complete or still arriving, to one planar float32 tensor."""

from __future__ import annotations

import contextlib
from typing import BinaryIO

import torch

from ..files.sniff import SNIFF_BYTES, Container, skip_id3v2, sniff
from .arrays import MediaError
from .codecs.libav_reader import read_av
from .codecs.pcm import read_pcm
from .codecs.sndfile_reader import NotForLibsndfile, read_sndfile
from .containers import mpeg
from .containers.mpeg_end import is_joined, music_end
from .containers.not_audio import refuse_text
from .containers.ogg import ogg_length
from .containers.riff import Coding, read_wav
from .containers.source import Source
from .memory import Bounds, Memory, Share
from .samples.planar import Planar
from .validate import check_finite

_MP3_RUN_UP_FRAMES = 20
"""Frames to decode before a point in an MP3, so that the samples from there on are exact. The bit
reservoir reaches back 511 bytes (six frames at 32 kbit/s), and filters overlap by two frames."""
_MPEG1_FRAME = 1152
_MISSING_SECONDS = 0.1
"""A file that lacks more than this is truncated. A smaller difference is padding that the encoder
miscounted."""


def decode(
    source: BinaryIO, *, max_minutes: float = 60.0, memory: Memory | None = None
) -> tuple[torch.Tensor, int]:
    """The audio in `source` as float32 [C, T], contiguous on the CPU, and its sample rate in Hz.

    `source` is a seekable binary file. It may still be arriving: then its reads block, and it has
    `size` (bytes in all; None if unknown) and `complete`. MP3, WAV and FLAC are decoded as they
    arrive. Errors of its reads are raised unchanged. This call blocks: run it in a thread.

    The delay and padding that the file declares are removed. MediaError if the file is text, is
    truncated, has an unknown format, holds NaN, is longer than `max_minutes`, or needs more than
    the rest of `memory` (None: no limit for the run).

    >>> import io, wave
    >>> with wave.open(file := io.BytesIO(), "wb") as sound:
    ...     sound.setparams((1, 2, 8000, 0, "NONE", ""))
    ...     sound.writeframes(bytes(16000))
    >>> waveform, sample_rate = decode(file)
    >>> list(waveform.shape), sample_rate
    ([1, 8000], 8000)
    """
    share = Share(memory)
    try:
        waveform, sample_rate = _decoded(Source(source), Bounds(max_minutes, share))
    except BaseException:
        share.settle(0)
        raise
    share.settle(waveform.nbytes)
    return waveform, sample_rate


def _decoded(file: Source, bounds: Bounds) -> tuple[torch.Tensor, int]:
    try:
        planar = _decode(file, bounds)
    except Exception:
        file.raise_error()
        raise
    file.raise_error()
    if not planar.filled:
        raise MediaError(
            "The file holds no samples: expected sound; it is truncated or empty, so download or "
            "export it again."
        )
    waveform = planar.tensor()
    if not planar.integer:
        check_finite(waveform, "The file")
    return waveform, planar.sample_rate


def _decode(source: Source, bounds: Bounds) -> Planar:
    start = skip_id3v2(source.bytes_at)
    head = source.bytes_at(start, SNIFF_BYTES)
    container = sniff(head)
    if container is Container.WAV and start == 0:
        return _decode_wav(source, bounds)
    if container is Container.MP3 or (start and container is Container.UNKNOWN):
        return _decode_mp3(source, start, bounds)
    if container in (Container.FLAC, Container.AIFF):
        return _decode_sndfile(source, container, bounds)
    if container is Container.OGG:
        return _decode_ogg(source, bounds)
    refuse_text(head)
    return _decode_other(source, bounds)


def _decode_wav(source: Source, bounds: Bounds) -> Planar:
    wav = read_wav(source)
    if wav.coding is Coding.OTHER:
        return _decode_sndfile(source, Container.WAV, bounds)
    if wav.truncated:
        raise _truncated("WAV", "its header promises more samples than there are")
    planar = Planar(wav.channels, wav.sample_rate, wav.frames, bounds, exact=True)
    read_pcm(source, wav, planar)
    if planar.filled < wav.frames and source.error is None:
        raise _truncated("WAV", "its header promises more samples than there are")
    return planar


def _decode_ogg(source: Source, bounds: Bounds) -> Planar:
    length = ogg_length(source)
    planar, declared = read_av(source, bounds, format="ogg", end=length.frames if length else None)
    if declared is not None and planar.filled < declared:
        # FFmpeg loses samples of a Vorbis file with only one page of audio.
        with contextlib.suppress(NotForLibsndfile):
            planar, _ = read_sndfile(source, bounds, expected=declared)
    return planar


def _decode_mp3(source: Source, start: int, bounds: Bounds) -> Planar:
    header = mpeg.find_first_frame(source, start)
    if header is None:
        refuse_text(source.bytes_at(start, SNIFF_BYTES))
        return _decode_other(source, bounds)
    xing = mpeg.read_xing(source, header)
    if xing and xing.frames and xing.size:
        joined = source.complete and _goes_on(source, header, xing)
        planar = None if joined else _decode_declared_mp3(source, header, xing, bounds)
        # The bytes after the declared end are known only now, when the file has arrived.
        if planar is not None and not _goes_on(source, header, xing):
            return planar
    if source.complete:
        source.cut(music_end(source))
    # Use FFmpeg: libsndfile guesses the length of an MP3 without a tag, and may stop too early.
    guess = (source.size - header.start) * header.samples // max(1, header.size)
    return read_av(source, bounds, format="mp3", frames=guess).planar


def _goes_on(source: Source, header: mpeg.FrameHeader, xing: mpeg.Xing) -> bool:
    """Whether music follows the declared length, because several files were joined."""
    declared_end = header.start + xing.size
    if declared_end >= source.size:
        return False
    return is_joined(source, header, declared_end, music_end(source))


def _decode_declared_mp3(
    source: Source, header: mpeg.FrameHeader, xing: mpeg.Xing, bounds: Bounds
) -> Planar | None:
    """The music that the tag in the first frame declares; None after NotForLibsndfile."""
    try:
        planar, frames = read_sndfile(
            source,
            bounds,
            expected=xing.frames * header.samples - xing.delay - xing.padding,
            run_up=_MP3_RUN_UP_FRAMES * header.samples,
            # With shorter frames, the rounding depends on the first decoded frame.
            two_threads=header.samples == _MPEG1_FRAME,
        )
    except NotForLibsndfile:
        return None
    return _whole(planar, frames, "MP3", source)


def _decode_sndfile(source: Source, container: Container, bounds: Bounds) -> Planar:
    try:
        planar, frames = read_sndfile(source, bounds)
    except NotForLibsndfile:
        return _decode_other(source, bounds)
    return _whole(planar, frames, container.value, source)


def _decode_other(source: Source, bounds: Bounds) -> Planar:
    planar, declared = read_av(source, bounds)
    return planar if declared is None else _whole(planar, declared, "audio", source)


def _whole(planar: Planar, frames: int, name: str, source: Source) -> Planar:
    """`planar` if it is as long as declared. Raises an error of reading `source` first."""
    source.raise_error()
    missing = frames - planar.filled
    if missing > _MISSING_SECONDS * planar.sample_rate or planar.filled == 0:
        rate = planar.sample_rate
        raise _truncated(
            name, f"it has {planar.filled / rate:.1f} of the {frames / rate:.1f} s it declares"
        )
    return planar


def _truncated(name: str, how: str) -> MediaError:
    return MediaError(f"The {name} file is truncated: {how}; download it again.")
