"""The sound track of a file that is being written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import av
import av.error
from av.container import OutputContainer

from ..audio.arrays import MediaError, Samples
from ..audio.ffmpeg import LAYOUTS, audio_frame

_AAC_RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
"""ISO/IEC 14496-3, table 1.18."""
_BITS_A_CHANNEL = 96_000
_BLOCK = 1 << 13


class SoundTrack:
    """Samples that are encoded as the picture that goes with them is written.

    Packets of both then lie side by side in the file, and none wait in memory.
    """

    def __init__(
        self, output: OutputContainer, encoders: Sequence[str], samples: Samples, sample_rate: int
    ) -> None:
        """Add the track to `output`, by the first of `encoders` that this PyAV has."""
        name = next((name for name in encoders if _has(name)), None)
        if name is None:
            raise MediaError(
                f"PyAV has no encoder for the sound ({' or '.join(encoders)}): expected one of "
                "them; install PyAV's own wheel, pip install av."
            )
        rate = sample_rate if name == "aac" and sample_rate in _AAC_RATES else 48000
        channels = samples.shape[0]
        self._stream = cast(av.AudioStream, output.add_stream(name, rate=rate))
        self._stream.codec_context.layout = LAYOUTS[channels]
        self._stream.codec_context.bit_rate = _BITS_A_CHANNEL * channels
        self._output, self._samples, self._rate = output, samples, sample_rate
        self._done = 0

    def write_until(self, seconds: float) -> None:
        """Encode and write the sound up to `seconds`, or a little further."""
        end = min(seconds * self._rate, self._samples.shape[1])
        while self._done < end:
            block = self._samples[:, self._done : self._done + _BLOCK]
            frame = audio_frame(block, self._rate, self._done)
            self._output.mux(self._stream.encode(frame))
            self._done += block.shape[1]

    def finish(self) -> None:
        """Encode and write all that is left."""
        self.write_until(float("inf"))
        self._output.mux(self._stream.encode(None))


def _has(encoder: str) -> bool:
    try:
        av.Codec(encoder, "w")
    except ValueError:
        return False
    return True
