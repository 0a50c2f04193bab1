"""A picture's length is counted from its packets."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ...video.errors import PictureError
from ...video.length import picture_length
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
    with pytest.raises(PictureError, match=sentence):
        picture_length(make(tmp_path))


@pytest.mark.parametrize("window", [{"start": 9.0}, {"start": -1.0}, {"duration": -1.0}])
def test_a_window_that_shows_nothing_is_named(tmp_path: Path, window: dict[str, float]):
    with pytest.raises(PictureError, match="window"):
        picture_length(make_clip(tmp_path / "clip.mp4"), **window)


def test_samples_are_as_long_as_the_picture(tmp_path: Path):
    length = picture_length(make_clip(tmp_path / "clip.mp4", 100, Fraction(24000, 1001)))
    assert length.samples(48000) == round(np.float64(100 * 1001 / 24000 * 48000))
