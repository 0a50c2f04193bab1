"""Where a file repeats, in the forms that engines read: Vorbis comments and WAV's `smpl` chunk."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..formats import Format

LOOP_KEYS = ("loopstart", "loopend", "loop_start", "loop_end", "looplength")
"""Every name that engines know for a loop's points, in lower case."""

_MIDDLE_C = 60
_FORWARD, _FOR_EVER = 0, 0


class LoopPoints(NamedTuple):
    """In samples; the file ends where the loop ends."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The first sample behind the loop."""
        return self.start + self.length

    def tags(self, format: Format) -> dict[str, str]:
        """The Vorbis comments of a FLAC or Ogg file; others have none.

        FLAC's readers (SDL_mixer) also know an end, the first sample behind the loop.
        """
        tags = {"LOOPSTART": str(self.start), "LOOPLENGTH": str(self.length)}
        if format is Format.FLAC:
            return {**tags, "LOOPEND": str(self.end)}
        return tags if format is Format.OGG else {}

    def smpl(self, sample_rate: int) -> bytes:
        """The chunk `smpl` of Microsoft's "Multimedia Data Standards Update" (1994), whole.

        Its loop has the number of the last sample, not of the one behind it.
        """
        period = round(1e9 / sample_rate)
        sampler = struct.pack("<9I", 0, 0, period, _MIDDLE_C, 0, 0, 0, 1, 0)
        loop = struct.pack("<6I", 0, _FORWARD, self.start, self.end - 1, 0, _FOR_EVER)
        content = sampler + loop
        return b"smpl" + struct.pack("<I", len(content)) + content
