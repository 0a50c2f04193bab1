"""Encoding through FFmpeg's libraries (PyAV): MP3 and Opus."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
import numpy as np

from ..containers.ogg_tags import OggTagger
from ..containers.tagged_file import FilePart
from ..ffmpeg import open_output
from ..formats import Encoding, Format
from ..samples.outgoing import Outgoing, made_ahead
from ..stopping import looked

LEGAL_RATES: dict[Format, tuple[int, ...]] = {
    Format.MP3: (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    Format.OPUS: (8000, 12000, 16000, 24000, 48000),
}
"""Sample rates in Hz that the format knows."""
_OPUS_MAX_BITS_A_CHANNEL = 256_000
_CODECS = {Format.MP3: ("libmp3lame", "fltp", "5"), Format.OPUS: ("libopus", "flt", "7")}
"""FFmpeg's encoder, the sample format that it takes, and its `compression_level`.

LAME at 5 searches less for the shortest code than at its default 3: V0 of three pieces of music
had the same signal-to-noise ratio to 0.01 dB, in 1 to 3 % more bytes and a quarter less time. Opus
at 7 leaves out the search for the best stereo angle: 0.05 to 0.2 dB more noise at the same size, in
a fifth less time than at its default 10.
"""
_LAME_SCALES = ((256_000, 1.0), (224_000, 0.98), (192_000, 0.97), (0, 0.95))
"""The factor by which LAME scales its input at a constant bit rate, from that many bits a second.

`abr_switch_map` in LAME 3.100's presets.c; the same in libsndfile and in FFmpeg, and neither has an
option to set it. Measured with a tone at 16 rates from 8 to 48 kHz, to 0.0002.
"""
_QUICK_MP3 = "7"
"""At this `compression_level` and above, LAME does not shape its noise."""
# `tagged_file` writes the tags.
_MUXER_OPTIONS = {Format.MP3: {"id3v2_version": "0"}, Format.OPUS: {}}


def write_av(outgoing: Outgoing, file: FilePart | OggTagger, encoding: Encoding) -> None:
    """Encode `outgoing`, mono or stereo, into `file`. av.error.FFmpegError if FFmpeg cannot."""
    layout = "mono" if outgoing.channels == 1 else "stereo"
    codec, sample_format, level = _CODECS[encoding.format]
    if encoding.quick and encoding.format is Format.MP3:
        level = _QUICK_MP3
    name, options = encoding.format.value, _MUXER_OPTIONS[encoding.format]
    with open_output(file, name, options) as container:
        options = {"compression_level": level}
        stream = cast(
            av.AudioStream,
            container.add_stream(codec, rate=outgoing.target, layout=layout, options=options),
        )
        stream.codec_context.format = av.AudioFormat(sample_format)
        gain = 1.0
        if encoding.quality == "V0":
            # Set a quality instead of a bit rate. A quality that is not set is 0, the best.
            stream.codec_context.qscale = True
        else:
            stream.bit_rate = rate = _bit_rate(outgoing, encoding)
            if encoding.format is Format.MP3:
                gain = 1 / next(scale for least, scale in _LAME_SCALES if rate >= least)
        position = 0
        for block in looked(made_ahead(outgoing.blocks())):
            if gain != 1:
                block = block * np.float32(gain)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", layout)
            frame.sample_rate = outgoing.target
            frame.time_base = Fraction(1, outgoing.target)
            frame.pts = position
            position += block.shape[1]
            container.mux(stream.encode(frame))
        # LAME may end with a frame of padding alone. Leave it out: FFmpeg's muxer would forget the
        # padding of the frame before it, and the file would be up to 528 samples too long.
        container.mux([packet for packet in stream.encode(None) if packet.duration])


def _bit_rate(outgoing: Outgoing, encoding: Encoding) -> int:
    """Bits a second, up to the codec's highest rate for this sample rate or these channels."""
    if encoding.format is Format.OPUS:
        most = _OPUS_MAX_BITS_A_CHANNEL * outgoing.channels
    else:
        # MPEG-1, 2 and 2.5, layer III.
        rate = outgoing.target
        most = 320_000 if rate >= 32000 else 160_000 if rate >= 16000 else 64_000
    return min(int(encoding.quality.split()[0]) * 1000, most)
