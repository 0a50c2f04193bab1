"""Values follow the music frame by frame; loops go round without a seam."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ...audio.arrays import MediaError
from ...music.drawings import draw_values
from ...music.follow import FOLLOW, follow
from ...music.loop import make_loop
from ...music.track import Track, read_track
from .pieces import RATE, clicks, noise, piece, track

FPS = (10.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0)


def test_ten_minutes_do_not_drift() -> None:
    times = np.arange(0.5, 599, 0.5)
    known = read_track(clicks(times, 600, 8000), 8000, 120)
    for fps in FPS:
        check_frames(known, times, fps)


def check_frames(known: Track, times: np.ndarray, fps: float) -> None:
    values = follow(known, fps, what="beat")
    assert len(values.values) == int(np.ceil(600 * fps))
    course = np.array(values.values)
    for moment in times[[10, 600, 1190]]:
        frame = int(np.ceil(moment * fps))
        # The first frame from the beat on is high, the one before it is at the end of its fall.
        assert course[frame : frame + 2].max() > 0.5
        assert course[frame - 2 : frame].min() < 0.15
    assert values.beat_frames[600] == pytest.approx(times[600] * fps, abs=1)


@pytest.mark.parametrize("what", FOLLOW)
def test_values_fill_their_range(what: str) -> None:
    values = np.array(follow(track("techno 128 bpm"), 24, what=what, low=2, high=5).values)
    assert values.min() >= 2
    assert values.max() <= 5
    assert values.max() - values.min() > 1.5


def test_bass_and_highs_are_told_apart() -> None:
    time = np.arange(4 * RATE) / RATE
    low, high = np.sin(2 * np.pi * 80 * time), np.sin(2 * np.pi * 8000 * time)
    samples = np.where(time < 2, low, high).astype(np.float32)[None] * np.float32(0.5)
    known = read_track(samples, RATE)
    bass, highs = (np.array(follow(known, 10, what=name).values) for name in ("bass", "highs"))
    assert bass[10] > 0.9 > 0.2 > bass[30]
    assert highs[30] > 0.9 > 0.2 > highs[10]


def test_smooth_evens_out_and_frames_are_as_asked() -> None:
    rough = follow(track("techno 128 bpm"), 24, 100, what="onsets")
    smooth = follow(track("techno 128 bpm"), 24, 100, what="onsets", smooth=1)
    assert len(rough.values) == len(smooth.values) == 100
    assert np.abs(np.diff(smooth.values)).max() < 0.3 * np.abs(np.diff(rough.values)).max()
    longer = follow(track("techno 128 bpm"), 24, 2400, low=0.25)
    assert longer.values[-1] == 0.25


def test_texts_are_those_of_other_packs() -> None:
    values = follow(track("techno 128 bpm"), 24, 3)
    told = json.loads(values.beats_json)
    assert told["num_beats"] == len(told["beat_times"])
    assert told["bpm"] == pytest.approx(128, rel=0.01)
    assert set(told["bar_times"]) <= set(told["beat_times"])
    assert values.keyframes.splitlines()[0].startswith("0:(")
    assert draw_values(values, 300, 100).shape == (100, 300, 3)


def test_silence_is_low() -> None:
    known = read_track(np.zeros((1, RATE), np.float32), RATE)
    for what in FOLLOW:
        assert set(follow(known, 24, what=what, low=0.5).values) == {0.5}


@pytest.mark.parametrize(
    "options",
    [{"fps": 0.0}, {"frames": -1}, {"what": "love"}, {"smooth": -1.0}, {"frames": 10**9}],
)
def test_a_bad_wish_is_named(options: dict) -> None:
    with pytest.raises(MediaError):
        follow(**{"track": track("techno 128 bpm"), "fps": 24.0, **options})


@pytest.mark.parametrize("keep_intro", [True, False])
@pytest.mark.parametrize("prompt", ["techno 128 bpm", "acoustic guitar folk waltz 3/4"])
def test_a_loop_is_whole_bars_without_a_seam(prompt: str, keep_intro: bool) -> None:
    known, made = track(prompt), piece(prompt)
    loop = make_loop(known, 8, keep_intro=keep_intro)
    assert loop.seam.good
    assert loop.samples.shape[1] == loop.start + loop.length
    assert (loop.start > 0) == keep_intro
    bar = made.meter * 60 / made.tempo
    bars = loop.length / known.sample_rate / bar
    assert loop.bars == pytest.approx(bars, abs=0.03)
    assert loop.length >= 8 * known.sample_rate - known.sample_rate // 50
    # Round and round: no sample step that the music does not have itself.
    once = loop.samples[:, loop.start :]
    round_and_round = np.tile(once, 4)
    steps = np.abs(np.diff(round_and_round)).max(axis=0)
    seams = np.arange(1, 4) * loop.length - 1
    assert steps[seams].max() <= np.abs(np.diff(known.samples)).max()


def test_without_a_good_loop_the_best_one_is_told() -> None:
    random = np.random.default_rng(3)
    sweep = np.sin(np.cumsum(np.linspace(0.01, 1.5, 20 * RATE)))
    samples = (np.linspace(0.01, 0.9, 20 * RATE) * sweep).astype(np.float32)[None]
    samples += 1e-4 * random.standard_normal(samples.shape).astype(np.float32)
    loop = make_loop(read_track(samples, RATE), 15)
    assert not loop.seam.good
    assert "No good loop" in loop.report


@pytest.mark.parametrize("seconds", [31.0, -1.0])
def test_an_impossible_loop_is_named(seconds: float) -> None:
    with pytest.raises(MediaError, match="loop"):
        make_loop(read_track(noise(30), RATE), seconds)


@pytest.mark.parametrize(
    ("prompt", "seconds", "bars"),
    [
        ("electronic, 120 bpm", 40.0, 12),
        ("chiptune, 140 bpm", 40.0, 16),
        ("chiptune, 140 bpm", 20.0, 4),
        ("warm lo-fi hip hop, 84 bpm", 40.0, 8),
    ],
)
def test_a_good_loop_of_long_phrases_wins_over_a_better_seam_of_a_short_one(
    prompt: str, seconds: float, bars: int
) -> None:
    loop = make_loop(track(prompt, seconds))
    assert loop.seam.good
    assert loop.bars == bars


def test_a_loop_that_repeats_sample_for_sample_is_good() -> None:
    # Each round ends loud and begins softly: a jump of level that the music has itself.
    beats = np.arange(0, 8, 0.5)
    once = clicks(beats, 8) * np.geomspace(0.01, 1, 8 * RATE).astype(np.float32)
    tone = np.sin(2 * np.pi * 220 * np.arange(8 * RATE) / RATE) * np.geomspace(0.003, 0.3, 8 * RATE)
    samples = np.tile(once + tone.astype(np.float32), 4)
    loop = make_loop(read_track(samples, RATE, 120), 7, keep_intro=False)
    assert loop.length % (8 * RATE) == 0
    assert loop.seam.good
    assert "sample for sample" in loop.report


def test_channels_of_opposite_phase_have_a_beat() -> None:
    once = clicks(np.arange(0.5, 29, 0.5), 30)
    track = read_track(np.concatenate((once, -once)), RATE)
    assert track.beats.steady
    assert track.beats.bpm == pytest.approx(120, rel=0.01)
