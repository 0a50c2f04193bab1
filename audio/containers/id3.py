"""ID3v2, the tags of MP3 and, in a chunk of their own, of WAV.

The pack writes version 2.4 (id3.org, "id3v2.4.0-structure" and "-frames") in UTF-8. A NUL after
each value, and pictures at the end, let ComfyUI's frontend find `prompt` and `workflow`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ...files.sniff import id3v2_size
from .comments import FOREIGN_KEYS, is_foreign
from .xmp import OWNER, TAG

_UTF_8 = b"\x03"
_ENCODINGS = {0: "latin-1", 1: "utf-16", 2: "utf-16-be", 3: "utf-8"}
_FRAMES = {
    "title": b"TIT2",
    "artist": b"TPE1",
    "album": b"TALB",
    "date": b"TDRC",
    "genre": b"TCON",
    "encoder": b"TSSE",
}
_KEYS = {frame: key for key, frame in _FRAMES.items()}
_COMMENT = b"COMM"
_USER = b"TXXX"
_LYRICS, _TIMED_LYRICS = b"USLT", b"SYLT"
_LRC_TIME = re.compile(r"[\[<](\d{2,}):(\d\d)\.(\d\d)[\]>]")
_PRIVATE = b"PRIV"


class Frame(NamedTuple):
    """One ID3v2 frame, its four-letter name and its content without flags."""

    name: bytes
    content: bytes


def build_id3(tags: Mapping[str, str], old: bytes = b"") -> bytes:
    """An ID3v2.4 tag with `tags`, and with the frames of the tag `old` that `tags` do not replace.

    It omits frames of `old` that a program could read as a graph or a receipt (`is_foreign`).
    """
    names = {key.lower() for key in tags}
    new = [frame for key, value in tags.items() for frame in _frames(key, value)]
    kept = [
        frame for frame in parse_frames(old) if _key(frame) not in names and not _is_foreign(frame)
    ]
    kept.sort(key=lambda frame: frame.name == b"APIC")
    body = b"".join(_pack(frame) for frame in [*new, *kept])
    return b"ID3\x04\x00\x00" + _syncsafe(len(body)) + body


def parse_frames(tag: bytes) -> Iterator[Frame]:
    """The frames of an ID3v2.3 or 2.4 tag, except compressed and encrypted frames."""
    size = id3v2_size(tag)
    if not size or tag[3] not in (3, 4):
        return
    version, flags = tag[3], tag[5]
    body = tag[10 : min(size, len(tag))]
    if flags & 0x80 and version == 3:
        body = body.replace(b"\xff\x00", b"\xff")
    position = 0
    if flags & 0x40:
        extended = _unsyncsafe(body[:4]) if version == 4 else int.from_bytes(body[:4], "big") + 4
        position = extended
    while position + 10 <= len(body) and body[position : position + 4].isalnum():
        name, raw_size = body[position : position + 4], body[position + 4 : position + 8]
        length = _unsyncsafe(raw_size) if version == 4 else int.from_bytes(raw_size, "big")
        content = body[position + 10 : position + 10 + length]
        if len(content) < length:
            return
        # The second flag byte declares how the content is packed. 0 means that it is not packed.
        if body[position + 9] == 0:
            yield Frame(name, content)
        position += 10 + length


def _frames(key: str, value: str) -> list[Frame]:
    if key.lower() == TAG:
        return [Frame(_PRIVATE, OWNER + value.encode())]
    text = value.encode() + b"\0"
    name = _FRAMES.get(key.lower())
    if name:
        return [Frame(name, _UTF_8 + text)]
    if key.lower() == "comment":
        return [Frame(_COMMENT, _UTF_8 + b"eng\0" + text)]
    if key.lower() == "lyrics":
        return _lyrics(value)
    return [Frame(_USER, _UTF_8 + key.encode() + b"\0" + text)]


def _lyrics(lrc: str) -> list[Frame]:
    """The lines of LRC without times, and its words (or lines) with their times.

    The language is not known: `und`. In `SYLT`, 2 stands for milliseconds and 1 for lyrics. A line
    break begins each line but the first, as the standard wants it.
    """
    lines = [" ".join(_LRC_TIME.sub("", line).split()) for line in lrc.splitlines()]
    plain = Frame(_LYRICS, _UTF_8 + b"und\0" + "\n".join(lines).strip().encode() + b"\0")
    timed = b"".join(
        ("\n" * (bool(number) and index == 0) + text).encode() + b"\0" + time.to_bytes(4, "big")
        for number, line in enumerate(lrc.splitlines())
        for index, (time, text) in enumerate(_timed(line))
    )
    return [plain, Frame(_TIMED_LYRICS, _UTF_8 + b"und\x02\x01\0" + timed)] if timed else [plain]


def _timed(line: str) -> list[tuple[int, str]]:
    """Milliseconds and text of each part of a line of LRC; the last may be empty, to end it."""
    _, *parts = _LRC_TIME.split(line)
    fields = zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=True)
    found = [(60_000 * int(m) + 1000 * int(s) + 10 * int(c), text) for m, s, c, text in fields]
    # A line's own time stands before that of its first word.
    return found[1:] if len(found) > 1 and not found[0][1] else found


def _key(frame: Frame) -> str:
    """The key of a frame, as `build_id3` takes it; empty for frames of other kinds."""
    if frame.name in (_LYRICS, _TIMED_LYRICS):
        return "lyrics"
    if frame.name == _PRIVATE:
        return TAG if frame.content.startswith(OWNER) else ""
    if not frame.content or frame.content[0] not in _ENCODINGS:
        return ""
    if frame.name in _KEYS:
        return _KEYS[frame.name]
    if frame.name not in (_USER, _COMMENT):
        return ""
    encoding = _ENCODINGS[frame.content[0]]
    # In a comment, the three letters of its language stand before its label.
    content = frame.content[4 if frame.name == _COMMENT else 1 :]
    label, separator, _ = content.decode(encoding, "replace").rstrip("\0").partition("\0")
    label = label if separator else ""
    if frame.name == _COMMENT:
        return "" if label.strip("\ufeff") else "comment"
    return label.lower()


def _is_foreign(frame: Frame) -> bool:
    texts = (frame.content.decode("latin-1"), frame.content[1:].decode("utf-16", "replace"))
    return _key(frame) in FOREIGN_KEYS or any(is_foreign(text) for text in texts)


def _pack(frame: Frame) -> bytes:
    return frame.name + _syncsafe(len(frame.content)) + b"\0\0" + frame.content


def _syncsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def _unsyncsafe(data: bytes) -> int:
    return sum((byte & 0x7F) << 7 * index for index, byte in enumerate(reversed(data)))
