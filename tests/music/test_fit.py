"""Music at another length sounds like the same music, and has exactly that length."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest

from ...audio.arrays import MediaError, Samples
from ...music.drawings import draw_fit
from ...music.fit import Fit, fit
from ...music.hits import NO_HITS, Hit, Hits
from ...music.joins import FADE_SECONDS
from ...music.methods import ENDINGS
from ...music.stretch import MOST, engine, stretch
from ...sandbox.composer import compose
from .judge import Source, Splice, fade_loop, judge, plain_cut
from .pieces import RATE, noise, piece, real_song

PROMPTS = ("techno 128 bpm", "acoustic guitar folk waltz 3/4", "jazz trio")
Rival = Callable[[Source, int], tuple[Samples, list[Splice]]]
SHARES = (0.5, 0.71, 0.93, 1.13, 1.5, 2.0)


def source_of(fitted: Fit) -> Source:
    track = fitted.track
    places = track.bars.places.tolist()
    return Source(track.samples, track.sample_rate, track.beats.times, places, track.bars.meter)


def faults(fitted: Fit, length: int) -> list[str]:
    splices = [Splice(*join) for join in fitted.joins]
    return judge(source_of(fitted), fitted.samples, length, splices)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_remix_passes_the_judge(prompt: str, share: float) -> None:
    made = piece(prompt, 60.0)
    length = round(share * made.samples.shape[1]) + 7
    before = made.samples.copy()
    fitted = fit(made.samples, made.rate, length, tempo=made.tempo)
    assert fitted.method == "remix"
    assert fitted.joins
    assert abs(fitted.speed - 1) <= 0.0301
    assert faults(fitted, length) == []
    np.testing.assert_array_equal(made.samples, before)


@pytest.mark.parametrize("share", [0.5, 1.5])
@pytest.mark.parametrize("rival", [plain_cut, fade_loop])
def test_a_cut_and_a_fade_loop_fail_the_judge(rival: Rival, share: float) -> None:
    made = piece(PROMPTS[0], 60.0)
    fitted = fit(made.samples, made.rate, made.samples.shape[1], tempo=made.tempo)
    length = round(share * made.samples.shape[1])
    result, splices = rival(source_of(fitted), length)
    assert judge(source_of(fitted), result, length, splices)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", ["Escape from chaosland", "Feelings", "mutilated_mime"])
def test_real_songs_pass_the_judge(name: str, share: float) -> None:
    song = real_song(name)
    length = round(share * song.samples.shape[1])
    fitted = fit(song.samples, song.rate, length, tempo=song.tempo)
    assert fitted.method == "remix"
    assert faults(fitted, length) == []


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("method", ["auto", "loop", "cut"])
@pytest.mark.parametrize("seconds", [0.5, 7.0, 39.9, 40.0, 93.2])
def test_every_method_gives_every_length(method: str, ending: str, seconds: float) -> None:
    made = piece(PROMPTS[0])
    length = round(seconds * made.rate) + 1
    hits = Hits((Hit(0.3 * seconds),), ()) if ending == "last hit" else NO_HITS
    fitted = fit(made.samples, made.rate, length, method=method, ending=ending, hits=hits)
    assert fitted.samples.shape == (2, length)
    assert fitted.samples.dtype == np.float32
    assert np.isfinite(fitted.samples).all()


@pytest.mark.parametrize("share", [0.5, 1.75])
def test_without_a_beat_the_ending_is_kept_and_it_is_said(share: float) -> None:
    samples = noise(30)
    length = round(share * samples.shape[1]) + 3
    fitted = fit(samples, RATE, length)
    assert fitted.method == ("cut" if share < 1 else "loop")
    assert "no steady beat" in fitted.report
    assert fitted.samples.shape[1] == length
    np.testing.assert_array_equal(fitted.samples[:, -RATE:], samples[:, -RATE:])


@pytest.mark.parametrize("factor", [0.8, 0.87, 1.15, 1.25])
def test_a_wrong_tempo_does_no_harm_and_is_told(factor: float) -> None:
    made = piece(PROMPTS[0])
    length = round(1.5 * made.samples.shape[1])
    fitted = fit(made.samples, made.rate, length, tempo=factor * made.tempo)
    assert fitted.track.beats.bpm == pytest.approx(made.tempo, rel=0.01)
    assert f"Tempo: {factor * made.tempo:g} bpm was given" in fitted.report
    told = fit(made.samples, made.rate, length, tempo=made.tempo)
    assert "was given" not in told.report


def test_remix_is_refused_without_a_beat() -> None:
    with pytest.raises(MediaError, match="no steady beat"):
        fit(noise(20), RATE, 10 * RATE, method="remix")


@pytest.mark.parametrize("share", [0.8, 0.9, 0.97, 1.05, 1.1, 1.2])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_stretch_keeps_the_pitch(channels: int, share: float) -> None:
    if abs(share - 1) > MOST[engine()]:
        pytest.skip(f"{engine()} changes the length by {MOST[engine()]:.0%} at most")
    time = np.arange(4 * RATE) / RATE
    tone = np.tile((0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32), (channels, 1))
    length = round(share * tone.shape[1])
    fitted = fit(tone, RATE, length, method="stretch")
    assert fitted.samples.shape == (channels, length)
    middle = fitted.samples[0, RATE : 3 * RATE]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(middle.shape[0])))
    assert int(spectrum.argmax()) * RATE / middle.shape[0] == pytest.approx(440, abs=1)


@pytest.mark.parametrize("seconds", [333 / 60, 6.5, 8.0, 11.0])
def test_music_is_heard_before_the_first_join(seconds: float) -> None:
    made = piece("electronic, 120 bpm", 20.0)
    fitted = fit(made.samples, made.rate, round(seconds * made.rate), method="remix")
    assert all(join.at > FADE_SECONDS for join in fitted.joins)


def test_stretch_says_its_limit() -> None:
    with pytest.raises(MediaError, match=f"{MOST[engine()]:.0%} either way by {engine()}"):
        fit(noise(4), RATE, 8 * RATE, method="stretch")


def test_without_the_wheel_the_limit_is_that_of_the_other_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec
    hidden = "python_stretch"
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == hidden else found(name, *more),
    )
    assert stretch(noise(2), RATE, round(1.1 * 2 * RATE)).shape[1] == round(1.1 * 2 * RATE)
    with pytest.raises(MediaError, match="10% either way by FFmpeg's atempo"):
        stretch(noise(2), RATE, round(1.15 * 2 * RATE))


def test_fades_go_from_and_to_silence() -> None:
    samples = np.full((1, 4 * RATE), 0.5, np.float32)
    samples[0, ::2] *= -1
    fitted = fit(samples, RATE, 4 * RATE, fade_in=1, fade_out=2)
    level = np.abs(fitted.samples[0])
    assert level[0] < 0.001
    assert level[-1] < 0.001
    assert level[round(1.5 * RATE)] == pytest.approx(0.5)
    assert level[3 * RATE] == pytest.approx(0.5 * np.sqrt(0.5), abs=0.01)


def test_silence_stays_silent() -> None:
    fitted = fit(np.zeros((2, RATE), np.float32), RATE, 3 * RATE)
    assert fitted.samples.shape[1] == 3 * RATE
    assert "silent" in fitted.report
    assert not fitted.samples.any()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"length": 0}, "length"),
        ({"method": "magic"}, "method"),
        ({"ending": "soft"}, "ending"),
        ({"fade_in": -1.0}, "fade_in"),
        ({"fade_out": 99.0}, "fade_out"),
        ({"tempo": 3.0}, "tempo"),
    ],
)
def test_a_bad_wish_is_named(options: dict, word: str) -> None:
    with pytest.raises(MediaError, match=word):
        fit(**{"samples": noise(2), "sample_rate": RATE, "length": RATE, **options})


@pytest.mark.parametrize("rate", [8000, 192_000])
@pytest.mark.parametrize("channels", [1, 8])
def test_any_rate_and_number_of_channels(channels: int, rate: int) -> None:
    samples: Samples = noise(4, rate, channels)
    assert fit(samples, rate, 6 * rate).samples.shape == (channels, 6 * rate)


def test_the_plot_shows_it() -> None:
    made = piece(PROMPTS[0])
    fitted = fit(made.samples, made.rate, 60 * made.rate)
    picture = draw_fit(fitted, 600, 300)
    assert picture.shape == (300, 600, 3)
    assert picture.dtype == np.uint8
    assert (picture == (240, 178, 84)).all(axis=2).any()


@pytest.mark.parametrize("seconds", [5.0, 5.55, 6.5, 8.0, 11.0, 15.0])
def test_a_remix_that_keeps_the_ending_ends_with_the_source(seconds: float) -> None:
    made = compose("electronic, 120 bpm", 20.0)
    samples = np.asarray(made.waveform, dtype=np.float32)
    last = made.sample_rate
    done = fit(samples, last, round(seconds * last), method="remix", tempo=120.0)
    assert np.array_equal(done.samples[:, -last:], samples[:, -last:])
