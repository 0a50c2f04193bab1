"""Tags go in without touching the audio, and the frontend restores the graph from them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import torch

from ...audio.arrays import MediaError
from ...audio.containers.ogg import checksum, read_pages
from ...audio.decode import decode
from ...audio.retag import retag
from ...files.sniff import id3v2_size
from . import frontend, make
from .tag_reader import read_tags

GRAPH = {
    "prompt": json.dumps({"1": {"class_type": "X", "inputs": {"text": "Ünïcödé {} \0 }"}}}),
    "workflow": json.dumps({"nodes": [{"id": 1, "title": "}{"}], "version": 0.4}),
}
RECEIPT = {"title": "Übung Nº 5", "comment": "made for a test", "model": "ace-step", "take": "7"}


def music() -> make.Samples:
    return make.on_grid(make.music(1, sample_rate=48000))


FILES: dict[str, Callable[[], bytes]] = {
    "mp3": lambda: make.mp3(music(), 48000),
    "mp3 without tags": lambda: make.without_xing(make.mp3(music(), 48000)),
    "mp3 with cover": lambda: (
        make.id3_with_cover(b"\xff\xd8\xff\xfb" * 3000) + make.mp3(music(), 48000)[45:]
    ),
    "flac": lambda: make.sound_file(music(), 48000, "FLAC"),
    "flac by FFmpeg": lambda: make.av_file(music(), 48000, "flac", "flac"),
    "opus": lambda: make.av_file(music(), 48000, "opus", "libopus"),
    "vorbis": lambda: make.sound_file(music(), 48000, "OGG"),
    "wav": lambda: make.sound_file(music(), 48000, "WAV"),
}
READERS = {
    "mp3": frontend.from_mp3,
    "flac": frontend.from_flac,
    "opus": frontend.from_ogg,
    "vorbis": frontend.from_ogg,
}
every_file = pytest.mark.parametrize("name", FILES)
every_readable = pytest.mark.parametrize("name", [name for name in FILES if name != "wav"])


def audio(data: bytes) -> torch.Tensor:
    return decode(io.BytesIO(data))[0]


@every_file
def test_tags_come_back(name: str, tmp_path: Path) -> None:
    data = FILES[name]()
    path = tmp_path / "tagged"
    assert retag(data, path, {**RECEIPT, **GRAPH}) == ()
    tags = read_tags(path)
    assert {key: tags[key].rstrip(" ") for key in (*RECEIPT, *GRAPH)} == {**RECEIPT, **GRAPH}


@pytest.mark.slow
@every_file
def test_the_audio_stays_as_it_is(name: str, tmp_path: Path) -> None:
    data = FILES[name]()
    retag(data, tmp_path / "tagged", {**RECEIPT, **GRAPH})
    assert torch.equal(audio((tmp_path / "tagged").read_bytes()), audio(data))


@pytest.mark.parametrize("name", ["mp3", "mp3 with cover"])
def test_an_mp3_is_the_same_to_the_byte_behind_its_tag(name: str, tmp_path: Path) -> None:
    data = FILES[name]()
    retag(data, tmp_path / "tagged", GRAPH)
    tagged = (tmp_path / "tagged").read_bytes()
    assert tagged[id3v2_size(tagged) :] == data[id3v2_size(data) :]


@every_readable
def test_the_frontend_restores_the_graph(name: str, tmp_path: Path) -> None:
    retag(FILES[name](), tmp_path / "tagged", {**RECEIPT, **GRAPH})
    assert READERS[name.split()[0]]((tmp_path / "tagged").read_bytes()) == GRAPH


@pytest.mark.parametrize("name", ["mp3", "flac"])
def test_a_large_graph_is_restored(name: str, tmp_path: Path) -> None:
    graph = {key: json.dumps({"nodes": ["é" * 100_000]}) for key in GRAPH}
    assert retag(FILES[name](), tmp_path / "tagged", graph) == ()
    assert READERS[name]((tmp_path / "tagged").read_bytes()) == graph


@pytest.mark.slow
@every_file
def test_other_programs_read_the_title(name: str, tmp_path: Path) -> None:
    retag(FILES[name](), tmp_path / "tagged", {**GRAPH, **RECEIPT})
    with av.open(str(tmp_path / "tagged")) as container:
        found = {**container.metadata, **container.streams.audio[0].metadata}
    if name != "wav":
        titles = {key.lower(): value for key, value in found.items()}
        assert titles["title"] == RECEIPT["title"]


@pytest.mark.slow
@every_file
def test_tags_of_the_same_name_are_replaced_and_others_stay(name: str, tmp_path: Path) -> None:
    retag(FILES[name](), tmp_path / "once", {"title": "one", "model": "a"})
    retag(tmp_path / "once", tmp_path / "twice", {"title": "two", "take": "3"})
    tags = read_tags(tmp_path / "twice")
    assert (tags["title"], tags["model"], tags["take"]) == ("two", "a", "3")
    assert torch.equal(
        audio((tmp_path / "twice").read_bytes()), audio((tmp_path / "once").read_bytes())
    )


def test_cover_art_stays_behind_the_graph(tmp_path: Path) -> None:
    data = FILES["mp3 with cover"]()
    retag(data, tmp_path / "tagged", GRAPH)
    tagged = (tmp_path / "tagged").read_bytes()
    assert b"\xff\xd8\xff\xfb" * 3000 in tagged
    assert tagged.index(b"workflow\0") < tagged.index(b"APIC")
    assert read_tags(tagged)["title"] == "Old title"


# Ogg


@pytest.mark.slow
@pytest.mark.parametrize("name", ["opus", "vorbis"])
@pytest.mark.parametrize("length", [10, 64_000, 200_000])
def test_every_ogg_page_is_valid_whatever_the_tags_take(
    name: str, length: int, tmp_path: Path
) -> None:
    data = FILES[name]()
    retag(data, tmp_path / "tagged", {"lyrics": "x" * length})
    tagged = (tmp_path / "tagged").read_bytes()
    file = io.BytesIO(tagged)
    start = 0
    for number, page in enumerate(read_pages(file)):
        raw = tagged[start : file.tell()]
        assert page.sequence == number
        assert checksum(raw[:22] + bytes(4) + raw[26:]) == int.from_bytes(raw[22:26], "little")
        start = file.tell()
    assert torch.equal(audio(tagged), audio(data))
    # And back again.
    retag(tagged, tmp_path / "small", {"lyrics": "x"})
    assert torch.equal(audio((tmp_path / "small").read_bytes()), audio(data))


def test_the_ogg_checksum_is_the_one_in_real_files() -> None:
    data = FILES["opus"]()
    file = io.BytesIO(data)
    next(read_pages(file))
    page = data[: file.tell()]
    assert checksum(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")


@pytest.mark.parametrize(
    ("workflow", "prompt", "dropped"),
    [
        (30_000, 30_000, ()),
        (60_000, 60_000, ("prompt",)),
        (70_000, 100, ("prompt", "workflow")),
    ],
)
def test_a_graph_too_large_for_an_ogg_page_is_left_out_and_said(
    workflow: int, prompt: int, dropped: tuple[str, ...], tmp_path: Path
) -> None:
    graph = {
        "prompt": json.dumps({"p": "x" * prompt}),
        "workflow": json.dumps({"w": "x" * workflow}),
    }
    assert retag(FILES["opus"](), tmp_path / "tagged", {**graph, **RECEIPT}) == dropped
    tagged = (tmp_path / "tagged").read_bytes()
    kept = {key: value for key, value in graph.items() if key not in dropped}
    assert frontend.from_ogg(tagged) == kept
    assert read_tags(tagged)["model"] == "ace-step"


@pytest.mark.parametrize("length", [0x7D, 0x17D, 0x7D00, 0x7D05, 0x7D7D])
def test_a_length_that_looks_like_a_brace_does_not_break_the_graph(
    length: int, tmp_path: Path
) -> None:
    for following in ("prompt", "note"):
        value = json.dumps({"p": ""})
        value = value[:-2] + "x" * (length - len(f"{following}={value}")) + value[-2:]
        tags = {"workflow": GRAPH["workflow"], following: value}
        path = tmp_path / f"{following}"
        retag(FILES["opus"](), path, tags)
        assert frontend.from_ogg(path.read_bytes())["workflow"] == GRAPH["workflow"]


# WAV


def test_a_streamed_wav_gets_true_lengths_when_it_is_tagged(tmp_path: Path) -> None:
    samples = make.on_grid(make.music(0.1))
    pcm = (samples.T * 2**15).astype("<i2").tobytes()
    retag(make.wav(pcm, declared=0xFFFFFFFF), tmp_path / "tagged", RECEIPT)
    tagged = (tmp_path / "tagged").read_bytes()
    assert int.from_bytes(tagged[4:8], "little") == len(tagged) - 8
    assert torch.equal(audio(tagged), make.tensor(samples))


def test_other_chunks_of_a_wav_stay(tmp_path: Path) -> None:
    extra = make.chunk(b"bext", b"odd length")
    retag(make.wav(bytes(400), after=extra), tmp_path / "tagged", RECEIPT)
    assert extra in (tmp_path / "tagged").read_bytes()


# Whole or not at all


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", bytes(100), make.av_file(make.music(0.2), 44100, "ipod", "aac")],
    ids=["empty", "text", "zeros", "m4a"],
)
def test_what_cannot_be_tagged_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be tagged"):
        retag(data, tmp_path / "tagged", RECEIPT)
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        retag(FILES["mp3"](), path, RECEIPT)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_without_hard_links_nothing_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError("no links on this file system")

    monkeypatch.setattr("os.link", no_links)
    retag(FILES["mp3"](), tmp_path / "new", RECEIPT)
    assert read_tags(tmp_path / "new")["model"] == "ace-step"
    with pytest.raises(FileExistsError):
        retag(FILES["mp3"](), tmp_path / "new", RECEIPT)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
