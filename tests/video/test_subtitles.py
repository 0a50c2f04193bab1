"""Subtitles in a clip: a track of text that a player can show, beside an unchanged picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from av.subtitles.codeccontext import SubtitleCodecContext

from ...audio.arrays import MediaError
from ...music.timed_words import TimedWord, subtitles
from ...video import encoders
from ...video.soundtrack import add_soundtrack
from .make import make_clip, noise, picture_hashes, picture_stamps

WORDS = [
    TimedWord("Rain", 0.5, 0.7, 1, 0),
    TimedWord("<3", 0.75, 1.0, 1, 0),
    TimedWord("再见,", 2.25, 2.5, 1, 1),
    TimedWord("& 🎵", 2.5, 3.4, 1, 1),
    TimedWord("unseen", 9.0, 9.5, 1, 2),
]
SHOWN = [(500, "Rain <3"), (2250, "再见, & 🎵")]
CODECS = {".mp4": "mov_text", ".mov": "mov_text", ".avi": "subrip", ".webm": "webvtt"}

has_subtitles = pytest.mark.skipif(
    not hasattr(SubtitleCodecContext, "subtitle_header"), reason="this PyAV cannot write subtitles"
)


@has_subtitles
@pytest.mark.parametrize("suffix", CODECS)
def test_a_track_of_text_lies_beside_the_same_picture(
    suffix: str, tmp_path: Path, probe: Callable[..., dict], ffmpeg: Callable[..., bytes]
) -> None:
    pysubs2 = pytest.importorskip("pysubs2", reason="pysubs2 is not installed")
    # VP8 in AVI comes out as MKV: MP4 does not hold it.
    codec = "libvpx" if suffix == ".avi" else ""
    clip = make_clip(tmp_path / f"clip{suffix}", 75, 25, codec=codec)
    made = add_soundtrack(clip, tmp_path / "made", noise(3.0), 48000, subtitles=subtitles(WORDS))
    assert picture_hashes(made.path) == picture_hashes(clip)
    plain = add_soundtrack(clip, tmp_path / "plain", noise(3.0), 48000)
    assert picture_stamps(made.path) == picture_stamps(plain.path)
    found = {stream["codec_type"]: stream for stream in probe(made.path)["streams"]}
    assert found.keys() == {"video", "audio", "subtitle"}
    assert found["subtitle"]["codec_name"] == CODECS[suffix]
    assert "after the end of the picture were left out: 1." in " ".join(made.report)
    # Without `-copyts` FFmpeg begins with the first packet, which may be a sound before 0.
    shown = ("-copyts", "-i", str(made.path), "-map", "0:s", "-f", "srt", "-")
    read = pysubs2.SSAFile.from_string(ffmpeg("-v", "error", *shown).decode(), format_="srt")
    assert [(each.start, each.plaintext) for each in read] == SHOWN
    assert read[-1].end == pytest.approx(3000, abs=40)


@has_subtitles
def test_the_track_comes_after_those_of_the_clip(
    tmp_path: Path, ffmpeg: Callable[..., bytes], probe: Callable[..., dict]
) -> None:
    clip, words, both = make_clip(tmp_path / "a.mp4", 60), tmp_path / "w.srt", tmp_path / "b.mkv"
    words.write_text("1\n00:00:00,500 --> 00:00:01,500\nHello\n")
    ffmpeg("-v", "error", "-i", str(clip), "-i", str(words), "-c:v", "copy", str(both))
    made = add_soundtrack(both, tmp_path / "made", noise(2.0), 48000, subtitles=subtitles(WORDS))
    streams = probe(made.path)["streams"]
    titles = [each["tags"].get("title") for each in streams if each["codec_type"] == "subtitle"]
    assert titles == [None, "Lyrics"]


def test_a_pyav_without_subtitles_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 30)

    class Old:
        codec_context = object()

    class Output:
        def add_stream(self, codec: str) -> Old:
            return Old()

    with pytest.raises(MediaError, match="cannot write subtitles: expected a newer one"):
        encoders.add_subtitles(Output(), "mov_text")  # type: ignore[arg-type]
    made = add_soundtrack(clip, tmp_path / "made", noise(1.0), 48000)
    with av.open(str(made.path)) as container:
        assert not container.streams.subtitles
