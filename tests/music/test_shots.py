"""Shots begin on the beat, and their parts are the whole track."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from ...audio.arrays import MediaError, Samples
from ...music.methods import EVERY, GRIDS
from ...music.shots import Shots, plan_shots
from ...music.track import read_track
from .pieces import RATE, clicks, noise, piece, track

TECHNO, WALTZ = "techno 128 bpm", "acoustic guitar folk waltz 3/4"
RATES = [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60)]


def starts(made: Shots) -> list[float]:
    return [float(shot.start_frame / made.fps) for shot in made.shots]


def lengths(made: Shots) -> list[float]:
    return [float(shot.keep / made.fps) for shot in made.shots]


def whole(made: Shots) -> Samples:
    return np.concatenate([shot.samples for shot in made.shots], axis=1)


def nearest(times: np.ndarray, moment: float) -> float:
    return float(np.abs(times - moment).min())


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("prompt", [TECHNO, WALTZ])
def test_parts_are_the_track_and_begin_on_the_beat(prompt: str, every: str, fps: Fraction) -> None:
    music = track(prompt)
    made = plan_shots(music, fps, every=every)
    np.testing.assert_array_equal(whole(made), music.samples)
    frames = sum(shot.keep for shot in made.shots)
    assert abs(frames - music.seconds * fps) <= 1
    allowed = music.beats.times if every in ("beats", "strongest") else music.bars.times
    for start in starts(made)[1:]:
        assert nearest(allowed, start) <= 0.5 / fps + 1e-9
    assert made.shots[0].start_frame == 0
    assert len(made.shots) > 2


def test_the_beats_are_those_of_the_music_and_not_of_the_tracker_alone() -> None:
    times = np.arange(1, 60) * 0.5
    music = read_track(clicks(times, 30.0), RATE, 120.0)
    made = plan_shots(music, Fraction(50), every="beats")
    assert len(made.shots) >= 55
    assert max(nearest(times, start) for start in starts(made)[1:]) <= 0.02


@pytest.mark.parametrize("count", [1, 2, 7, 16])
@pytest.mark.parametrize("every", ["beats", "bars", "strongest"])
def test_a_count_is_kept_with_nearly_equal_lengths(every: str, count: int) -> None:
    music = track(TECHNO)
    made = plan_shots(music, Fraction(24), every=every, count=count)
    assert len(made.shots) == count
    ideal = music.seconds / count
    bar = 4 * 60 / music.beats.bpm
    assert max(abs(length - ideal) for length in lengths(made)) <= (
        2 * bar if every == "strongest" else bar
    )


@pytest.mark.parametrize("every", ["beats", "bars", "strongest"])
def test_limits_in_seconds_are_kept_where_the_beats_allow(every: str) -> None:
    made = plan_shots(track(TECHNO), Fraction(24), every=every, min_seconds=3.0, max_seconds=6.0)
    half = 0.5 / 24
    assert all(3.0 - half <= length <= 6.0 + half for length in lengths(made))
    assert "min_seconds" not in made.report


def test_a_limit_that_the_beats_do_not_allow_is_told() -> None:
    made = plan_shots(track(TECHNO), Fraction(24), every="phrases", max_seconds=0.5)
    assert "longer than max_seconds" in made.report


def test_as_many_shots_are_made_as_the_shortest_allows() -> None:
    music = track(TECHNO)
    made = plan_shots(music, Fraction(24), every="beats", min_seconds=1.0)
    beat = 60 / music.beats.bpm
    assert float(np.median(lengths(made))) == pytest.approx(3 * beat, abs=0.05)


def test_the_strongest_beats_are_where_it_is_loud() -> None:
    times = np.arange(1, 80) * 0.5
    sound = clicks(times, 40.0) * 0.1
    loud = times[np.arange(times.shape[0]) % 8 == 3]
    sound += clicks(loud, 40.0)
    made = plan_shots(
        read_track(sound, RATE, 120.0), Fraction(50), every="strongest", min_seconds=2.0
    )
    hits = [start for start in starts(made) if nearest(loud, start) <= 0.04]
    assert len(hits) >= 0.8 * (len(made.shots) - 1)


@pytest.mark.parametrize("grid", GRIDS[1:])
def test_frames_lie_on_the_grid_and_the_surplus_is_told(grid: str) -> None:
    step, first = map(int, grid.split("n+"))
    made = plan_shots(track(TECHNO), Fraction(16), grid=grid)
    for shot in made.shots:
        assert (shot.frames - first) % step == 0
        assert shot.frames - shot.keep >= 0
        assert shot.frames - shot.keep < step or shot.frames == first
    surplus = sum(shot.frames > shot.keep for shot in made.shots)
    assert made.report.count("off its end") == surplus > 0


def test_without_a_grid_the_frames_to_make_are_those_to_keep() -> None:
    made = plan_shots(track(TECHNO), Fraction(24))
    assert all(shot.frames == shot.keep for shot in made.shots)


def test_words_tell_the_place_and_the_energy() -> None:
    level = np.repeat([0.05, 0.05, 1.0, 1.0], 10 * RATE)
    sound = (clicks(np.arange(1, 80) * 0.5, 40.0) * level).astype(np.float32)
    made = plan_shots(read_track(sound, RATE, 120.0), Fraction(24), count=4)
    words = [shot.slot for shot in made.shots]
    assert words[0].startswith("opening, calm")
    assert "intense" in words[2]
    assert words[3].startswith("ending, intense")


@pytest.mark.parametrize(
    ("wish", "count"),
    [
        ({}, 1),
        ({"count": 4}, 4),
        ({"max_seconds": 3.0}, 3),
        ({"min_seconds": 2.0}, 4),
        ({"min_seconds": 2.0, "max_seconds": 6.0}, 2),
    ],
)
@pytest.mark.parametrize("sound", [noise(9.0), np.zeros((1, 9 * RATE), np.float32)])
def test_music_without_a_beat_has_equal_shots(sound: Samples, wish: dict, count: int) -> None:
    made = plan_shots(read_track(sound, RATE), Fraction(24), **wish)
    assert len(made.shots) == count
    assert "No beat was found" in made.report
    np.testing.assert_array_equal(whole(made), sound)
    assert max(lengths(made)) - min(lengths(made)) <= 1 / 24 + 1e-9


@pytest.mark.parametrize("seconds", [0.001, 0.04, 0.3])
def test_music_of_about_a_frame_is_one_shot(seconds: float) -> None:
    sound = noise(seconds)
    made = plan_shots(read_track(sound, RATE), Fraction(24))
    assert [shot.keep for shot in made.shots] == [max(1, round(seconds * 24))]
    np.testing.assert_array_equal(whole(made), sound)


@pytest.mark.parametrize(
    ("wish", "part"),
    [
        ({"every": "minute"}, "every is 'minute'"),
        ({"grid": "5n"}, "The grid is '5n'"),
        ({"count": -1}, "count is -1"),
        ({"count": 900}, "has room for"),
        ({"min_seconds": -1.0}, "min_seconds is -1"),
        ({"min_seconds": 4.0, "max_seconds": 2.0}, "not below min_seconds"),
        ({"fps": Fraction(0)}, "fps is 0"),
    ],
)
def test_a_wish_that_cannot_be_is_one_sentence(wish: dict, part: str) -> None:
    with pytest.raises(MediaError, match=part) as raised:
        plan_shots(track(TECHNO), **{"fps": Fraction(24), **wish})
    assert "\n" not in str(raised.value)


def test_more_shots_than_comfyui_can_run_are_refused() -> None:
    made = piece(TECHNO, 40.0)
    long = np.tile(made.samples[:1], (1, 15))
    with pytest.raises(MediaError, match="raise min_seconds"):
        plan_shots(read_track(long, made.rate, made.tempo), Fraction(24), every="beats")
