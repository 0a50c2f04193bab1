"""The end of the music in an MP3: before the tags at its end, and after the last file joined to
it."""

from __future__ import annotations

from ...files.sniff import id3v2_size
from .mpeg import FrameHeader, find_first_frame
from .source import Source

_MOST_TAGS = 16
_ID3V1_BYTES = 128
_APE_BYTES = 32
"""An APE tag's header or footer (APEv2 specification): its size is at 12, its flags are at 20."""
_LYRICS_SIZE_BYTES = 15
"""A Lyrics3v2 tag ends with its size in six digits and LYRICS200 (id3.org, "Lyrics3 v2.00")."""
_LYRICS3V1_BYTES = 5100 + 20
_LYRICS_BEGIN = b"LYRICSBEGIN"
_LYRICS_ENDS = (b"LYRICS200", b"LYRICSEND")
_LYRICS_MOST_BYTES = 1_000_000


def music_end(source: Source) -> int:
    """The position of the tags at the end of the file; the file's size if it has no such tags.

    If the file is still arriving, this call waits for its end.
    """
    end = source.size
    for _ in range(_MOST_TAGS):
        size = _size_before(source, end)
        if not size or size > end:
            break
        end -= size
    return end


def is_joined(source: Source, header: FrameHeader, declared_end: int, end: int) -> bool:
    """Whether another MP3 lies between `declared_end` and `end`.

    Args:
        header: any frame of the first MP3, which ends at `declared_end`.
        end: the result of `music_end`.
    """
    position = declared_end
    for _ in range(_MOST_TAGS):
        size = _size_after(source, position)
        if not size:
            break
        position += size
    first = find_first_frame(source, position)
    # Some encoders do not count the frame of their own tag. Then one frame follows.
    return (
        first is not None
        and first.sample_rate == header.sample_rate
        and end - first.start > 2 * first.size
    )


def _size_before(source: Source, end: int) -> int:
    """Bytes of the tag that ends at `end`; 0 if no tag ends there."""
    if source.bytes_at(end - _ID3V1_BYTES, 3) == b"TAG":
        return _ID3V1_BYTES
    footer = source.bytes_at(end - _APE_BYTES, _APE_BYTES)
    if footer.startswith(b"APETAGEX"):
        has_header = footer[23] & 0x80
        return int.from_bytes(footer[12:16], "little") + (_APE_BYTES if has_header else 0)
    lyrics = source.bytes_at(end - _LYRICS_SIZE_BYTES, _LYRICS_SIZE_BYTES)
    if lyrics.endswith(b"LYRICS200") and lyrics[:6].isdigit():
        return int(lyrics[:6]) + _LYRICS_SIZE_BYTES
    if lyrics.endswith(b"LYRICSEND"):
        start = max(0, end - _LYRICS3V1_BYTES)
        begin = source.bytes_at(start, end - start).rfind(_LYRICS_BEGIN)
        return end - start - begin if begin >= 0 else 0
    return 0


def _size_after(source: Source, position: int) -> int:
    """Bytes of the tag that begins at `position`; 0 if no tag begins there."""
    head = source.bytes_at(position, _APE_BYTES)
    if head.startswith(b"TAG"):
        return _ID3V1_BYTES
    if head.startswith(b"APETAGEX"):
        return int.from_bytes(head[12:16], "little") + _APE_BYTES
    if head.startswith(_LYRICS_BEGIN):
        text = source.bytes_at(position, _LYRICS_MOST_BYTES)
        ends = [found for mark in _LYRICS_ENDS if (found := text.find(mark)) >= 0]
        return min(ends) + len(_LYRICS_ENDS[0]) if ends else 0
    return id3v2_size(head)
