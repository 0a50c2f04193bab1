"""A picture's length is counted from its packets."""

from __future__ import annotations

import io
import os
import socket
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ...audio.arrays import MediaError
from ...video.length import picture_length
from ..audio.test_hostile_files import PLAYLISTS
from .make import CODECS, RATES, make_clip, noise

STAMPS = [0, 33, 100, 300, 333, 700]


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("suffix", CODECS)
def test_frames_and_rate_are_exact_at_every_rate(tmp_path: Path, suffix: str, fps: Fraction):
    for frames in (1, 7, 40):
        length = picture_length(make_clip(tmp_path / f"clip{suffix}", frames, fps))
        assert (length.frames, length.fps, length.seconds) == (frames, fps, frames / fps)
        assert not length.variable


def test_sound_that_goes_on_is_not_picture(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", 30, 30, sound=noise(3.0))
    assert picture_length(clip).seconds == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_variable_rate_is_measured_by_time_stamps(tmp_path: Path, suffix: str):
    length = picture_length(make_clip(tmp_path / f"clip{suffix}", 6, 30, stamps=STAMPS))
    assert length.variable
    assert length.frames == 6
    # How long the last frame stays is the muxer's choice.
    assert 0.7 < length.seconds < 1.1
    assert length.fps == length.frames / length.seconds


def test_a_trim_window_is_counted(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", 96, 24)
    assert picture_length(clip, start=2.0).frames == 48
    assert picture_length(clip, start=1.0, duration=0.5).frames == 12
    assert picture_length(clip, start=3.5, duration=9.0).seconds == Fraction(1, 2)


def test_a_stream_of_bytes_is_read_from_its_beginning(tmp_path: Path):
    stream = io.BytesIO(make_clip(tmp_path / "clip.mp4", 12).read_bytes())
    stream.seek(100)
    assert picture_length(stream).frames == 12


def test_reference_frames_that_are_never_shown_do_not_count(tmp_path: Path):
    options = {"auto-alt-ref": "1", "lag-in-frames": "16", "arnr-maxframes": "3"}
    clip = make_clip(tmp_path / "clip.webm", 60, 30, codec="libvpx", options=options)
    assert picture_length(clip).frames == 60


def test_an_edit_list_hides_what_it_cuts_off(tmp_path: Path, ffmpeg):
    clip = make_clip(tmp_path / "clip.mp4", 60, 30)
    cut = tmp_path / "cut.mp4"
    ffmpeg("-v", "error", "-ss", "0.5", "-i", str(clip), "-c", "copy", str(cut))
    assert picture_length(cut).frames == 45


def _empty(folder: Path) -> Path:
    path = folder / "clip.mp4"
    path.write_bytes(b"")
    return path


def _cut_off(folder: Path) -> Path:
    path = make_clip(folder / "clip.mp4", 60)
    path.write_bytes(path.read_bytes()[:-600])
    return path


def _cut_off_in_the_picture(folder: Path) -> Path:
    # The index lies before the pictures here, so the file can still be opened.
    first = {"movflags": "faststart"}
    path = make_clip(folder / "clip.mp4", 90, container_options=first)
    data = path.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")
    path.write_bytes(data[: -len(data) // 8])
    return path


def _sound_alone(folder: Path) -> Path:
    import soundfile

    path = folder / "sound.wav"
    soundfile.write(path, noise(0.5).T, 48000)
    return path


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder / "none.mp4", "no file"),
        (_empty, "cannot be read"),
        (_cut_off, "cannot be read"),
        (_cut_off_in_the_picture, "cut off|cannot be read"),
        (_sound_alone, "sound but no picture"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, make, sentence: str):
    with pytest.raises(MediaError, match=sentence):
        picture_length(make(tmp_path))


@pytest.mark.parametrize("ending", ["mp4", "m3u8", "sdp", "txt", "ffconcat"])
@pytest.mark.parametrize("byte", [b"", b"\x01", b"\xff\xfe\x80"], ids=["text", "low", "high"])
@pytest.mark.parametrize("name", [*PLAYLISTS, "text", "subtitles"])
def test_a_file_that_names_others_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, byte: bytes, ending: str
):
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "a.mp4")
    opened = os.stat("a.mp4").st_atime_ns
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        text = TEXTS.get(name) or PLAYLISTS[name].format(file="a.mp4", port=port)
        (tmp_path / f"list.{ending}").write_bytes(text.encode() + b"#" + byte + b"\n")
        refused = "is text, not a video|is a web page, not a video|cannot be read"
        with pytest.raises(MediaError, match=refused):
            picture_length(tmp_path / f"list.{ending}")
        with pytest.raises(BlockingIOError):
            server.accept()
    assert os.stat("a.mp4").st_atime_ns == opened


TEXTS = {
    "text": "A clip would stand here.\n" * 30,
    "subtitles": "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n",
}


def test_a_single_image_is_no_clip(tmp_path: Path):
    from PIL import Image

    for ending in ("png", "jpg", "bmp", "webp", "tiff"):
        Image.new("RGB", (64, 48)).save(tmp_path / f"one.{ending}")
        with pytest.raises(MediaError, match="cannot be read"):
            picture_length(tmp_path / f"one.{ending}")


KINDS = {
    ".h264": "libx264", ".hevc": "libx265", ".ivf": "libvpx", ".m4v": "mpeg4", ".ts": "libx264",
    ".mpg": "mpeg2video", ".flv": "flv", ".gif": "gif", ".asf": "wmv2", ".ogv": "libtheora",
    ".avi": "mpeg4", ".3gp": "h263",
}  # fmt: skip


@pytest.mark.parametrize("ending", KINDS)
def test_clips_of_other_kinds_open(tmp_path: Path, ending: str):
    codec = KINDS[ending]
    pixels = "rgb8" if ending == ".gif" else "yuv420p"
    size = (176, 144) if codec == "h263" else (64, 48)
    clip = tmp_path / f"clip{ending}"
    try:
        av.Codec(codec, "w")
    except ValueError:
        pytest.skip(f"PyAV has no {codec}")
    with av.open(str(clip), "w") as output:
        stream: Any = output.add_stream(codec, rate=25)
        (stream.width, stream.height), stream.pix_fmt = size, pixels
        for number in range(10):
            shade = np.full((size[1], size[0], 3), number * 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert picture_length(clip).frames == 10


@pytest.mark.parametrize("window", [{"start": 9.0}, {"start": -1.0}, {"duration": -1.0}])
def test_a_window_that_shows_nothing_is_named(tmp_path: Path, window: dict[str, float]):
    with pytest.raises(MediaError, match="window"):
        picture_length(make_clip(tmp_path / "clip.mp4"), **window)


def test_samples_are_as_long_as_the_picture(tmp_path: Path):
    length = picture_length(make_clip(tmp_path / "clip.mp4", 100, Fraction(24000, 1001)))
    assert length.samples(48000) == round(np.float64(100 * 1001 / 24000 * 48000))
