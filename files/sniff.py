"""Find the container of a file from its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

SNIFF_BYTES = 4096
"""Bytes from the start of a file that every check in this module needs at most."""

_ID3V2_HEADER = 10
_MOST_TAGS = 16


class Container(Enum):
    """The containers that the pack knows. A file of kind UNKNOWN may still be audio.

    The value is the name for a message; `extension` is the usual one, without its dot. A file of
    unknown kind gets `mp3`: players check the content, and most such files are MP3s.
    """

    WAV = "WAV"
    AIFF = "AIFF"
    FLAC = "FLAC"
    MP3 = "MP3"
    OGG = "Ogg"
    MP4 = "MP4"
    WEBM = "WebM"
    UNKNOWN = "unknown"

    @property
    def extension(self) -> str:
        return {Container.MP4: "m4a", Container.UNKNOWN: "mp3"}.get(self, self.value.lower())


def sniff(head: bytes | memoryview) -> Container:
    """The container of a file that begins with `head`. ID3v2 tags at the start are skipped.

    If `head` ends within its ID3v2 tag, the result is MP3: other files rarely have that tag.
    """
    start = skip_id3v2(lambda at, count: bytes(head[at : at + count]))
    if start and start >= len(head):
        return Container.MP3
    container = _by_signature(bytes(head[start : start + 12]))
    return Container.MP3 if start and container is Container.UNKNOWN else container


def skip_id3v2(bytes_at: Callable[[int, int], bytes]) -> int:
    """The position after the ID3v2 tags; `bytes_at(position, count)` returns bytes of the file.

    It skips at most sixteen tags, so that a file of tags alone cannot keep it busy.
    """
    start = 0
    for _ in range(_MOST_TAGS):
        size = id3v2_size(bytes_at(start, _ID3V2_HEADER))
        if not size:
            break
        start += size
    return start


def id3v2_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag at the start of `head`, with header and footer; 0 without a tag."""
    if len(head) < _ID3V2_HEADER or head[:3] != b"ID3" or any(byte & 0x80 for byte in head[6:10]):
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return size + (20 if head[5] & 0x10 else 10)


def _by_signature(head: bytes) -> Container:
    form, kind = head[:4], head[8:12]
    if form in (b"RIFF", b"RF64", b"BW64") and kind == b"WAVE":
        return Container.WAV
    if form == b"FORM" and kind in (b"AIFF", b"AIFC"):
        return Container.AIFF
    if form == b"fLaC":
        return Container.FLAC
    if form == b"OggS":
        return Container.OGG
    if form == b"\x1aE\xdf\xa3":
        return Container.WEBM
    if head[4:8] == b"ftyp":
        return Container.MP4
    # Eleven set bits, then a version and a layer that are not reserved. Layer bits 00 mean AAC.
    if (
        len(head) > 2
        and head[0] == 0xFF
        and head[1] & 0xE0 == 0xE0
        and head[1] & 0x18 != 0x08
        and head[1] & 0x06 != 0
    ):
        return Container.MP3
    return Container.UNKNOWN
