"""Write a waveform to a FLAC, WAV, MP3, Opus or Ogg Vorbis file, whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import av.error
import soundfile
import torch

from ..files.atomic import new_file
from .arrays import UNCHANGED, LevelChange, LongSamples, MediaError, blocks, check_sample_rate
from .codecs.libav_writer import LEGAL_RATES, write_av
from .codecs.sndfile_writer import write_sndfile
from .containers.loop_points import LoopPoints, check_loop
from .containers.tagged_file import tagged_file
from .formats import FLOAT, LOSSY, QUALITIES, Encoding, Format, Peaks
from .samples.outgoing import Outgoing
from .validate import check_finite

_MAX_CHANNELS = {
    Format.FLAC: 8,
    Format.WAV: 65_535,
    Format.MP3: 2,
    Format.OPUS: 2,
    Format.OGG: 2,
}
_MAX_RATES = {Format.FLAC: 655_350, Format.OGG: 200_000}
"""In Hz. At a higher rate, libvorbis ends the process."""
_PEAK_BLOCK = 1 << 20


class EncodeReport(NamedTuple):
    """The changes to the samples, and the tags that were left out.

    Attributes:
        clipped: how many samples above full scale were clipped.
        gain: the factor for every sample.
        dropped_tags: keys of the tags for which the file has no room.
    """

    clipped: int
    gain: float
    dropped_tags: tuple[str, ...]


def encode(
    waveform: torch.Tensor | LongSamples,
    sample_rate: int,
    path: Path,
    encoding: Encoding,
    *,
    tags: Mapping[str, str] | None = None,
    peaks: Peaks = Peaks.CLIP,
    loop: LoopPoints | None = None,
    change: LevelChange = UNCHANGED,
) -> EncodeReport:
    """Write `waveform` (float32 [C, T], torch on the CPU, numpy or on the disk) to the new file
    `path`.

    16-bit input is written exactly to FLAC and WAV. A reduction to 16 bits adds dither.
    MP3 and Opus take the nearest rate at or above `sample_rate` that the format knows, else its
    highest of the same family (44.1 or 48 kHz). "32 bit float" keeps samples above full scale,
    unless `peaks` is NORMALIZE. Memory does not grow with the length.

    `change` is applied to the samples before they are clipped and encoded.
    With `loop` the file has loop points (WAV, FLAC and Ogg), and ends at the end of the loop.

    `path` appears whole or not at all, and no temporary file stays. FileExistsError if it exists.
    MediaError if the file cannot be written. MediaError before the first byte for an unknown
    quality, more channels or a higher rate than the format holds, a loop in another format or
    after the end, NaN, infinity, or samples above full scale under REFUSE.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "silence.flac"
    >>> encode(torch.zeros(2, 48000), 48000, path, Encoding(Format.FLAC, "16 bit")).gain
    1.0
    """
    sample_rate = check_sample_rate(sample_rate)
    samples = waveform.numpy() if isinstance(waveform, torch.Tensor) else waveform
    _check(samples, sample_rate, encoding)
    if loop is not None:
        check_loop(loop, encoding.format, samples.shape[1])
        samples = samples[:, : loop.end]
    peak, over = _peak(samples)
    keeps_overs = encoding.quality == FLOAT
    if over and peaks is Peaks.REFUSE and not keeps_overs:
        raise MediaError(
            f"{over} samples exceed full scale, the highest by {20 * math.log10(peak):.1f} dB: "
            "expected none above 1.0; lower the volume, or let peaks be clipped or normalized."
        )
    gain = 1 / peak if over and peaks is Peaks.NORMALIZE else 1.0
    target = _legal_rate(encoding.format, sample_rate)
    clips = encoding.format in LOSSY and (over > 0 or target != sample_rate)
    outgoing = Outgoing(samples, sample_rate, target, gain, clips, change)
    dropped = _write(outgoing, path, encoding, tags or {}, loop)
    return EncodeReport(over if gain == 1 and not keeps_overs else 0, gain, dropped)


def _write(
    outgoing: Outgoing,
    path: Path,
    encoding: Encoding,
    tags: Mapping[str, str],
    loop: LoopPoints | None,
) -> tuple[str, ...]:
    """Write the file; return the keys of the tags that were left out."""
    try:
        # Not durable: the file can be made again from its samples.
        with (
            new_file(path, durable=False) as temporary,
            tagged_file(temporary, encoding.format, tags, loop) as body,
        ):
            if encoding.format in LEGAL_RATES:
                write_av(outgoing, body, encoding)
            else:
                write_sndfile(outgoing, body, encoding)
    except FileExistsError:
        raise
    except (soundfile.SoundFileError, av.error.FFmpegError, OSError) as error:
        raise MediaError(
            f"The {encoding.format.value} file could not be written ({error}): check the free "
            "space, or choose another folder or format."
        ) from error
    return body.dropped


def _check(samples: LongSamples, sample_rate: int, encoding: Encoding) -> None:
    format, quality, _ = encoding
    if samples.ndim != 2 or 0 in samples.shape:
        raise MediaError(
            f"A waveform of the shape {list(samples.shape)} cannot be written: expected "
            "[channels, samples] with at least one of each; pass one item of the batch."
        )
    if quality not in QUALITIES[format]:
        raise MediaError(
            f"{format.value} has no quality '{quality}': choose one of "
            f"{', '.join(QUALITIES[format])}."
        )
    most = _MAX_CHANNELS[format]
    if samples.shape[0] > most:
        raise MediaError(
            f"The audio has {samples.shape[0]} channels: {format.value} is written with at most "
            f"{most}; mix it down to stereo, or choose wav."
        )
    most_rate = _MAX_RATES.get(format, sample_rate)
    if sample_rate > most_rate:
        raise MediaError(
            f"The sample rate is {sample_rate} Hz: {format.value} holds at most {most_rate}; "
            "resample the audio, or choose wav."
        )


def _peak(samples: LongSamples) -> tuple[float, int]:
    """The highest absolute sample, and how many exceed 1.0; MediaError for NaN or infinity."""
    peak, over = 0.0, 0
    for _, part in blocks(samples, _PEAK_BLOCK):
        block = torch.from_numpy(part)
        low, high = (float(edge) for edge in torch.aminmax(block))
        if not (math.isfinite(low) and math.isfinite(high)):
            check_finite(block, "The audio to save")
        highest = max(-low, high)
        if highest > 1:
            over += int((block.abs() > 1).sum())
        peak = max(peak, highest)
    return peak, over


def _legal_rate(format: Format, sample_rate: int) -> int:
    legal = LEGAL_RATES.get(format)
    if legal is None:
        return sample_rate
    if sample_rate > legal[-1]:
        return 44100 if 44100 in legal and sample_rate % 11025 == 0 else legal[-1]
    return next(rate for rate in legal if rate >= sample_rate)
