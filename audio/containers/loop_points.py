"""Loop points of a file as engines read them: Vorbis comments and WAV's `smpl` chunk."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..arrays import MediaError
from ..formats import HOLDS_LOOP, Format

LOOP_KEYS = ("loopstart", "loopend", "loop_start", "loop_end", "looplength")
"""All names of loop points that engines read, in lower case."""

_NO_LOOP = {
    Format.MP3: "mp3 adds samples before and behind the audio, so the loop would have a gap",
    Format.OPUS: "opus changes the sample rate, and engines read no loop points in it",
}
_MIDDLE_C = 60
_FORWARD, _FOR_EVER = 0, 0


class LoopPoints(NamedTuple):
    """Start and length of a loop in samples. The file ends at the end of the loop."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The first sample after the loop."""
        return self.start + self.length

    def tags(self, format: Format) -> dict[str, str]:
        """The Vorbis comments of a FLAC or Ogg Vorbis file; empty for other formats.

        Readers of FLAC (SDL_mixer) also read an end: the first sample after the loop.
        """
        tags = {"LOOPSTART": str(self.start), "LOOPLENGTH": str(self.length)}
        if format is Format.FLAC:
            return {**tags, "LOOPEND": str(self.end)}
        return tags if format is Format.OGG else {}

    def smpl(self, sample_rate: int) -> bytes:
        """The whole `smpl` chunk of Microsoft's "Multimedia Data Standards Update" (1994).

        The end of its loop is the last sample of the loop, not the first sample behind it.
        """
        period = round(1e9 / sample_rate)
        sampler = struct.pack("<9I", 0, 0, period, _MIDDLE_C, 0, 0, 0, 1, 0)
        loop = struct.pack("<6I", 0, _FORWARD, self.start, self.end - 1, 0, _FOR_EVER)
        content = sampler + loop
        return b"smpl" + struct.pack("<I", len(content)) + content


def check_holds_loop(format: Format) -> None:
    """MediaError if a file of this format cannot hold a loop."""
    if format not in HOLDS_LOOP:
        names = ", ".join(holding.value for holding in HOLDS_LOOP)
        raise MediaError(
            f"A loop cannot be saved as {format.value}: {_NO_LOOP[format]}. Choose {names}."
        )


def check_loop(loop: LoopPoints, format: Format, frames: int) -> None:
    """MediaError if the format cannot hold a loop, or `loop` is not within `frames` samples."""
    check_holds_loop(format)
    if loop.start < 0 or loop.length < 1 or loop.end > frames:
        raise MediaError(
            f"The loop has {loop.length} samples from sample {loop.start} on, and the audio has "
            f"{frames}: connect loop_start and loop_length of Make Loop together with its audio."
        )
