"""Layers: they add up to the track, loop where it loops, and hold what their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ...audio.arrays import MediaError, Samples, rms
from ...audio.encode import encode
from ...audio.formats import Encoding, Format
from ...audio.stopping import Stop, Stopped
from ...music.layer_masks import LayeredTrack, cut_layers
from .pieces import RATE, clicks, noise, piece

EXACT = 10 ** (-90 / 20)


def music(seconds: float = 6.0) -> Samples:
    return piece("techno 120 bpm", 20.0).samples[:, : round(seconds * RATE)]


def null(made: LayeredTrack, track: Samples) -> float:
    return float(np.abs(sum(made.all) - track).max())


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_layers_add_up_to_the_track(rate: int, channels: int) -> None:
    track = noise(1.5, rate, channels)
    made = cut_layers(track, rate)
    assert all(layer.shape == track.shape for layer in made.all)
    assert all(layer.dtype == np.float32 for layer in made.all)
    assert null(made, track) < 1e-6


@pytest.mark.parametrize("size", [1, 2, 100, 4410])
def test_a_short_sound_has_layers(size: int) -> None:
    track = noise(1.0)[:, :size].copy()
    made = cut_layers(track, RATE)
    assert null(made, track) < 1e-6


def test_saved_layers_add_up_within_90_db(tmp_path: Path) -> None:
    track = np.clip(4 * music(), -1, 1)
    total = np.zeros_like(track)
    for index, layer in enumerate(cut_layers(track, RATE).all):
        path = tmp_path / f"{index}.wav"
        encode(layer, RATE, path, Encoding(Format.WAV, "24 bit"))
        total += soundfile.read(path, dtype="float32", always_2d=True)[0].T
    assert float(np.abs(total - track).max()) < EXACT


def test_no_layer_is_louder_than_a_file_holds() -> None:
    track = np.clip(4 * music(), -1, 1)
    assert max(float(np.abs(layer).max()) for layer in cut_layers(track, RATE).all) <= 1 + 1e-6


def test_a_track_above_full_scale_stays_as_it_is() -> None:
    track = 3 * music(3.0)
    peak = float(np.abs(track).max())
    made = cut_layers(track, RATE)
    assert null(made, track) < 1e-5
    assert max(float(np.abs(layer).max()) for layer in made.all) <= max(1, peak) * (1 + 1e-6)


def test_strokes_bass_and_tones_have_a_layer_each() -> None:
    time = np.arange(6 * RATE) / RATE
    strokes = clicks(np.arange(0.25, 6, 0.5), 6.0)
    bass = (0.2 * np.sin(2 * np.pi * 82.4 * time)).astype(np.float32)[None]
    tones = sum(0.1 * np.sin(2 * np.pi * pitch * time) for pitch in (440.0, 660.0, 1108.7))
    tones = np.asarray(tones, np.float32)[None]
    made = cut_layers(strokes + bass + tones, RATE)
    for layer, source in zip(made.all, (strokes, bass, tones), strict=True):
        assert rms(layer - source) < 0.4 * rms(source)


def test_the_stereo_image_stays() -> None:
    left = np.concatenate((music(3.0)[:1], np.zeros((1, 3 * RATE), np.float32)))
    assert all(not layer[1].any() for layer in cut_layers(left, RATE).all)


@pytest.mark.parametrize("start", [0, 2 * RATE])
def test_the_seam_of_a_layer_is_no_worse_than_that_of_its_track(start: int) -> None:
    bar, time = 2 * RATE, np.arange(2 * RATE) / RATE
    tones = sum(0.1 * np.sin(2 * np.pi * pitch * time) for pitch in (110.0, 440.0, 661.0))
    one = clicks(np.arange(0.25, 2, 0.5), 2.0) + np.asarray(tones, np.float32)
    track = np.tile(one, 4)
    made = cut_layers(track, RATE, loop=(start, 4 * bar))
    assert null(made, track) < 1e-6
    for layer in made.all:
        seam = np.concatenate((layer[0, -64:], layer[0, start : start + 64]))
        inside = np.abs(np.diff(layer[0, bar - 64 : 3 * bar + 64])).max()
        assert np.abs(np.diff(seam)).max() <= inside
        # A bar later the same music is heard without a seam.
        turn = np.concatenate((layer[0, -bar // 2 :], layer[0, start : start + bar // 2]))
        same = layer[0, 2 * bar - bar // 2 : 2 * bar + bar // 2]
        assert rms((turn - same)[None]) < 0.03 * rms(track)


def test_equal_tracks_have_equal_layers() -> None:
    for one, other in zip(
        cut_layers(music(), RATE).all, cut_layers(music(), RATE).all, strict=True
    ):
        assert np.array_equal(one, other)


def test_silence_stays_silent() -> None:
    made = cut_layers(np.zeros((2, RATE), np.float32), RATE)
    assert not any(layer.any() for layer in made.all)
    assert made.report == "The track is silent, and so are its layers."


def test_the_report_has_the_level_of_each_layer() -> None:
    report = cut_layers(music(), RATE).report
    assert all(f"{name} -" in report for name in ("drums", "low", "rest"))
    assert "add up to the track" in report


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"crossover": 5.0}, "The crossover is 5 Hz: expected 40 to 1000 Hz"),
        ({"loop": (0, 10**9)}, "The loop is from sample 0"),
    ],
)
def test_a_wish_out_of_range_is_named(wish: dict[str, float], words: str) -> None:
    with pytest.raises(MediaError, match=words):
        cut_layers(music(1.0), RATE, **wish)  # type: ignore[arg-type]


def test_nan_is_refused() -> None:
    track = music(1.0).copy()
    track[0, 5] = np.nan
    with pytest.raises(MediaError, match="NaN or infinity"):
        cut_layers(track, RATE)


def test_a_stop_ends_the_work() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        stop.run(lambda: cut_layers(music(1.0), RATE))
