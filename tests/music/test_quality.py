"""A track whose end collapses is named; a track that ends is not."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from ...audio.arrays import Samples
from ...music.quality import HELD, NOISE, SILENCE, quality
from .pieces import RATE, noise, piece

PROMPTS = ["techno 128 bpm", "slow piano ballad 70 bpm", "ambient drone pads", "jazz waltz"]
SECONDS = 24.0


@cache
def end(kind: str) -> Samples:
    """A third of 24 s, as a broken model makes it."""
    random, time = np.random.default_rng(1), np.arange(round(8 * RATE)) / RATE
    if kind == "hiss":
        made = 0.1 * random.standard_normal((2, time.size))
    elif kind == "hiss of one colour":
        spectrum = np.fft.rfft(random.standard_normal((2, time.size)))
        spectrum /= np.sqrt(np.arange(1, spectrum.shape[1] + 1))
        made = np.fft.irfft(spectrum, time.size)
        made *= 0.1 / made.std()
    elif kind == "silence":
        made = np.zeros((2, time.size))
    elif kind == "faint noise":
        made = 1e-4 * random.standard_normal((2, time.size))
    else:
        pitches = [220.0] if kind == "tone" else [220.0, 277.2, 329.6]
        made = np.tile(sum(0.1 * np.sin(2 * np.pi * p * time) for p in pitches), (2, 1))
    return made.astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("hiss", NOISE),
        ("hiss of one colour", NOISE),
        ("silence", SILENCE),
        ("faint noise", SILENCE),
        ("tone", HELD),
        ("chord", HELD),
    ],
)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_late_collapse_is_named(prompt: str, kind: str, name: str) -> None:
    made = piece(prompt, SECONDS)
    assert made.rate == RATE
    samples = np.concatenate([made.samples[:, : 16 * RATE], end(kind)], axis=1)
    found = quality(samples, RATE)
    assert found.collapse == name
    assert found.collapse_at == pytest.approx(16, abs=1.5)


@pytest.mark.parametrize("prompt", [*PROMPTS, "rock 140 bpm", "lofi hip hop 80 bpm"])
@pytest.mark.parametrize("fade", [0.0, 6.0])
def test_music_to_its_end_is_no_collapse(prompt: str, fade: float) -> None:
    made = piece(prompt, SECONDS)
    samples = made.samples.copy()
    if fade:
        samples[:, -round(fade * RATE) :] *= np.linspace(1, 0, round(fade * RATE), dtype=np.float32)
    assert quality(samples, made.rate).collapse == ""


@pytest.mark.parametrize("kind", ["hiss", "tone", "silence"])
def test_sound_that_is_so_from_its_beginning_does_not_fall(kind: str) -> None:
    assert quality(np.tile(end(kind), (1, 3)), RATE).collapse == ""


def test_the_facts_of_a_track() -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(4 * RATE) / RATE).astype(np.float32)
    gap = np.zeros(RATE, np.float32)
    row = np.concatenate([gap, (2 * tone).clip(-1, 1), gap, gap])
    found = quality(np.stack([row, row]), RATE)
    assert found.start == pytest.approx(1, abs=0.01)
    assert found.end == pytest.approx(2, abs=0.01)
    assert found.mono
    # A clipped sine of twice the height is at full scale for two thirds of its time.
    assert found.clipped == pytest.approx(2 * 4 * RATE * 2 / 3, rel=0.02)
    assert "1.0 s of silence at the start, 2.0 s of silence at the end, mono" in str(found)


def test_good_sound_has_only_its_levels() -> None:
    found = quality(noise(12), RATE)
    assert (found.clipped, found.mono, found.collapse) == (0, False, "")
    assert str(found) == f"{found.loudness:.1f} LUFS, peak {found.peak:.1f} dBFS"


def test_silence_and_short_sound() -> None:
    assert str(quality(np.zeros((2, RATE), np.float32), RATE)) == "silent"
    assert quality(np.ones((1, 1), np.float32), RATE).peak == 0
    assert math.isinf(quality(np.zeros((1, 3), np.float32), RATE).loudness)
