"""The formats that can be written, with their qualities. Imports neither torch nor a codec."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Format(str, Enum):
    """A format that can be written."""

    FLAC = "flac"
    WAV = "wav"
    MP3 = "mp3"
    OPUS = "opus"
    OGG = "ogg"
    """Vorbis."""

    @property
    def extension(self) -> str:
        """The file name's extension, with its dot."""
        return f".{self.value}"


class Peaks(str, Enum):
    """How samples above full scale (1.0) are treated."""

    CLIP = "clip"
    NORMALIZE = "normalize"
    REFUSE = "refuse"


FLOAT = "32 bit float"

QUALITIES: dict[Format, tuple[str, ...]] = {
    Format.FLAC: ("16 bit", "24 bit"),
    Format.WAV: ("16 bit", "24 bit", FLOAT),
    Format.MP3: ("V0", "320 kbit/s", "192 kbit/s", "128 kbit/s"),
    Format.OPUS: (
        "64 kbit/s",
        "96 kbit/s",
        "128 kbit/s",
        "192 kbit/s",
        "256 kbit/s",
        "320 kbit/s",
    ),
    Format.OGG: ("quality 4", "quality 6", "quality 8", "quality 10"),
}
DEFAULT_QUALITY: dict[Format, str] = {
    Format.FLAC: "16 bit",
    Format.WAV: "16 bit",
    Format.MP3: "V0",
    Format.OPUS: "128 kbit/s",
    Format.OGG: "quality 6",
}
LOSSY = (Format.MP3, Format.OPUS, Format.OGG)
HOLDS_LOOP = (Format.WAV, Format.FLAC, Format.OGG)
"""The formats whose files hold loop points that engines read."""


class Encoding(NamedTuple):
    """A format and one of its QUALITIES."""

    format: Format
    quality: str
    quick: bool = False
    """Encode MP3 in two thirds of the time, at a slightly lower quality."""
