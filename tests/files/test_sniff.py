"""The first bytes of a file tell its container."""

from __future__ import annotations

import pytest

from ...files.sniff import Container, id3v2_size, sniff

MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(8)


def id3v2(content: bytes, *, footer: bool = False) -> bytes:
    size = bytes(len(content) >> shift & 0x7F for shift in (21, 14, 7, 0))
    flags = b"\x10" if footer else b"\0"
    return b"ID3\x04\0" + flags + size + content + (b"3DI" + bytes(7) if footer else b"")


@pytest.mark.parametrize(
    ("head", "container", "extension"),
    [
        (b"RIFF\x24\0\0\0WAVEfmt ", Container.WAV, "wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", Container.WAV, "wav"),
        (b"FORM\0\0\0\x24AIFFCOMM", Container.AIFF, "aiff"),
        (b"FORM\0\0\0\x24AIFCFVER", Container.AIFF, "aiff"),
        (b"fLaC\0\0\0\x22", Container.FLAC, "flac"),
        (b"OggS\0\x02", Container.OGG, "ogg"),
        (b"\x1aE\xdf\xa3\x01\0", Container.WEBM, "webm"),
        (b"\0\0\0\x20ftypM4A \0", Container.MP4, "m4a"),
        (MP3_FRAME, Container.MP3, "mp3"),
        (id3v2(bytes(30)) + MP3_FRAME, Container.MP3, "mp3"),
        (id3v2(bytes(30)), Container.MP3, "mp3"),
        (id3v2(bytes(300))[:100], Container.MP3, "mp3"),
        (id3v2(bytes(30)) + b"padding before the first frame", Container.MP3, "mp3"),
        (id3v2(bytes(30)) + b"fLaC\0\0\0\x22", Container.FLAC, "flac"),
        (id3v2(b"", footer=True) + id3v2(b"x") + b"fLaC", Container.FLAC, "flac"),
        (b"RIFF\x24\0\0\0AVI LIST", Container.UNKNOWN, "mp3"),
        (b"\xff\xf1\x50\x80", Container.UNKNOWN, "mp3"),
        (b"<html>", Container.UNKNOWN, "mp3"),
        (b"", Container.UNKNOWN, "mp3"),
    ],
)
def test_a_container_and_its_extension(head: bytes, container: Container, extension: str) -> None:
    assert sniff(head) is container
    assert sniff(memoryview(head)) is container
    assert container.extension == extension


def test_the_size_of_an_id3v2_tag_includes_header_and_footer() -> None:
    assert id3v2_size(id3v2(bytes(300))) == 310
    assert id3v2_size(id3v2(bytes(300), footer=True)) == 320
    assert id3v2_size(b"ID3\x04\0\0\0\0\x80\0") == 0
    assert id3v2_size(b"ID3") == 0
