"""XMP in MP3, WAV and MP4: where it stands, what stays as it was, and files that lie about it."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
import torch

from ...audio.containers.xmp import append_xmp, build_xmp, facts_of, read_xmp
from ...audio.decode import decode
from ...audio.encode import encode
from ...audio.formats import DEFAULT_QUALITY, Encoding, Format
from ...audio.retag import retag
from . import make, tag_reader

FACTS = {"Iptc4xmpExt:DigitalSourceType": "http://example.com/a", "dc:title": "Ä & <b> \"c\" 'd'"}
PACKET = build_xmp(FACTS)
OTHER = build_xmp({"dc:title": "another"})
HOLDING = {
    "mp3": lambda: make.av_file(make.music(0.3), 44100, "mp3", "libmp3lame"),
    "wav": lambda: make.wav(bytes(4000)),
}


def read(path: Path) -> str:
    with path.open("rb") as file:
        return read_xmp(file)


def test_facts_come_back() -> None:
    assert facts_of(PACKET) == FACTS


@pytest.mark.parametrize(
    ("packet", "facts"),
    [
        ("<a dc:format='audio/mpeg' xmp:Rating=\"3\">", {"dc:format": "audio/mpeg"}),
        ("<dc:title>a</dc:title><dc:title>b</dc:title>", {"dc:title": "a"}),
        ("<dc:title>never closed", {}),
        ("", {}),
        ("\0\x01", {}),
    ],
)
def test_any_text_is_read(packet: str, facts: dict[str, str]) -> None:
    found = facts_of(packet)
    assert {name: found.get(name) for name in facts} == facts


def test_a_character_that_xml_forbids_is_left_out() -> None:
    assert facts_of(build_xmp({"dc:title": "a\x00b\x0cc\ud800"})) == {"dc:title": "abc"}


def test_a_packet_of_many_facts_is_read_in_bounds() -> None:
    assert len(facts_of("".join(f"<dc:a{number}>x</dc:a>" for number in range(10_000)))) <= 50


@pytest.mark.parametrize("kind", HOLDING)
def test_a_tagged_file_has_one_packet_and_the_same_audio(kind: str, tmp_path: Path) -> None:
    data = HOLDING[kind]()
    retag(data, tmp_path / "one", {"xmp": OTHER, "title": "t"})
    retag(tmp_path / "one", tmp_path / "two", {"xmp": PACKET})
    assert read(tmp_path / "one") == OTHER
    assert read(tmp_path / "two") == PACKET
    written = (tmp_path / "two").read_bytes()
    assert written.count(b"x:xmpmeta xmlns") == 1
    assert torch.equal(decode(io.BytesIO(written))[0], decode(io.BytesIO(data))[0])
    assert tag_reader.read_tags(written)["title"] == "t"


@pytest.mark.parametrize("kind", HOLDING)
def test_a_packet_stays_where_none_replaces_it(kind: str, tmp_path: Path) -> None:
    retag(HOLDING[kind](), tmp_path / "one", {"xmp": PACKET})
    retag(tmp_path / "one", tmp_path / "two", {"title": "t"})
    assert read(tmp_path / "two") == PACKET


@pytest.mark.parametrize("format", Format)
def test_a_new_file_holds_the_packet_where_its_format_has_a_place(
    format: Format, tmp_path: Path
) -> None:
    path = tmp_path / f"x{format.extension}"
    encoding = Encoding(format, DEFAULT_QUALITY[format])
    encode(torch.zeros(2, 9600), 48000, path, encoding, tags={"xmp": PACKET, "title": "t"})
    assert read(path) == (PACKET if format.value in HOLDING else "")
    assert tag_reader.read_tags(path)["title"] == "t"
    assert (b"xmpmeta" in path.read_bytes()) == (format.value in HOLDING)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


FTYP = box(b"ftyp", b"isom\0\0\0\0")


@pytest.mark.parametrize(
    "rest",
    [box(b"moov", b"a") + box(b"mdat", b"b"), struct.pack(">I4sQ", 1, b"mdat", 20) + b"long"],
    ids=["plain", "64 bits"],
)
def test_a_box_is_added_behind_all_others(rest: bytes) -> None:
    file = io.BytesIO(FTYP + rest)
    assert append_xmp(file, PACKET)
    assert file.getvalue().startswith(FTYP + rest)
    file.seek(0)
    assert read_xmp(file) == PACKET


@pytest.mark.parametrize(
    "data",
    [
        FTYP + struct.pack(">I", 0) + b"mdatto the end",
        FTYP + box(b"mdat", b"cut")[:-1],
        FTYP + struct.pack(">I", 3) + b"mdat",
        b"\x1aE\xdf\xa3 Matroska",
        b"",
    ],
    ids=["open", "cut", "broken", "Matroska", "empty"],
)
def test_another_file_is_left_as_it_is(data: bytes) -> None:
    file = io.BytesIO(data)
    assert not append_xmp(file, PACKET)
    assert file.getvalue() == data


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\0\0\0\0WAVE_PMX\xff\xff\xff\xff<dc:title>a</dc:title>",
        b"RIFF\0\0\0\0WAVE",
        b"ID3\x04\0\0\x7f\x7f\x7f\x7fPRIV\0\0\0\x04\0\0XMP\0",
        FTYP + box(b"uuid", b"short"),
        FTYP + struct.pack(">I4sQ", 1, b"uuid", 2**63),
        b"",
        b"RIFF",
    ],
)
def test_a_broken_file_has_no_packet_or_the_rest_of_one(data: bytes) -> None:
    assert read_xmp(io.BytesIO(data)) in ("", "<dc:title>a</dc:title>")


def test_readers_that_find_graphs_find_none_in_a_packet(tmp_path: Path) -> None:
    from .frontend import from_mp3

    packet = build_xmp({"Iptc4xmpExt:AIPromptInformation": 'prompt = {"a": 1}, workflow\n{}'})
    data = HOLDING["mp3"]()
    graph = {"prompt": '{"1": {}}', "workflow": '{"nodes": []}'}
    retag(data, tmp_path / "x", {**graph, "xmp": packet})
    assert from_mp3((tmp_path / "x").read_bytes()) == graph
    retag(data, tmp_path / "y", {"xmp": packet})
    assert from_mp3((tmp_path / "y").read_bytes()) == {}
