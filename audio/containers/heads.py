"""Counts of the tags, frames and parts that a file's head declares, before a library reads it.

Libraries compare each tag with all others, allocate memory for the declared number of frames, and
move a whole index for each entry out of order. This module limits each count, and the declared
frames must fit into the file. A broken or short head passes: the library reports it.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, TypeAlias

import numpy as np

from ...files.sniff import id3v2_size
from ..arrays import MediaError

MOST_TAGS = 2000
"""Tags, chapters and pictures of a file. Music has some ten, an audiobook some hundred."""
MOST_FRAMES = 4_000_000
"""Frames of all streams of a file: five hours of video at 120 frames a second, with sound."""
_MOST_SEEK_POINTS = 40_000
"""Entries of an index: one a second for eleven hours."""
_MOST_PARTS = 200_000
"""Chunks, boxes and blocks of a file."""
_MOST_EDITED_FRAMES = 2 * MOST_FRAMES
_PCM_FRAMES_A_BYTE = 32
"""Most samples in a byte of QuickTime sound, whose head counts samples and not packets."""
_MOST_PAGES = 1_000_000
"""Ogg's pages: one every 20 ms for five hours."""
_LONGEST_VENDOR = 1 << 12
_DEEPEST = 16
_LARGEST = 1 << 26
_BLOCK = 1 << 20
_AHEAD = 1 << 15

_FLAC_COMMENTS, _FLAC_PICTURE = 4, 6
_OGG_COMMENTS = re.compile(rb"\x03vorbis|OpusTags|\x81theora|OVP80\x02 ")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_ASF_EXTENSION = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")
_ASF_TAGS = {
    bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850"),
    bytes.fromhex("941c23449894d149a1411d134e457054"),
    bytes.fromhex("eacbf8c5af5b77488467aa8c44fa4cca"),
    bytes.fromhex("01cd87f451a9cf118ee600c00c205365"),
}
"""Extended content description, metadata library, metadata, markers."""
_W64_WAVE = bytes.fromhex("77617665f3acd3118cd100c04f8edb8a")
_W64_TAGS = bytes.fromhex("bc945f925a52d21186dc00c04f8edb8a")
_W64_DATA = b"data" + _W64_WAVE[4:]
"""Names of chunks of Sony Wave64: its form, its list of tags, its samples."""
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_MATROSKA_TAGS = re.compile(rb"\x12\x54\xc3\x67|\x10\x43\xa7\x70|\x19\x41\xa4\x69")
"""Tags, Chapters and Attachments (RFC 9559); the lists in them, and the items that count."""
_MATROSKA_LISTS = {b"\x73\x73", b"\x67\xc8", b"\x45\xb9", b"\xb6"}
_MATROSKA_ITEMS = {b"\x67\xc8", b"\xb6", b"\x61\xa7"}
_AMF_LIST, _AMF_OBJECTS, _AMF_TEXTS = 10, (3, 8), (2,)
_AMF_BYTES = {0: 8, 1: 1, 2: 0, 3: 0, 5: 0, 6: 0, 8: 4, 10: 0, 11: 10}
_FIRST_BOXES = {
    *(b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"udta", b"junk", b"uuid"),
    *(b"styp", b"sidx", b"moof", b"prfl", b"pict", b"ediw"),
}
_PARENTS = {
    *(b"moov", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex", b"cmov", b"wide"),
    *(b"dinf", b"gmhd", b"tref"),
}
_TABLES = {
    b"stts": 8, b"ctts": 8, b"stsc": 12, b"stsz": 4, b"stco": 4, b"co64": 8, b"stss": 4,
    b"elst": 12,
}  # fmt: skip
"""The tables of MP4, and the bytes of one entry in each table."""
Raw: TypeAlias = "BinaryIO | io.RawIOBase"


def check_heads(file: Raw) -> None:
    """Count the tags, frames and parts that the head of `file`, a seekable file, declares.

    The position of `file` does not change. MediaError if a count is above its limit.

    >>> tags = b"".join(b"TXXX\\0\\0\\0\\x05\\0\\0\\0%04d" % number for number in range(3000))
    >>> check_heads(io.BytesIO(b"ID3\\x04\\0\\0\\0\\x02\\x5f\\x48" + tags))
    Traceback (most recent call last):
    aigateway.MediaError: The file has more than 2000 tags: ...
    """
    position = file.tell()
    try:
        _Heads(file).check()
    finally:
        file.seek(position)


def check_count(count: int, most: int, of: str) -> None:
    """MediaError if `count` is above `most`; `of` is the plural noun for the message."""
    if count > most:
        raise MediaError(
            f"The file has more than {most} {of}: expected at most so many; it is broken, so "
            "download or export it again."
        )


class _Heads:
    """One file, and the counts of its head so far."""

    def __init__(self, file: Raw, size: int | None = None) -> None:
        self._file = file
        self._end = file.seek(0, io.SEEK_END)
        self._size = self._end if size is None else size
        """Bytes of the whole file: the declared frames must fit into them."""
        self._tags = self._parts = self._frames = self._points = 0
        self._ahead, self._ahead_from = b"", 0
        self._track = _Track()

    def check(self) -> None:
        start = 0
        while size := id3v2_size(self._at(start, 10)):
            self._id3(start)
            start += size
            self._part()
        head = self._at(start, 16)
        if head[:4] == b"fLaC":
            self._flac(start + 4)
        elif head[:4] == b"OggS":
            self._ogg()
        elif head[:4] in (b"RIFF", b"RF64", b"BW64"):
            self._chunks(start + 12, self._end, "<4sI")
        elif self._at(start + 24, 16) == _W64_WAVE:
            self._w64(start + 40)
        elif head[:4] == b"FORM":
            self._chunks(start + 12, self._end, ">4sI")
        elif head[:4] == b"\x1aE\xdf\xa3":
            self._matroska()
        elif head[:4] == b"caff":
            self._caf()
        elif head[:4] == b"0&\xb2u":
            self._asf(start)
        elif head[:3] == b"FLV":
            self._flv()
        elif head[:4] == b"DSD " and len(tail := self._at(20, 8)) == 8:
            self._id3(struct.unpack("<Q", tail)[0])
        elif head[:4] == b"ea3\x03":
            self._id3(start)
        elif head[:4] == b"NIST":
            self._tag(self._at(0, _BLOCK).partition(b"end_head")[0].count(b"\n"))
        elif head[4:8] in _FIRST_BOXES:
            self._boxes(start, self._end)
        ape = self._at(self._end - 32, 20)
        if ape[:8] == b"APETAGEX":
            self._tag(_number(ape[16:], "<I"))

    # Reading and counting

    def _at(self, position: int, count: int) -> bytes:
        """`count` bytes of the file from `position`, fewer at its end."""
        offset = position - self._ahead_from
        if not 0 <= offset <= len(self._ahead) - count:
            self._ahead_from, offset = position, 0
            self._ahead = self._read(position, max(count, _AHEAD))
        return self._ahead[offset : offset + count]

    def _read(self, position: int, count: int) -> bytes:
        if not 0 <= position < self._end:
            return b""
        self._file.seek(position)
        data = bytearray()
        while len(data) < count and (more := self._file.read(count - len(data))):
            data += more
        return bytes(data)

    def _tag(self, count: int = 1) -> None:
        self._tags += count
        check_count(self._tags, MOST_TAGS, "tags")

    def _part(self) -> None:
        self._parts += 1
        check_count(self._parts, _MOST_PARTS, "parts")

    def _point(self, count: int) -> None:
        self._points += count
        check_count(self._points, _MOST_SEEK_POINTS, "entries in its index")

    def _frame(self, count: int, most: int) -> None:
        if count > most:
            raise MediaError(
                f"The file cannot be read: it claims {count} frames in {self._size} bytes; it is "
                "cut off or broken, so download or export it again."
            )
        self._frames += count
        check_count(self._frames, MOST_FRAMES, "frames")

    def _found(self, pattern: re.Pattern[bytes], end: int) -> Iterator[int]:
        """Each position before `end` at which `pattern`, of at most 16 bytes, begins."""
        for start in range(0, end, _BLOCK):
            for match in pattern.finditer(self._read(start, min(_BLOCK + 15, end - start))):
                if match.start() < _BLOCK:
                    yield start + match.start()

    # Formats

    def _id3(self, start: int) -> None:
        """Count frames of ID3v2.2 to 2.4; a 2.4 size that is not syncsafe is read as in FFmpeg."""
        head = self._at(start, 10)
        size = id3v2_size(b"ID3" + head[3:])
        end = min(start + size, self._end)
        old = len(head) == 10 and head[3] < 3
        position = start + 10
        if size and head[5] & 0x40 and not old:
            extended = _number(self._at(position, 4), ">I")
            position += _syncsafe(extended) if head[3] == 4 else extended + 4
        width = 6 if old else 10
        while position + width <= end:
            frame = self._at(position, width)
            if not frame[0]:
                return
            self._tag()
            length = int.from_bytes(frame[3:6], "big") if old else _number(frame[4:], ">I")
            if head[3] == 4 and length > 0x7F:
                short = _syncsafe(length)
                if length >= end - position or self._is_frame(position + width + short):
                    length = short
            position += width + length

    def _is_frame(self, position: int) -> bool:
        name = self._at(position, 4)
        return not any(name) or all(48 <= byte <= 57 or 65 <= byte <= 90 for byte in name)

    def _flac(self, position: int) -> None:
        last = False
        while not last and len(head := self._at(position, 4)) == 4:
            self._part()
            size = int.from_bytes(head[1:], "big")
            last, kind = bool(head[0] & 0x80), head[0] & 0x7F
            if kind == _FLAC_COMMENTS:
                vendor = _number(self._at(position + 4, 4), "<I")
                self._tag(_number(self._at(position + 8 + vendor, 4), "<I"))
            elif kind == _FLAC_PICTURE:
                self._tag()
            position += 4 + size

    def _ogg(self) -> None:
        """Count comments. Their packets begin with a codec's mark, perhaps far after the start."""
        position = pages = 0
        waiting: dict[bytes, tuple[int, bytes]] = {}
        flac: set[bytes] = set()
        marks = _OGG_COMMENTS.finditer
        while len(head := self._at(position, 27)) == 27:
            pages += 1
            check_count(pages, _MOST_PAGES, "pages")
            if head[:4] != b"OggS":
                offset = self._ahead.find(b"OggS", position - self._ahead_from)
                position = self._ahead_from + (offset if offset >= 0 else len(self._ahead) - 3)
                if offset < 0 and len(self._ahead) < _AHEAD:
                    return
                continue
            serial, segments = head[14:18], head[26]
            lacing = self._at(position + 27, segments)
            content = self._at(position + 27 + segments, sum(lacing))
            position += 27 + segments + sum(lacing)
            found = [(len(mark[0]), content[mark.start() :]) for mark in marks(content)]
            if serial in waiting:
                skipped, data = waiting.pop(serial)
                found.append((skipped, data + content))
            if serial in flac:
                packets = _packets(lacing, content)
                found += [(4, packet) for packet in packets if packet[0] & 0x7F == _FLAC_COMMENTS]
                if any(packet[0] == 0xFF for packet in packets):
                    flac.remove(serial)
            for skipped, data in found:
                vendor = _number(data[skipped : skipped + 4], "<I")
                check_count(vendor, _LONGEST_VENDOR, "bytes in the name of its encoder")
                if len(data) >= skipped + 8 + vendor:
                    self._tag(_number(data[skipped + 4 + vendor :][:4], "<I"))
                elif lacing.endswith(b"\xff"):
                    waiting[serial] = skipped, data
            if content.startswith(b"\x7fFLAC"):
                flac.add(serial)
            elif content.startswith((b"Speex   ", b"CELT    ")):
                # The next packet holds the comments. It has no mark.
                waiting[serial] = 0, b""

    def _chunks(self, position: int, end: int, form: str) -> None:
        """Count in the chunks of RIFF (`form` is little-endian) or AIFF (big-endian)."""
        data_size: int | None = None
        while len(head := self._at(position, 8)) == 8 and position + 8 <= end:
            self._part()
            name, size = struct.unpack(form, head)
            start = position + 8
            if name == b"ds64":
                data_size = _number(self._at(start + 8, 8), "<Q")
            elif name == b"data" and size == 0xFFFFFFFF and data_size is not None:
                size = data_size
            elif name == b"LIST" and (kind := self._at(start, 4)) != b"movi":
                self._chunks(start + 4, min(end, start + size), form)
                if kind == b"INFO":
                    self._tag(self._parts_between(start + 4, min(end, start + size)))
            elif name.lower() == b"id3 ":
                self._id3(start)
            elif name == b"indx":
                self._avi_index(start, size)
            position = start + size + size % 2

    def _parts_between(self, position: int, end: int) -> int:
        count = 0
        while position + 8 <= end and len(head := self._at(position, 8)) == 8:
            size = _number(head[4:], "<I")
            position += 8 + size + size % 2
            count += 1
        return count

    def _w64(self, position: int) -> None:
        """Count in the chunks of Sony Wave64, whose sizes include their heads of 24 bytes."""
        while len(head := self._at(position, 28)) >= 24:
            self._part()
            size = _number(head[16:], "<q")
            if size <= 24:
                return
            if head[:16] == _W64_TAGS:
                self._tag(_number(head[24:], "<I"))
            position += size if head[:16] == _W64_DATA else size + -size % 8

    def _avi_index(self, start: int, size: int) -> None:
        """Count frames in an index of indexes. Several entries may name the same index."""
        head = self._at(start, 24)
        entries = _number(head[4:8], "<I")
        if len(head) < 24 or head[3]:
            return
        for offset in range(start + 24, start + 24 + 16 * min(entries, size // 16), 16):
            self._part()
            target = _number(self._at(offset, 8), "<Q")
            self._frame(_number(self._at(target + 12, 4), "<I"), self._size)

    def _caf(self) -> None:
        position = 8
        while len(head := self._at(position, 12)) == 12:
            self._part()
            name, size = struct.unpack(">4sq", head)
            if name == b"info":
                self._tag(_number(self._at(position + 12, 4), ">I"))
            elif name == b"pakt":
                self._frame(_number(self._at(position + 12, 8), ">Q"), self._size)
            if size < 0:
                return
            position += 12 + size

    def _asf(self, start: int) -> None:
        """Count in the objects of the header and of its extension."""
        position = start + 30
        while len(head := self._at(position, 26)) == 26 and head[:16] != _ASF_DATA:
            self._part()
            size = struct.unpack("<Q", head[16:24])[0]
            if head[:16] in _ASF_TAGS:
                self._tag(_number(head[24:], "<H"))
            position += 46 if head[:16] == _ASF_EXTENSION else max(size, 24)

    def _flv(self) -> None:
        for start in self._found(re.compile(b"onMetaData"), self._end):
            self._amf(start + 10, 0)

    def _amf(self, position: int, depth: int) -> int:
        """Count the names in the AMF0 value at `position` as tags; return the value's end."""
        kind = _number(self._at(position, 1), "B")
        position += 1
        if depth > _DEEPEST or kind not in _AMF_BYTES:
            return self._end
        if kind == _AMF_LIST:
            count = _number(self._at(position, 4), ">I")
            self._point(count)
            position += 4
            for _ in range(count):
                position = self._amf(position, depth + 1)
            return position
        if kind in _AMF_TEXTS:
            return position + 2 + _number(self._at(position, 2), ">H")
        position += _AMF_BYTES[kind]
        if kind in _AMF_OBJECTS:
            while len(head := self._at(position, 3)) == 3 and head != b"\0\0\x09":
                self._tag()
                position = self._amf(position + 2 + _number(head[:2], ">H"), depth + 1)
            position += 3
        return position

    def _matroska(self) -> None:
        """Find elements by their names, not in order: after a broken element FFmpeg searches for
        the next name, up to the first cluster, and it follows each SeekHead."""
        position = segment = 0
        end = self._end
        while position < self._end:
            name = int.from_bytes(self._at(position, 4), "big")
            size, content = self._element_size(position + 4)
            self._part()
            if name == _CLUSTER:
                end = position
                break
            if name == _SEGMENT:
                position = segment = content
                continue
            position += 9 - (name >> 24).bit_length()
            size, content = self._element_size(position)
            if content == position or size >= self._end:
                break
            position = content + size
        offsets = set(self._found(_MATROSKA_TAGS, end))
        for offset in self._found(re.compile(rb"\x53\xac"), end):
            size, content = self._element_size(offset + 2)
            target = segment + int.from_bytes(self._at(content, min(size, 8)), "big")
            if _MATROSKA_TAGS.match(self._at(target, 4)):
                offsets.add(target)
        for offset in offsets:
            self._elements(offset)

    def _elements(self, position: int) -> None:
        """Count the tags, chapters and files in the element at `position`."""
        size, content = self._element_size(position + 4)
        position, end = content, min(content + size, self._end)
        while position < end:
            width = 9 - _number(self._at(position, 1), "B").bit_length()
            name = self._at(position, width)
            size, content = self._element_size(position + width)
            if width > 4 or content == position + width:
                return
            self._part()
            if name in _MATROSKA_ITEMS:
                self._tag()
            position = content if name in _MATROSKA_LISTS else content + size

    def _element_size(self, position: int) -> tuple[int, int]:
        """The size of an element's content, and the position at which the content begins."""
        data = self._at(position, 8)
        width = 9 - _number(data[:1], "B").bit_length()
        if width > 8 or len(data) < width:
            return 0, position
        size = int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
        # If all bits are set, the size is unknown.
        unknown = size == (1 << 7 * width) - 1
        return self._end if unknown else size, position + width

    # MP4 and QuickTime (ISO/IEC 14496-12)

    def _boxes(self, position: int, end: int, depth: int = 0) -> None:
        while position + 8 <= end and len(head := self._at(position, 16)) >= 8:
            self._part()
            size, name = struct.unpack(">I4s", head[:8])
            start = position + 8
            if size == 1 and len(head) == 16:
                size, start = _number(head[8:], ">Q"), position + 16
            stop = min(end, position + size) if size else end
            if stop < start:
                return
            if depth <= _DEEPEST:
                self._box(name, start, stop, depth)
            position = stop

    def _box(self, name: bytes, start: int, stop: int, depth: int) -> None:
        track = self._track
        if name == b"trak":
            self._track = _Track()
            self._boxes(start, stop, depth + 1)
            self._judge(self._track)
            self._track = track
        elif name == b"meta":
            # QuickTime's `meta` has no version before its boxes.
            version = 0 if self._at(start + 4, 4) == b"hdlr" else 4
            self._boxes(start + version, stop, depth + 1)
        elif name in (b"udta", b"ilst"):
            self._tag(self._boxes_between(start, stop))
            self._boxes(start, stop, depth + 1)
        elif name in _PARENTS:
            self._boxes(start, stop, depth + 1)
        elif name == b"cmvd":
            data = zlib.decompressobj().decompress(self._read(start + 4, stop - start), _LARGEST)
            _Heads(io.BytesIO(data), self._size)._boxes(0, len(data))
        elif name == b"keys":
            self._tag(_number(self._at(start + 4, 4), ">I"))
        elif name == b"hdlr":
            track.kind = self._at(start + 8, 4)
        elif name == b"trun":
            self._frame(_number(self._at(start + 4, 4), ">I"), self._size)
        elif name in _TABLES:
            self._table(track, name, start, stop)

    def _boxes_between(self, position: int, end: int) -> int:
        count = 0
        while position + 8 <= end and len(head := self._at(position, 4)) == 4:
            count += 1
            position += max(8, _number(head, ">I"))
        return count

    def _table(self, track: _Track, name: bytes, start: int, stop: int) -> None:
        head = self._at(start, 12)
        count = _number(head[8:12] if name == b"stsz" else head[4:8], ">I")
        width = _TABLES[name]
        if name == b"stsz":
            track.frames = max(track.frames, count)
            width = 0 if head[4:8].strip(b"\0") else width
        if count * width > stop - start:
            raise MediaError(
                f"The file cannot be read: it claims {count} entries in a table of {stop - start} "
                "bytes; it is cut off or broken, so download or export it again."
            )
        if name == b"stts":
            track.steady = track.steady and (count, self._at(start + 12, 4)) == (1, b"\0\0\0\1")
        elif name == b"stsc":
            track.runs = self._read(start + 8, 12 * count)
        elif name in (b"stco", b"co64"):
            track.chunks = max(track.chunks, count)
        elif name == b"elst":
            track.edits = max(track.edits, count)

    def _judge(self, track: _Track) -> None:
        """MediaError if the tables of `track` declare more than the file or the limits allow."""
        runs = np.frombuffer(track.runs[: len(track.runs) // 12 * 12], ">u4").reshape(-1, 3)
        chunks = np.diff(runs[:, 0].astype(float), append=track.chunks + 1)
        most = _PCM_FRAMES_A_BYTE * self._size
        in_chunks = int((runs[:, 1] * chunks.clip(0)).sum())
        if track.kind == b"soun" and track.steady:
            # FFmpeg reads such samples in groups of 80 or more.
            self._frame(max(track.frames, in_chunks) // 80, most // 80)
        else:
            self._frame(track.frames, self._size)
            self._frame(in_chunks // 80, most // 80)
        check_count(track.edits, MOST_TAGS, "edits")
        if track.edits > 1:
            check_count(track.edits * track.frames, _MOST_EDITED_FRAMES, "edited frames")


class _Track:
    """The tables of a track in an MP4."""

    def __init__(self) -> None:
        self.kind = b""
        self.frames = self.chunks = self.edits = 0
        self.runs = b""
        self.steady = True
        """Each sample lasts one unit of time, as in PCM."""


def _number(data: bytes, form: str) -> int:
    """The integer at the beginning of `data`; 0 if `data` is too short."""
    size = struct.calcsize(form)
    return struct.unpack(form, data[:size])[0] if len(data) >= size else 0


def _packets(lacing: bytes, content: bytes) -> list[bytes]:
    """The non-empty packets of an Ogg page; the first and the last packet may be incomplete."""
    packets, start, end = [b""], 0, 0
    for size in lacing:
        end += size
        if size < 0xFF:
            packets.append(content[start:end])
            start = end
    return [packet for packet in (*packets, content[start:end]) if packet]


def _syncsafe(size: int) -> int:
    """The value of four bytes with seven bits each."""
    return sum((size >> 8 * byte & 0x7F) << 7 * byte for byte in range(4))
