"""A file is passed on as a format only if its content is that format, whatever it is called."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ...audio.formats import Format
from ...audio.retag import format_of
from . import make

SONG = make.music(1, sample_rate=48000)
ID3 = make.id3_with_cover(b"\xff\xd8\xff\xfb" * 3000)


def av(format: str, codec: str) -> bytes:
    return make.av_file(SONG, 48000, format, codec)


def sound(format: str, subtype: str | None = None) -> bytes:
    return make.sound_file(SONG, 48000, format, subtype)


def with_align(align: int) -> bytes:
    data = bytearray(sound("WAV"))
    struct.pack_into("<H", data, 32, align)
    return bytes(data)


PASSED_ON: dict[str, tuple[Format, Callable[[], bytes]]] = {
    "FLAC": (Format.FLAC, lambda: sound("FLAC")),
    "FLAC behind ID3": (Format.FLAC, lambda: ID3 + sound("FLAC")),
    "WAV": (Format.WAV, lambda: sound("WAV")),
    "float WAV": (Format.WAV, lambda: sound("WAV", "FLOAT")),
    "MP3": (Format.MP3, lambda: av("mp3", "libmp3lame")),
    "MP3 behind ID3": (Format.MP3, lambda: ID3 + make.without_xing(av("mp3", "libmp3lame"))),
    "Opus": (Format.OPUS, lambda: av("opus", "libopus")),
    "Vorbis": (Format.OGG, lambda: sound("OGG")),
}
ENCODED: dict[str, Callable[[], bytes]] = {
    "AAC": lambda: av("adts", "aac"),
    "AAC behind ID3": lambda: ID3 + av("adts", "aac"),
    "MP2": lambda: av("mp2", "mp2"),
    "MP2 behind ID3": lambda: ID3 + av("mp2", "mp2"),
    "AC-3": lambda: av("ac3", "ac3"),
    "M4A": lambda: av("ipod", "aac"),
    "AU": lambda: sound("AU"),
    "CAF": lambda: sound("CAF"),
    "AIFF": lambda: sound("AIFF"),
    "W64": lambda: sound("W64"),
    "FLAC in Ogg": lambda: av("ogg", "flac"),
    "Opus behind ID3": lambda: ID3 + av("opus", "libopus"),
    "Opus in WebM": lambda: av("webm", "libopus"),
    "MP3 in WAV": lambda: av("wav", "libmp3lame"),
    "ADPCM in WAV": lambda: sound("WAV", "MS_ADPCM"),
    "mu-law in WAV": lambda: sound("WAV", "ULAW"),
    "RF64": lambda: sound("RF64"),
    "BW64": lambda: b"BW64" + sound("RF64")[4:],
    "WAV with a wrong block align": lambda: with_align(2),
    "truncated WAV": lambda: sound("WAV")[:-1000],
    "text": lambda: b"not found " * 100,
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", PASSED_ON)
def test_a_file_of_a_format_is_told_from_its_content(name: str, tmp_path: Path) -> None:
    format, content = PASSED_ON[name]
    (tmp_path / "track.bin").write_bytes(content())
    assert format_of(tmp_path / "track.bin") is format


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODED)
def test_any_other_file_is_of_no_format(name: str) -> None:
    assert format_of(ENCODED[name]()) is None
