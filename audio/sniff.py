"""What kind of file some bytes begin."""

from __future__ import annotations

import re
from enum import Enum

from .buffer import AudioError

SNIFF_BYTES = 4096
_QUOTED = 60


class Container(Enum):
    """The formats told apart here; OTHER may still be audio."""

    WAV = "WAV"
    AIFF = "AIFF"
    FLAC = "FLAC"
    MP3 = "MP3"
    OGG = "Ogg"
    OTHER = "unknown"


def sniff(head: bytes) -> Container:
    """The container that `head`, the first bytes of a file after any ID3v2 tag, begins."""
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return Container.WAV
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Container.AIFF
    if head[:4] == b"fLaC":
        return Container.FLAC
    if head[:4] == b"OggS":
        return Container.OGG
    # Eleven set bits, then version and layer, neither reserved: layer bits 00 would be AAC.
    if (
        len(head) > 2
        and head[0] == 0xFF
        and head[1] & 0xE0 == 0xE0
        and head[1] & 0x18 != 0x08
        and head[1] & 0x06 != 0
    ):
        return Container.MP3
    return Container.OTHER


def refuse_text(head: bytes) -> None:
    """AudioError if `head` is empty or reads as text, with its beginning quoted."""
    if not head:
        raise AudioError(
            "The file is empty: expected audio, got 0 bytes; check that the address is that of "
            "the audio and that it has not expired."
        )
    text = _as_text(head)
    if text is None:
        return
    quoted = " ".join(text.split())
    quoted = quoted[:_QUOTED] + ("..." if len(quoted) > _QUOTED else "")
    kind = "a web page" if re.match(r"\s*<(!doctype|html|\?xml|head|body)", text, re.I) else "text"
    raise AudioError(
        f"This is {kind}, not audio: it begins with '{quoted}'; check that the address is that "
        "of the audio itself and that it has not expired."
    )


def _as_text(head: bytes) -> str | None:
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return None
        # A character was cut in two where `head` ends.
        text = head[: error.start].decode(encoding, "ignore")
    readable = all(char.isprintable() or char in "\t\r\n\f" for char in text)
    return text if readable and text else None
