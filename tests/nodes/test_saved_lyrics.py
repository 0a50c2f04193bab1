"""Save Audio writes the words that are sung beside the audio, into its tags and the manifest.

mutagen reads the tags. It shares no code with the pack.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ...audio.arrays import MediaError
from ...music.timed_words import TimedWord, words_json
from .test_nodes import Node
from .test_saved_loops import files, save

AUDIO = {"waveform": torch.zeros(1, 1, 5 * 24_000), "sample_rate": 24_000}
WORDS = [
    TimedWord("Rain", 0.5, 0.9, 1, 0),
    TimedWord("falls,", 1.0, 1.75, 0.5, 0),
    TimedWord("再", 2.25, 2.5, 1, 1),
    TimedWord("见", 2.5, 3.0, 1, 1),
    TimedWord("unheard", 6.0, 7.0, 1, 2),
]
LRC = "[00:00.50]Rain falls,\n[00:02.25]再见\n[00:03.00]\n"
LINES = "Rain falls,\n再见"


async def saved(node: Node, format: str, lyrics: str = "", **more: Any) -> Path:
    return await save(node, AUDIO, format, lyrics=lyrics or words_json(WORDS), **more)


def files_of(path: Path) -> set[str]:
    """The endings of the audio file and of the files beside it."""
    return {file.suffix for file in files(path.parent) if file.stem == path.stem}


@pytest.mark.parametrize("format", ["flac", "mp3"])
async def test_lrc_and_srt_lie_beside_the_audio(format: str, node: Node, output: Path) -> None:
    path = await saved(node, format)
    assert path.with_suffix(".lrc").read_text("utf-8") == LRC
    pysubs2 = pytest.importorskip("pysubs2", reason="pysubs2 is not installed")
    read = pysubs2.load(str(path.with_suffix(".srt")), encoding="utf-8")
    assert [(each.start, each.plaintext) for each in read] == [(500, "Rain falls,"), (2250, "再见")]


@pytest.mark.parametrize("format", ["flac", "opus", "ogg"])
async def test_vorbis_comments_have_the_lines_with_their_times(
    format: str, node: Node, output: Path
) -> None:
    mutagen = pytest.importorskip("mutagen", reason="mutagen is not installed")
    assert mutagen.File(await saved(node, format))["lyrics"] == [LRC]


@pytest.mark.parametrize("format", ["mp3", "wav"])
async def test_id3_has_the_lines_and_the_time_of_each_word(
    format: str, node: Node, output: Path
) -> None:
    mutagen = pytest.importorskip("mutagen", reason="mutagen is not installed")
    tags = mutagen.File(await saved(node, format)).tags
    (lines,) = tags.getall("USLT")
    assert (lines.lang, lines.desc, lines.text) == ("und", "", LINES)
    (timed,) = tags.getall("SYLT")
    assert (timed.lang, timed.format, timed.type) == ("und", 2, 1)
    assert timed.text == [
        *(("Rain ", 500), ("falls,", 1000), ("", 1750)),
        *(("\n再", 2250), ("见", 2500), ("", 3000)),
    ]


async def test_new_lyrics_replace_those_of_a_delivered_mp3(node: Node, output: Path) -> None:
    mutagen = pytest.importorskip("mutagen", reason="mutagen is not installed")
    first = await saved(node, "mp3", "[00:01.00]old words")
    from ...audio.retag import retag

    again = first.with_name("again.mp3")
    retag(first, again, {"LYRICS": LRC})
    tags = mutagen.File(again).tags
    assert [frame.text for frame in tags.getall("USLT")] == [LINES]
    assert [text for (frame,) in [tags.getall("SYLT")] for text, _ in frame.text][:2] == [
        "Rain falls,",
        "\n再见",
    ]
    kept = first.with_name("kept.mp3")
    retag(first, kept, {"title": "x"})
    assert [frame.text for frame in mutagen.File(kept).tags.getall("USLT")] == ["old words"]


async def test_the_manifest_names_the_lyrics(node: Node, output: Path) -> None:
    path = await saved(node, "flac", name="song")
    entry = next(
        each
        for each in json.loads(path.with_name("manifest.json").read_text("utf-8"))["files"]
        if each["file"] == path.name
    )
    assert entry["lyrics"] == f"{path.stem}.lrc"
    assert {f"{path.stem}.lrc", f"{path.stem}.srt"} < entry["sha256"].keys()
    again = await saved(node, "flac", "[]", name="song", overwrite=True)
    assert again == path
    assert files_of(path) == {path.suffix}


async def test_words_come_as_lrc_or_srt_too(node: Node, output: Path) -> None:
    path = await saved(node, "flac", LRC)
    assert path.with_suffix(".lrc").read_text("utf-8") == LRC
    path = await saved(node, "flac", "1\n00:00:00,500 --> 00:00:02,000\nRain falls,\n")
    text = path.with_suffix(".lrc").read_text("utf-8")
    assert text == "[00:00.50]Rain falls,\n[00:02.00]\n"


@pytest.mark.parametrize("lyrics", [" ", "[]", "[00:07.00]late"])
async def test_no_lyrics_and_lyrics_behind_the_end_leave_no_files(
    lyrics: str, node: Node, output: Path
) -> None:
    assert files_of(await saved(node, "flac", lyrics)) == {".flac"}


async def test_words_without_times_are_refused_before_a_file_is_written(
    node: Node, output: Path
) -> None:
    before = files(output)
    with pytest.raises(MediaError, match="connect Timed Lyrics"):
        await saved(node, "flac", "[verse]\nRain falls")
    assert files(output) == before
