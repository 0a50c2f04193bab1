"""A stinger begins on a bar and ends in silence."""

from __future__ import annotations

import numpy as np
import pytest

from ...audio.arrays import MediaError, Samples, rms
from ...audio.stopping import Stop, Stopped
from ...music.methods import TAILS
from ...music.sting import LONGEST, SHORTEST, Sting, make_stinger
from ...sandbox.composer import compose
from .pieces import RATE, clicks, noise

BPM = 120.0


def drummed(seconds: float = 16.0, *, ends: bool, rate: int = RATE) -> Samples:
    """A stroke on each beat of 120 bpm, strong ones each two seconds; then 1.5 s of silence."""
    times = np.arange(0.5, seconds - (1.5 if ends else 0), 0.5)
    strong = times[(times - 0.5) % 2 == 0]
    return 0.4 * clicks(times, seconds, rate) + clicks(strong, seconds, rate)


def ends_in_silence(made: Sting) -> bool:
    last = made.samples[:, -round(0.002 * made.sample_rate) :]
    return not made.samples[:, -1].any() and float(np.abs(last).max()) < 0.01


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("wish", [2.0, 4.0, 6.0])
def test_it_begins_on_a_bar_and_ends_in_silence(tail: str, wish: float) -> None:
    made = make_stinger(drummed(ends=True), RATE, seconds=wish, tail=tail, tempo=BPM)
    assert (made.start - 0.5) % 2 == pytest.approx(0, abs=0.003) or (
        made.start - 0.5
    ) % 2 == pytest.approx(2, abs=0.003)
    assert SHORTEST - 0.5 <= made.seconds <= LONGEST + 0.001
    assert ends_in_silence(made)
    assert made.bars == pytest.approx(made.seconds / 2, rel=0.02)


def test_its_first_samples_are_the_attack_without_a_click() -> None:
    made = make_stinger(drummed(ends=True), RATE, tempo=BPM)
    assert not made.samples[:, 0].any()
    assert rms(made.samples[:, : RATE // 100]) > 3 * rms(made.samples[:, RATE // 4 : RATE // 3])


def test_the_ending_of_a_track_is_kept_as_it_is() -> None:
    track = drummed(ends=True)
    made = make_stinger(track, RATE, tail="ending", tempo=BPM)
    first, count = round(made.start * RATE), made.samples.shape[1]
    inside = slice(RATE // 100, count - RATE // 20)
    assert np.array_equal(made.samples[:, inside], track[:, first : first + count][:, inside])
    assert made.own
    assert "It ends as the track ends." in made.report


def test_a_loop_has_no_ending_and_gives_a_hit_that_dies_away() -> None:
    track = drummed(ends=False)
    made = make_stinger(track, RATE, seconds=4.0, tempo=BPM)
    assert not made.own
    assert made.seconds == pytest.approx(4.0, abs=0.01)
    heights = [float(np.abs(made.samples[:, at : at + 4410]).max()) for at in (0, 88200, 154350)]
    assert heights[0] > 5 * heights[1] > 25 * heights[2]
    assert "by a release of 60 dB" in made.report
    with pytest.raises(MediaError, match="no ending of its own"):
        make_stinger(track, RATE, tail="ending", tempo=BPM)


def test_the_length_can_be_given_in_bars() -> None:
    track = drummed(ends=False)
    assert make_stinger(track, RATE, bars=2, tempo=BPM).seconds == pytest.approx(4.0, abs=0.01)


def test_a_sketch_ends_with_its_last_chord() -> None:
    piece = compose("techno, 128 bpm", 16.0)
    track = np.ascontiguousarray(piece.waveform)
    made = make_stinger(track, piece.sample_rate)
    bars = [piece.score.seconds(4 * bar) for bar in range(12)]
    assert min(abs(made.start - bar) for bar in bars) < 0.02
    assert made.own
    assert ends_in_silence(made)


@pytest.mark.parametrize(("rate", "channels"), [(22050, 1), (48000, 2), (96000, 6)])
def test_any_rate_and_channels(rate: int, channels: int) -> None:
    track = np.repeat(drummed(ends=True, rate=rate), channels, axis=0)
    made = make_stinger(track, rate, tempo=BPM)
    assert made.samples.shape[0] == channels
    assert ends_in_silence(made)


@pytest.mark.parametrize(
    ("track", "wish", "words"),
    [
        (np.zeros((1, RATE), np.float32), {}, "The audio is silent"),
        (noise(6.0), {}, "no steady beat"),
        (drummed(ends=True), {"seconds": 9.0}, "seconds is 9: a stinger has 2 to 6 s"),
        (drummed(ends=True), {"bars": -1}, "bars is -1"),
        (drummed(ends=True), {"tempo": 9999.0}, "tempo"),
    ],
)
def test_what_cannot_be_cut_is_named(track: Samples, wish: dict[str, float], words: str) -> None:
    with pytest.raises(MediaError, match=words):
        make_stinger(track, RATE, **wish)  # type: ignore[arg-type]


def test_a_stop_ends_the_work() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        stop.run(lambda: make_stinger(drummed(ends=True), RATE))
