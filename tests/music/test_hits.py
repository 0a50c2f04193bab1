"""Beats fall on the hits of a picture, and bars on the strong ones."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

import numpy as np
import pytest

from ...audio.arrays import MediaError
from ...benchmarks import hits as benchmark
from ...music.filling import RANGE, hit_tempo
from ...music.fit import fit
from ...music.hits import MOST_HITS, ON_BEAT, Hit, Hits, read_hits
from ...music.render import warp
from .pieces import RATE, clicks, noise, piece

TECHNO = "techno 128 bpm"
FPS = Fraction(24)


def times(text: str, fps: Fraction | None = FPS, seconds: float = 60.0) -> list[float]:
    return [round(hit.time, 4) for hit in read_hits(text, fps, seconds).hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("[1.25, 4]", [1.25, 4.0]),
        ('[{"time": 1.25, "strength": 0.8}, {"time": 4}]', [1.25, 4.0]),
        ("12f, 90F", [0.5, 3.75]),
        ("12, 90", [0.5, 3.75]),
        ("1.25 4", [1.25, 4.0]),
        ("1.25s\n4s", [1.25, 4.0]),
        ("00:00:04:12, 00:01:00:00", [4.5]),
        ("0:04.5; 0:07", [4.5, 7.0]),
        ("[9, 1, 4]", [1.0, 4.0, 9.0]),
        ("[1, 1.0, 1.01]", [1.0]),
        ("[0, 3, 60, 99]", [3.0]),
    ],
)
def test_hits_are_seconds_frames_and_timecodes(text: str, expected: list[float]) -> None:
    assert times(text.replace(";", ",")) == expected


def test_timecode_counts_whole_frames_at_broadcast_rates() -> None:
    assert times("00:00:10:00", Fraction(30000, 1001)) == [10.01]


def test_hits_that_are_left_out_are_told() -> None:
    found = read_hits("[2, 2.01, 70, -1]", None, 60.0)
    assert len(found.hits) == 1
    assert "2 of 4 hits lie outside the picture of 60.000 s" in found.notes[0]
    assert "1 hits lie on another" in found.notes[1]


def test_of_too_many_hits_the_strongest_are_used() -> None:
    entries = [{"time": 0.1 * n, "strength": n % 7} for n in range(1, 501)]
    found = read_hits(json.dumps(entries), None, 60.0)
    assert len(found.hits) == MOST_HITS
    assert list(found.hits) == sorted(found.hits)
    assert min(hit.strength for hit in found.hits) >= 2
    assert "the 300 strongest are used" in found.notes[-1]


def test_the_strongest_third_is_strong_and_equals_are_not() -> None:
    entries = [
        {"time": n + 1, "strength": strength} for n, strength in enumerate([3, 1, 9, 2, 8, 1])
    ]
    found = read_hits(json.dumps(entries), None, 60.0)
    assert [hit.time for hit in found.hits if hit.strong] == [3.0, 5.0]
    assert not any(hit.strong for hit in read_hits("[1, 2, 3]", None, 60.0).hits)


NO_MOMENTS = """abc|[1, x]|["1"]|[null]|[true]|[NaN]|[Infinity]|{}|{"time": 1}|[[1]]|-4|1e400
[1e400]|1:2:3:4:5|[{"strength": 1}]|[{"time": 1, "strength": "a"}]""".replace("\n", "|").split("|")
LONG = ["9" * 5000 + "f", f"[{10**400}]", "[" * 100_000]


@pytest.mark.parametrize("text", [*NO_MOMENTS, *LONG], ids=lambda text: text[:20])
def test_what_is_no_moment_is_one_sentence(text: str) -> None:
    with pytest.raises(MediaError, match="hits ") as raised:
        read_hits(text, FPS, 60.0)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_frames_need_a_rate() -> None:
    with pytest.raises(MediaError, match="no rate is given"):
        read_hits("12f", None, 60.0)


# Tempo


@pytest.mark.parametrize("tempo", [88, 104, 127])
def test_the_tempo_of_hits_on_a_grid_is_found(tempo: int) -> None:
    beats = np.array([7, 11, 16, 23, 28, 37, 44]) * 60 / tempo
    hits = read_hits(json.dumps(beats.tolist()), None, 30.0).hits
    found = hit_tempo(30.0, 100.0, hits)
    assert max(map(abs, found.errors)) <= ON_BEAT
    assert 100 / RANGE <= found.tempo <= 100 * RANGE
    # Another tempo may meet the hits too, with another speed between them.
    ratio = found.tempo / tempo
    assert min(abs(ratio - part) for part in (1, 2 / 3, 3 / 4, 4 / 5, 5 / 4, 4 / 3, 3 / 2)) < 0.06


def test_the_offset_is_that_of_the_first_bar() -> None:
    bar = 4 * 60 / 120
    text = json.dumps([{"time": 0.8 + n * bar, "strength": n % 2} for n in range(1, 10)])
    found = hit_tempo(24.0, 120.0, read_hits(text, None, 24.0).hits)
    strong = [error for n, error in enumerate(found.bars) if n % 2 == 0]
    assert max(map(abs, strong)) <= ON_BEAT
    assert 0 <= found.offset < bar


# Fit


def heard_clicks(samples: np.ndarray, moment: float) -> float:
    """Seconds from a moment to the click nearest to it."""
    level = np.abs(samples[0])
    starts = np.flatnonzero(level > 0.15 * level.max()) / RATE
    first = starts[np.diff(starts, prepend=-1.0) > 0.15]
    return float(first[np.abs(first - moment).argmin()] - moment)


def test_a_click_is_heard_at_each_hit() -> None:
    beats = np.arange(0.05, 36.0, 0.5)
    music = clicks(beats, 40.0)
    moments = [4.8, 9.15, 13.9, 18.6, 24.2, 29.05]
    hits = read_hits(json.dumps(moments), None, 40.0)
    fitted = fit(music, RATE, music.shape[1], tempo=120.0, hits=hits)
    plain = fit(music, RATE, music.shape[1], tempo=120.0)
    errors = [abs(heard_clicks(fitted.samples, moment)) for moment in moments]
    assert sum(error <= ON_BEAT for error in errors) >= 5
    assert sum(abs(heard_clicks(plain.samples, moment)) <= ON_BEAT for moment in moments) <= 2
    assert fitted.samples.shape == music.shape
    # What the report says is what is heard.
    for hit, error in zip(fitted.hits, errors, strict=True):
        assert abs(abs(fitted.error(hit)) - error) <= 0.015


def test_the_goals_hold_for_some_clips() -> None:
    errors, plain = [], []
    for clip in itertools.islice(benchmark.clips(30), 3):
        made, tempo = benchmark.scored(clip)
        found = benchmark.result(clip, made, tempo, "keep")
        errors += found.errors.tolist()
        plain += benchmark.result(clip, made, tempo, "keep", hits=False).errors.tolist()
        assert found.exact
        assert found.opens
    met, by_chance = (np.mean(np.abs(np.array(each)) <= ON_BEAT) for each in (errors, plain))
    assert met >= 0.7
    assert by_chance <= 0.35


def test_the_ending_falls_on_the_last_hit_if_asked() -> None:
    made = piece(TECHNO, 40.0)
    length = round(36.0 * made.rate)
    hits = Hits((Hit(9.3), Hit(20.1), Hit(31.234)), ())
    fitted = fit(made.samples, made.rate, length, tempo=made.tempo, ending="last hit", hits=hits)
    assert fitted.samples.shape[1] == length
    assert abs(fitted.error(hits.hits[-1])) < 0.002
    assert fitted.grid.beats[-1] == pytest.approx(31.234, abs=0.002)


def test_hits_change_nothing_where_there_are_none() -> None:
    made = piece(TECHNO)
    length = round(0.7 * made.samples.shape[1])
    plain = fit(made.samples, made.rate, length, tempo=made.tempo)
    again = fit(made.samples, made.rate, length, tempo=made.tempo, hits=Hits((), ()))
    np.testing.assert_array_equal(plain.samples, again.samples)


@pytest.mark.parametrize("method", ["auto", "loop", "cut", "stretch"])
def test_music_without_a_beat_meets_no_hit_and_says_so(method: str) -> None:
    samples = noise(10.0)
    hits = Hits((Hit(2.0), Hit(5.0)), ("A note.",))
    fitted = fit(samples, RATE, round(9.5 * RATE), method=method, hits=hits)
    assert "hits" in fitted.report
    assert "A note." in fitted.report
    silent = fit(np.zeros((1, 4 * RATE), np.float32), RATE, 3 * RATE, hits=hits)
    assert "None of 2 hits is met, because no beat was found." in silent.report


def test_an_ending_on_a_hit_needs_a_hit() -> None:
    with pytest.raises(MediaError, match="no hit in the picture"):
        fit(noise(4.0), RATE, 3 * RATE, ending="last hit")


# Speed


def test_a_warp_moves_each_sample_to_its_place() -> None:
    moments = np.arange(0.5, 10.0, 0.5)
    music = clicks(moments, 10.0)
    pairs = [(0, 0), (3 * RATE, round(2.95 * RATE)), (6 * RATE, round(6.05 * RATE))]
    out = warp(music, RATE, pairs, 11 * RATE, 800)
    assert out.shape == (1, 11 * RATE)
    for before, after in ((1.5, 1.475), (4.5, 4.5), (7.0, 7.05), (9.5, 9.55)):
        assert before in moments
        assert abs(heard_clicks(out, after)) <= 0.008
    # After the last pair the samples are those of the source.
    tail = round(6.05 * RATE)
    np.testing.assert_array_equal(out[:, tail : tail + 4 * RATE], music[:, 6 * RATE :])


def test_a_warp_keeps_the_pitch_and_begins_after_its_silence() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(8 * RATE) / RATE).astype(np.float32)[None] * 0.3
    out = warp(tone, RATE, [(0, 4410), (8 * RATE, 4410 + round(8.2 * RATE))], 9 * RATE, 800)
    assert not out[:, :4410].any()
    middle = out[0, 3 * RATE : 6 * RATE]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.shape[0])))
    assert int(spectrum.argmax()) / 3 == pytest.approx(440, abs=1)
