"""Beats are where they are heard, at the tempo that was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ...audio.arrays import MediaError
from ...benchmarks.music import f_measure
from ...benchmarks.songs import LATE_CHARTS
from ...music import beat_network
from ...music.analysis import analyse
from ...music.beats import find_beats
from ...music.fit import fit
from ...music.track import read_track
from .pieces import RATE, clicks, noise, piece, real_song, track

PROMPTS = (
    "energetic synthwave with driving drums",
    "jazz trio",
    "techno 128 bpm",
    "acoustic guitar folk waltz 3/4",
    "pop 104 bpm",
    "calm piano ballad in D minor, 70 bpm",
)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
@pytest.mark.parametrize("tempo", [83.7, 128.3])
def test_clicks_are_found_where_they_are(tempo: float, rate: int) -> None:
    times = np.arange(0.5, 19, 60 / tempo)
    beats = find_beats(analyse(clicks(times, 20, rate), rate))
    assert beats.bpm == pytest.approx(tempo, rel=0.003)
    assert beats.times.shape == times.shape
    np.testing.assert_allclose(beats.times, times, atol=0.010)
    assert abs(np.median(beats.times - times)) < 0.008


def test_a_tempo_that_drifts_is_followed() -> None:
    times = [0.4]
    while times[-1] < 58:
        times.append(times[-1] + 60 / (105 + times[-1] / 3))
    beats = find_beats(analyse(clicks(np.array(times), 60), RATE))
    assert beats.steady
    assert f_measure(np.array(times), beats.times) > 0.98


def test_rubato_is_followed_and_not_called_steady() -> None:
    random = np.random.default_rng(4)
    drift = np.convolve(random.normal(0, 0.25, 80), np.ones(6) / 6, "same")
    times = 0.4 + np.cumsum(60 / 96 * np.exp(drift + random.normal(0, 0.03, 80)))
    times = times[times < 44]
    beats = find_beats(analyse(clicks(times, 45), RATE), 96)
    assert f_measure(times, beats.times) > 0.9
    assert not beats.steady


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_hint_settles_the_octave(prompt: str) -> None:
    made = piece(prompt)
    beats = track(prompt).beats
    assert beats.bpm == pytest.approx(made.tempo, rel=0.01)
    assert beats.steady
    # They are on the composer's grid, wherever that begins.
    turns = np.exp(2j * np.pi * beats.times * made.tempo / 60)
    assert abs(turns.mean()) > 0.97


@pytest.mark.parametrize("prompt", PROMPTS)
def test_bars_have_as_many_beats_as_the_music(prompt: str) -> None:
    assert track(prompt).bars.meter == piece(prompt).meter


def test_half_and_double_the_tempo_can_be_asked_for() -> None:
    samples = clicks(np.arange(0.5, 29, 0.5), 30)
    assert read_track(samples, RATE, 120).beats.bpm == pytest.approx(120, rel=0.01)
    assert read_track(samples, RATE, 60).beats.bpm == pytest.approx(60, rel=0.01)


def test_noise_has_no_steady_beat() -> None:
    assert not read_track(noise(30), RATE).beats.steady
    assert not read_track(noise(30), RATE, 120).beats.steady


def drone(seconds: float, seed: int) -> np.ndarray:
    """Partials that beat with each other, as in a pad or a machine's hum."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitches = np.repeat(random.uniform(55, 220) * np.arange(1, 8), 3) + random.normal(0, 0.8, 21)
    waves = np.sin(2 * np.pi * pitches[:, None] * time + random.uniform(0, 6, (21, 1)))
    return (0.1 * waves / np.repeat(np.arange(1, 8), 3)[:, None]).sum(axis=0).astype(np.float32)


@pytest.mark.parametrize("hint", [0.0, 92.0])
@pytest.mark.parametrize("seed", range(4))
def test_beating_partials_are_no_beat(seed: int, hint: float) -> None:
    assert read_track(drone(20, seed)[None], RATE, hint).beats.times.size == 0


@pytest.mark.parametrize("hint", [0.0, 120.0])
def test_white_noise_is_no_beat(hint: float) -> None:
    samples = np.random.default_rng(7).standard_normal((1, 20 * RATE)).astype(np.float32) * 0.1
    assert read_track(samples, RATE, hint).beats.times.size == 0


@pytest.mark.parametrize("seconds", [0.00003, 0.01, 0.3, 1.0])
def test_short_and_silent_audio_has_no_beats(seconds: float) -> None:
    samples = np.zeros((2, max(1, round(seconds * RATE))), np.float32)
    assert read_track(samples, RATE).beats.times.size == 0
    assert not read_track(noise(max(seconds, 0.01)), RATE).beats.steady


@pytest.mark.parametrize(
    ("shape", "rate", "word"),
    [((9, 100), RATE, "channels"), ((1, 0), RATE, "at least one"), ((1, 100), 4000, "rate")],
)
def test_what_is_out_of_range_is_named(shape: tuple[int, int], rate: int, word: str) -> None:
    with pytest.raises(MediaError, match=word):
        read_track(np.zeros(shape, np.float32), rate)


@pytest.mark.parametrize("tempo", [-1.0, 5.0, 1000.0])
def test_a_tempo_out_of_range_is_named(tempo: float) -> None:
    with pytest.raises(MediaError, match="bpm"):
        read_track(noise(1), RATE, tempo)


@pytest.mark.parametrize(
    "name", ["Escape from chaosland", "Feelings", "Metal madness", "War of freedom"]
)
def test_real_songs(name: str) -> None:
    song = real_song(name)
    for hint in (song.tempo, 0.0):
        beats = read_track(song.samples, song.rate, hint).beats
        assert beats.bpm == pytest.approx(song.tempo, rel=0.01)
        assert beats.steady
        if name not in LATE_CHARTS:
            assert f_measure(song.beats, beats.times) >= 0.95


@pytest.mark.parametrize(
    "name", ["armygeddon", "chaos_god", "internal_degeneration", "mutilated_mime"]
)
def test_fast_songs(name: str) -> None:
    song = real_song(name)
    told = read_track(song.samples, song.rate, song.tempo).beats
    assert told.bpm == pytest.approx(song.tempo, rel=0.01)
    assert told.steady
    # A chart ends with its last note; what one song has behind it is no beat of the chart.
    assert f_measure(song.beats, told.times) >= 0.94
    found = read_track(song.samples, song.rate).beats
    # 170 to 190 beats a minute are heard as 85 to 95 as well.
    assert song.tempo / found.bpm == pytest.approx(round(song.tempo / found.bpm), rel=0.01)
    assert found.steady


def band(meter: int, tempo: float, seconds: float) -> np.ndarray:
    """Drums, a bass and a chord: a kick on one, snares in the middle, another chord in each bar."""
    random = np.random.default_rng(meter)
    out = np.zeros(round(seconds * RATE))
    length = round(0.25 * RATE)
    time = np.arange(length) / RATE
    kick = np.sin(2 * np.pi * 55 * time) * np.exp(-18 * time)
    snare = random.normal(0, 0.5, length) * np.exp(-25 * time)
    hat = np.diff(random.normal(0, 0.15, length), prepend=0) * np.exp(-60 * time)
    for beat in range(int(seconds * tempo / 60) - 2):
        begin, place = round(beat * 60 / tempo * RATE), beat % meter
        snares = (1, 3) if meter == 4 else (meter // 2, meter - 1)
        drum = kick if place == 0 else snare if place in snares else hat
        out[begin : begin + length] += drum
        root = (110.0, 146.83, 164.81, 130.81)[beat // meter % 4]
        held = np.arange(round(60 / tempo * RATE)) / RATE
        for ratio in (1, 1.26, 1.5):
            out[begin : begin + held.shape[0]] += 0.06 * np.sin(2 * np.pi * 2 * root * ratio * held)
        if place == 0:
            out[begin : begin + held.shape[0]] += 0.3 * np.sin(2 * np.pi * root / 2 * held)
    return (0.4 * out)[None].astype(np.float32)


@pytest.mark.parametrize("meter", [3, 4, 5, 6, 7])
def test_bars_of_three_to_seven_beats_are_found(meter: int) -> None:
    found = read_track(band(meter, 120, 45), RATE, 120)
    assert found.bars.meter == meter
    np.testing.assert_allclose(
        found.bars.times / (meter * 0.5), np.round(found.bars.times / (meter * 0.5)), atol=0.05
    )


@pytest.mark.parametrize("damage", ["missing", "cut short", "another array"])
def test_without_the_file_of_the_networks_beats_are_found_and_the_report_says_so(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.npz"
    if damage == "cut short":
        path.write_bytes(beat_network.WEIGHTS.read_bytes()[:5000])
    elif damage == "another array":
        np.savez(path, chain_weights=np.zeros((3, 3)))
    with monkeypatch.context() as patch:
        patch.setattr(beat_network, "WEIGHTS", path)
        beat_network.networks.cache_clear()
        made = fit(band(4, 120, 20), RATE, 15 * RATE, method="remix", tempo=120)
        report = made.report
    beat_network.networks.cache_clear()
    assert made.track.beats.bpm == pytest.approx(120, rel=0.01)
    assert made.track.bars.meter == 4
    assert "weights.npz is missing or damaged" in report


def test_the_report_says_nothing_of_networks_that_are_there() -> None:
    made = fit(band(4, 120, 20), RATE, 15 * RATE, method="remix", tempo=120)
    assert "damaged" not in made.report
