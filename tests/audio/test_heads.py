"""A head that claims too much is refused before FFmpeg sees it, after a look at few bytes."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.error import ArgumentError

from ...audio import ffmpeg
from ...audio.arrays import MediaError
from ...audio.containers.heads import MOST_TAGS, check_heads
from ...audio.decode import decode
from ...audio.ffmpeg import AUDIO, VIDEO, open_input
from ...audio.tags import read_tags
from ...video.length import picture_length
from ...video.soundtrack import add_soundtrack
from ..video.make import make_clip, noise
from . import make

MANY = 80_000


class Counted(io.BytesIO):
    """A file that counts the bytes that are read from it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def comments(count: int, vendor: bytes = b"v") -> bytes:
    texts = b"".join(struct.pack("<I", 9) + b"K%06d=x" % number for number in range(count))
    return struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", count) + texts


def flac(count: int) -> bytes:
    song = make.sound_file(make.music(0.1), 44100, "FLAC")
    content = comments(count)
    block = b"\x04" + len(content).to_bytes(3, "big") + content
    return song[:4] + bytes([song[4] & 0x7F]) + song[5:42] + block + song[42:]


def flac_in_blocks(count: int) -> bytes:
    """Many lists of tags, each of them short."""
    song = make.sound_file(make.music(0.1), 44100, "FLAC")
    content = comments(100)
    block = b"\x04" + len(content).to_bytes(3, "big") + content
    return song[:4] + bytes([song[4] & 0x7F]) + song[5:42] + block * (count // 100) + song[42:]


def ogg(*packets: bytes, serial: int = 1) -> bytes:
    """Pages of one packet each, without checksums, which nothing here reads."""
    pages = []
    for number, packet in enumerate(packets):
        lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
        for start in range(0, len(lacing), 255):
            part = lacing[start : start + 255]
            flags = (2 if number == 0 else 0) | (1 if start else 0)
            head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, serial, 0, 0, len(part))
            place = start * 255
            pages.append(head + part + packet[place : place + sum(part)])
    return b"".join(pages)


def opus(count: int) -> bytes:
    return ogg(b"OpusHead" + bytes(11), b"OpusTags" + comments(count))


def vorbis(count: int) -> bytes:
    return ogg(b"\x01vorbis" + bytes(23), b"\x03vorbis" + comments(count, b"x" * 600))


def vorbis_midway(count: int) -> bytes:
    """A second list of tags among the sound."""
    sound = [b"\0" * 200] * 500
    start = b"\x01vorbis" + bytes(23), b"\x03vorbis" + comments(3), b"\x05vorbis" + bytes(9)
    return ogg(*start, *sound, b"\x03vorbis" + comments(count))


def speex(count: int) -> bytes:
    return ogg(b"Speex   " + bytes(72), comments(count))


def flac_in_ogg(count: int) -> bytes:
    head = b"\x7fFLAC\1\0\0\1fLaC" + bytes(38)
    return ogg(head, b"\x01\0\0\0", b"\x84\0\0\0" + comments(count))


def syncsafe(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3(count: int, version: int = 4) -> bytes:
    frames = []
    for number in range(count):
        content = b"\3K%06d\0x" % number
        if version == 2:
            frames.append(b"TXX" + len(content).to_bytes(3, "big") + content)
        else:
            frames.append(b"TXXX" + struct.pack(">I", len(content)) + b"\0\0" + content)
    body = b"".join(frames)
    return b"ID3" + bytes([version, 0, 0]) + syncsafe(len(body)) + body


def id3_of_long_frames(count: int) -> bytes:
    """ID3v2.4 whose sizes are no syncsafe numbers, as some programs write them."""
    content = b"\3" + b"k" * 200 + b"\0x"
    body = (b"TXXX" + struct.pack(">I", len(content)) + b"\0\0" + content) * count
    return b"ID3\4\0\0" + syncsafe(len(body)) + body


def mp3(tag: bytes) -> bytes:
    return tag + (b"\xff\xfb\x90\x64" + bytes(413)) * 5


def wav(after: bytes) -> bytes:
    return make.wav(bytes(4000), after=after)


def info(count: int) -> bytes:
    items = b"".join(make.chunk(b"%04d" % (number % 10_000), b"xy") for number in range(count))
    return make.chunk(b"LIST", b"INFO" + items)


def aiff(count: int) -> bytes:
    song = make.sound_file(make.music(0.1), 44100, "AIFF")
    tag = id3(count)
    return song + b"ID3 " + struct.pack(">I", len(tag)) + tag


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


FTYP = box(b"ftyp", b"M4A \0\0\0\0")


def mp4(*boxes: bytes) -> bytes:
    return FTYP + box(b"moov", b"".join(boxes))


def ilst(count: int) -> bytes:
    tag = box(b"----", box(b"name", bytes(4) + b"n") + box(b"data", b"\0\0\0\1" + bytes(4) + b"x"))
    hdlr = box(b"hdlr", bytes(8) + b"mdir" + bytes(12))
    return mp4(box(b"udta", box(b"meta", bytes(4) + hdlr + box(b"ilst", tag * count))))


def keys(count: int) -> bytes:
    names = b"".join(box(b"mdta", b"%06d" % number) for number in range(count))
    return mp4(box(b"meta", box(b"hdlr") + box(b"keys", struct.pack(">II", 0, count) + names)))


def udta(count: int) -> bytes:
    return mp4(box(b"udta", box(b"\xa9nam", b"\0\1\0\0x") * count))


def element(name: int, content: bytes) -> bytes:
    size = len(content) | 1 << 56
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size.to_bytes(8, "big") + content


EBML = element(0x1A45DFA3, element(0x4282, b"matroska"))


def simple_tags(count: int) -> bytes:
    tags = [
        element(0x67C8, element(0x45A3, b"K%06d" % number) + element(0x4487, b"x"))
        for number in range(count)
    ]
    return element(0x1254C367, element(0x7373, b"".join(tags)))


def matroska(count: int) -> bytes:
    return EBML + element(0x18538067, simple_tags(count))


def matroska_hidden(count: int) -> bytes:
    """Tags in a Void, to which FFmpeg comes where an element before it is broken."""
    return EBML + element(0x18538067, element(0xEC, b"\0" * 70_000 + simple_tags(count)))


def matroska_pointed_to(count: int) -> bytes:
    """Tags in a cluster, to which a SeekHead leads."""
    place = 100
    seek = element(0x53AB, b"\x12\x54\xc3\x67") + element(0x53AC, place.to_bytes(2, "big"))
    head = element(0x114D9B74, element(0x4DBB, seek))
    cluster = element(0x1F43B675, bytes(place - len(head) - 12) + simple_tags(count))
    return EBML + element(0x18538067, head + cluster)


def chapters(count: int) -> bytes:
    atoms = element(0xB6, element(0x73C4, b"\1")) * count
    return EBML + element(0x18538067, element(0x1043A770, element(0x45B9, atoms)))


def ape(count: int) -> bytes:
    items = b"".join(struct.pack("<II", 1, 0) + b"K%06d\0x" % number for number in range(count))
    footer = b"APETAGEX" + struct.pack("<IIII", 2000, len(items) + 32, count, 0) + bytes(8)
    return mp3(b"") + items + footer


def asf(count: int) -> bytes:
    header = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
    name = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")
    items = b"".join(
        struct.pack("<H", 14) + f"{number:06}".encode("utf-16-le") + b"\0\0\0\0\2\0x\0"
        for number in range(count)
    )
    tags = name + struct.pack("<QH", 26 + len(items), count) + items
    return header + struct.pack("<QIH", 30 + len(tags), 1, 0x0201) + tags


def caf(count: int) -> bytes:
    items = b"".join(b"K%06d\0x\0" % number for number in range(count))
    content = struct.pack(">I", count) + items
    return b"caff\0\1\0\0" + b"info" + struct.pack(">q", len(content)) + content


def flv(count: int) -> bytes:
    items = b"".join(b"\0\7K%06d\1\1" % number for number in range(count))
    content = b"\2\0\x0aonMetaData\x08" + struct.pack(">I", count) + items + b"\0\0\x09"
    return b"FLV\1\4\0\0\0\x09\0\0\0\0\x12" + len(content).to_bytes(3, "big") + bytes(7) + content


def w64(count: int, *, before: bool = True) -> bytes:
    """Sony Wave64 with a list of tags before or behind the samples."""
    rest = "f3acd3118cd100c04f8edb8a"
    song = make.sound_file(make.music(0.1), 44100, "W64")
    items = b"".join(b"%04x" % number + struct.pack("<I", 2) + b"x\0" for number in range(count))
    content = struct.pack("<I", count) + items
    content += bytes(-len(content) % 8)
    name = bytes.fromhex("bc945f925a52d21186dc00c04f8edb8a")
    tags = name + struct.pack("<q", 24 + len(content)) + content
    at = song.index(b"data" + bytes.fromhex(rest)) if before else len(song)
    return song[:at] + tags + song[at:]


TAGGED: dict[str, Callable[[int], bytes]] = {
    "FLAC": flac,
    "FLAC, many lists": flac_in_blocks,
    "Opus": opus,
    "Vorbis": vorbis,
    "Vorbis, among the sound": vorbis_midway,
    "Speex": speex,
    "FLAC in Ogg": flac_in_ogg,
    "MP3, ID3v2.2": lambda count: mp3(id3(count, 2)),
    "MP3, ID3v2.3": lambda count: mp3(id3(count, 3)),
    "MP3, ID3v2.4": lambda count: mp3(id3(count)),
    "MP3, long frames": lambda count: mp3(id3_of_long_frames(count)),
    "MP3, several tags": lambda count: mp3(id3(100) * (count // 100)),
    "MP3, APE tag": ape,
    "WAV, LIST": lambda count: wav(info(count)),
    "WAV, many LISTs": lambda count: wav(info(100) * (count // 100)),
    "WAV, id3": lambda count: wav(make.chunk(b"id3 ", id3(count))),
    "W64": w64,
    "W64, behind the samples": lambda count: w64(count, before=False),
    "AIFF": aiff,
    "MP4, ilst": ilst,
    "MP4, keys": keys,
    "MP4, udta": udta,
    "Matroska": matroska,
    "Matroska, hidden": matroska_hidden,
    "Matroska, in a cluster": matroska_pointed_to,
    "Matroska, chapters": chapters,
    "ASF": asf,
    "CAF": caf,
    "FLV": flv,
}


@pytest.fixture
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("FFmpeg saw the file")

    monkeypatch.setattr(av, "open", opened)


@pytest.mark.usefixtures("unopened")
@pytest.mark.parametrize("name", TAGGED)
def test_a_file_of_many_tags_is_refused_before_ffmpeg_sees_it(name: str) -> None:
    data = TAGGED[name](min(MANY, 60_000 if name == "ASF" else MANY))
    for allowed in (AUDIO, VIDEO):
        file = Counted(data)
        with pytest.raises(MediaError, match=f"more than {MOST_TAGS} tags"):
            open_input(file, allowed)
        assert file.taken < 3 * len(data) + 100_000


@pytest.mark.parametrize("name", TAGGED)
def test_tags_of_an_honest_file_pass(name: str) -> None:
    file = io.BytesIO(TAGGED[name](100))
    file.seek(3)
    check_heads(file)
    assert file.tell() == 3


def test_every_door_to_ffmpeg_refuses_them(tmp_path: Path) -> None:
    path = tmp_path / "many.flac"
    path.write_bytes(flac(MANY))
    with pytest.raises(MediaError, match="more than 2000 tags"):
        read_tags(path)
    with pytest.raises(MediaError, match="more than 2000 tags"):
        decode(io.BytesIO(opus(MANY)))


@pytest.mark.parametrize("before", [True, False])
def test_ffmpeg_reads_the_tags_of_w64_that_are_counted(before: bool) -> None:
    with open_input(io.BytesIO(w64(5, before=before)), AUDIO) as container:
        assert container.format.name == "w64"
        assert len([name for name in container.metadata if name.startswith("000")]) == 5


@pytest.mark.parametrize(
    "data",
    [
        b".RMF\0\0\0\x12\0\0" + bytes(4000),
        bytes.fromhex("060e2b34020501010d01020101020400830000780001000200000001") + bytes(4000),
    ],
    ids=["RealMedia", "MXF"],
)
def test_containers_whose_tags_are_not_counted_are_not_read(data: bytes, tmp_path: Path) -> None:
    for allowed in (AUDIO, VIDEO):
        with pytest.raises(ArgumentError):
            open_input(io.BytesIO(data), allowed)
    path = tmp_path / "clip.mxf"
    path.write_bytes(data)
    with pytest.raises(MediaError):
        picture_length(path)


# Claims


def track(*tables: bytes, kind: bytes = b"vide", edits: bytes = b"") -> bytes:
    hdlr = box(b"hdlr", bytes(8) + kind + bytes(12))
    media = box(b"mdia", hdlr + box(b"minf", box(b"stbl", b"".join(tables))))
    return mp4(box(b"trak", (box(b"edts", edits) if edits else b"") + media))


def table(name: bytes, *numbers: int) -> bytes:
    return box(name, bytes(4) + struct.pack(f">{len(numbers)}I", *numbers))


FRAMES = 20_000_000
CLAIMS = {
    "frames of one size": track(table(b"stsz", 1, FRAMES)),
    "frames in a table": track(table(b"stsz", 0, FRAMES, 1, 1)),
    "times": track(table(b"stts", FRAMES, 1, 1)),
    "shifts": track(table(b"ctts", FRAMES, 1, 1)),
    "chunks": track(table(b"stco", FRAMES, 1)),
    "long chunks": track(table(b"co64", FRAMES, 1)),
    "frames in chunks": track(table(b"stsc", 1, 1, FRAMES, 1), table(b"stco", 1, 9)),
    "samples of PCM": track(
        table(b"stts", 1, FRAMES, 1), table(b"stsz", 1, FRAMES), kind=b"soun"
    ),
    "PCM in chunks": track(
        table(b"stts", 1, FRAMES, 1),
        table(b"stsc", 1, 1, FRAMES, 1),
        table(b"stco", 9, *[1] * 9),
        kind=b"soun",
    ),
    "edits": track(edits=table(b"elst", FRAMES, 1, 1, 1)),
    "edits, each of all frames": track(
        table(b"stsz", 1, 30_000), edits=table(b"elst", 1000, *[1] * 3000)
    )
    + bytes(30_000),
    "fragments": FTYP + box(b"moof", box(b"traf", table(b"trun", FRAMES))),
    "millions of frames": track(table(b"stsz", 1, 5_000_000)) + bytes(5_000_000),
    "packets of CAF": b"caff\0\1\0\0pakt" + struct.pack(">qqqii", 24, FRAMES, 0, 0, 0),
    "boxes": FTYP + box(b"free") * 250_000,
}  # fmt: skip


@pytest.mark.usefixtures("unopened")
@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_that_does_not_fit_the_file_is_refused(name: str) -> None:
    with pytest.raises(MediaError, match=r"claims|more than"):
        open_input(io.BytesIO(CLAIMS[name]), VIDEO)


def test_a_compressed_head_is_counted_too() -> None:
    import zlib

    moov = CLAIMS["frames of one size"][len(FTYP) :]
    packed = struct.pack(">I", len(moov)) + zlib.compress(moov)
    data = mp4(box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", packed)))
    with pytest.raises(MediaError, match="claims 20000000 frames"):
        check_heads(io.BytesIO(data))


@pytest.mark.parametrize("codec", ["pcm_s16le", "adpcm_ima_qt", "aac", "alac"])
def test_honest_claims_of_quicktime_pass(codec: str) -> None:
    try:
        data = make.av_file(np.zeros((2, 480_000), np.float32), 48000, "mov", codec)
    except Exception:
        pytest.skip(f"PyAV cannot write {codec}")
    with open_input(io.BytesIO(data), AUDIO) as container:
        assert sum(1 for _ in container.demux(audio=0)) > 1


DOORS: dict[str, Callable[[Path], object]] = {
    "decode": lambda clip: decode(io.BytesIO(clip.read_bytes())),
    "measure": picture_length,
    "copy": lambda clip: add_soundtrack(
        clip, clip.with_name("made.mkv"), np.zeros((2, 96_000), np.float32), 48000
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_packets_are_counted_while_they_are_read(
    door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", 60, sound=noise(2.0))
    monkeypatch.setattr(ffmpeg, "MOST_FRAMES", 50)
    with pytest.raises(MediaError, match="more than 50 frames"):
        DOORS[door](clip)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]
