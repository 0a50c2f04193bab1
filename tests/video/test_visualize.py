"""Videos and pictures of what is heard."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ...audio.arrays import MediaError
from ...video.options import VideoStyle
from ...video.still import still
from ...video.visualize import visualize
from .make import RATES, lag, noise, sound_of, time_of

SMALL: dict[str, Any] = {"width": 96, "height": 64}


def _frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("look", list(VideoStyle))
def test_every_look_has_its_frames_at_every_rate(tmp_path: Path, look: VideoStyle, fps: Fraction):
    path = tmp_path / "made.mp4"
    samples = noise(1.3, 44100)
    count = visualize(samples, 44100, path, style=look, fps=fps, **SMALL)
    assert count == round(samples.shape[1] * fps / 44100)
    with av.open(str(path)) as container:
        stamps = [time_of(frame) for frame in container.decode(video=0)]
        assert container.streams.video[0].pix_fmt == "yuv420p"
    assert stamps == [number / fps for number in range(count)]


@pytest.mark.parametrize("look", [VideoStyle.BARS, VideoStyle.SPECTRUM, VideoStyle.CONSTANT_Q])
def test_what_sounds_is_seen_at_its_time(tmp_path: Path, look: VideoStyle):
    samples = np.zeros((2, 96000), np.float32)
    samples[:, 48000:] = noise(1.0)
    visualize(samples, 48000, tmp_path / "made.mp4", style=look, fps=30, **SMALL)
    frames = _frames(tmp_path / "made.mp4")
    quiet = frames[10].astype(int)
    changed = [int(np.abs(frame - quiet).max()) > 40 for frame in frames]
    assert abs(changed.index(True) - 30) <= 3


def test_the_sound_is_in_it(tmp_path: Path):
    samples = noise(1.0)
    visualize(samples, 48000, tmp_path / "made.mp4", **SMALL)
    heard, rate = sound_of(tmp_path / "made.mp4")
    assert rate == 48000
    assert lag(heard.mean(axis=0), samples.mean(axis=0)) == 0


def test_a_beat_is_light(tmp_path: Path):
    silence = np.zeros((1, 96000), np.float32)
    visualize(silence, 48000, tmp_path / "made.mp4", beats=[1.0], **SMALL)
    brightness = [float(frame.mean()) for frame in _frames(tmp_path / "made.mp4")]
    assert int(np.argmax(brightness)) in (30, 31)
    assert brightness[30] > brightness[28] + 5
    assert brightness[55] < brightness[30] - 5


@pytest.mark.parametrize(
    "title", ["Chaosland", "Ünïcode 音楽", "a title that is far too long " * 9]
)
def test_a_title_is_seen(tmp_path: Path, title: str):
    silence = np.zeros((1, 48000), np.float32)
    visualize(silence, 48000, tmp_path / "with.mp4", title=title, width=320, height=180)
    visualize(silence, 48000, tmp_path / "without.mp4", width=320, height=180)
    with_title, without = _frames(tmp_path / "with.mp4")[5], _frames(tmp_path / "without.mp4")[5]
    assert np.abs(with_title.astype(int) - without)[:40].max() > 100


@pytest.mark.parametrize("samples", [1, 100])
def test_the_shortest_sound_is_one_frame(tmp_path: Path, samples: int):
    for look in VideoStyle:
        sound = np.full((2, samples), 0.1, np.float32)
        assert visualize(sound, 48000, tmp_path / "made.mp4", style=look, **SMALL) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fps": 0}, "frame rate"),
        ({"fps": float("nan")}, "frame rate"),
        ({"width": 65}, "even"),
        ({"height": 0}, "even"),
        ({"beats": [float("nan")]}, "beat"),
    ],
)
def test_what_cannot_be_drawn_is_named(tmp_path: Path, options: dict, sentence: str):
    with pytest.raises(MediaError, match=sentence):
        visualize(noise(0.1), 48000, tmp_path / "made.mp4", **options)
    assert not (tmp_path / "made.mp4").exists()


def test_typed_broadcast_rates_are_the_fractions(tmp_path: Path):
    visualize(noise(1.0), 48000, tmp_path / "made.mp4", fps=29.97, **SMALL)
    with av.open(str(tmp_path / "made.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


def test_a_still_shows_where_the_tone_is():
    time = np.arange(48000) / 48000
    sound = (0.5 * np.sin(2 * np.pi * 1000 * time))[None].astype(np.float32)
    image = still(sound, 48000, width=640, height=360)
    assert image.shape == (360, 640, 3)
    assert image.dtype == np.uint8
    column = image[:, 300].astype(int).sum(axis=1)
    lower = slice(150, 318)
    row = 150 + int(np.argmax(column[lower]))
    mel = 2595 * np.log10(1 + np.asarray([1000.0, 24000.0]) / 700)
    expected = 320 - mel[0] / mel[1] * (320 - 144)
    assert abs(row - expected) < 6


@pytest.mark.parametrize("samples", [1, 1000])
def test_a_still_of_the_shortest_sound(samples: int):
    assert still(np.zeros((2, samples), np.float32), 44100).shape == (720, 1280, 3)


def test_a_still_of_nan_is_refused():
    with pytest.raises(MediaError, match="NaN"):
        still(np.full((1, 10), np.nan, np.float32), 44100)
    with pytest.raises(MediaError, match="expected"):
        still(np.zeros((1, 10), np.float32), 44100, width=10)
