"""Mastering reaches the loudness under the ceiling, by other people's meters too."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ...audio.arrays import MediaError
from ...music.mastering import Master, master
from ...music.peaks import true_peak
from .pieces import RATE, noise, piece


def mastered(samples: np.ndarray, rate: int, **wishes: float) -> tuple[np.ndarray, Master]:
    """New samples, and the report on them."""
    target = np.empty_like(samples)
    return target, master(samples, rate, target, **wishes)


def tone(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * 1000 * time).astype(np.float32)[None]


@pytest.mark.parametrize("ceiling", [-1.0, -3.0])
@pytest.mark.parametrize("loudness", [-12.0, -14.0, -23.0])
def test_loudness_and_true_peak(loudness: float, ceiling: float, tmp_path: Path) -> None:
    made = piece("techno 128 bpm")
    samples, result = mastered(made.samples, made.rate, loudness=loudness, ceiling=ceiling)
    assert result.after.loudness == pytest.approx(loudness, abs=0.1) or "reached" in result.report
    assert true_peak(samples, made.rate) <= ceiling
    assert samples.shape == made.samples.shape
    if shutil.which("ffmpeg"):
        measured, peak = ffmpeg_level(samples, made.rate, tmp_path / "out.wav")
        assert measured == pytest.approx(loudness, abs=0.5)
        assert peak <= ceiling
    try:
        import pyloudnorm  # type: ignore[import-not-found]
    except ImportError:
        return
    meter = pyloudnorm.Meter(made.rate)
    assert meter.integrated_loudness(samples.T) == pytest.approx(loudness, abs=0.5)


def ffmpeg_level(samples: np.ndarray, rate: int, path: Path) -> tuple[float, float]:
    """(LUFS, dBTP) by ffmpeg's command line."""
    soundfile.write(path, samples.T, rate, subtype="FLOAT")
    command = ["ffmpeg", "-nostats", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = text[text.rindex("Summary:") :]
    found = [re.search(rf"{name}:\s+(-?[\d.]+)", summary) for name in ("I", "Peak")]
    loudness, peak = (float(match[1]) for match in found if match)
    return loudness, peak


def test_a_loudness_out_of_reach_is_named() -> None:
    made = piece("techno 128 bpm")
    samples, result = mastered(made.samples, made.rate, loudness=-3, ceiling=-6)
    assert "cannot be reached" in result.report
    assert true_peak(samples, made.rate) <= -6


def test_a_limiter_that_is_heard_is_named() -> None:
    made = piece("techno 128 bpm")
    gentle, strong = (mastered(made.samples, made.rate, loudness=at)[1] for at in (-14, -5))
    assert gentle.limited < 6 < strong.limited
    assert ["dB is heard" in each.report for each in (gentle, strong)] == [False, True]


def test_the_report_has_all_measures() -> None:
    quiet, loud = tone(10) * np.float32(0.01), tone(10) * np.float32(0.1)
    result = mastered(np.concatenate([quiet, loud], axis=1), RATE, loudness=-23)[1]
    assert "Loudest 0.4 s: -22.9 LUFS (momentary)" in result.report
    assert "loudest 3 s: -22.9 LUFS (short-term); loudness range 20.0 LU." in result.report


def test_a_peak_between_the_samples_is_seen() -> None:
    # BS.1770's own example: a quarter of the sample rate, 45 degrees off.
    time = np.arange(RATE)
    tone = np.sin(np.pi / 2 * time + np.pi / 4).astype(np.float32)[None] * 0.5
    assert float(np.abs(tone).max()) == pytest.approx(0.5 * np.sqrt(0.5), abs=1e-4)
    inner = tone * np.hanning(RATE).astype(np.float32)
    assert true_peak(inner, RATE) == pytest.approx(20 * np.log10(0.5), abs=0.1)


def test_only_the_ceiling_where_the_loudness_is_left() -> None:
    made = piece("techno 128 bpm")
    quiet = made.samples * np.float32(0.25)
    np.testing.assert_array_equal(mastered(quiet, made.rate)[0], quiet)
    loud = made.samples * np.float32(4)
    samples, result = mastered(loud, made.rate, ceiling=-1)
    assert true_peak(samples, made.rate) <= -1
    assert result.limited > 0


def test_the_limiter_leaves_the_rest_alone() -> None:
    samples = noise(6) * np.float32(0.2)
    samples[:, 3 * RATE : 3 * RATE + 20] = 1.5
    limited, _ = mastered(samples, RATE, ceiling=-1)
    np.testing.assert_allclose(limited[:, :RATE], samples[:, :RATE], atol=1e-6)
    assert true_peak(limited, RATE) <= -1


@pytest.mark.parametrize(
    ("samples", "word"),
    [
        (np.zeros((2, RATE), np.float32), "silent"),
        (noise(3) * np.float32(1e-5), "quieter than -70"),
        (noise(0.1), "shorter than a loudness block"),
        (tone(3) * np.float32(1e-3), "dB of gain"),
    ],
)
def test_what_cannot_be_measured_is_named(samples: np.ndarray, word: str) -> None:
    target, result = mastered(samples, RATE, loudness=-14)
    assert word in result.report
    assert np.isfinite(target).all()


@pytest.mark.parametrize(("loudness", "ceiling"), [(3.0, -1.0), (-80.0, -1.0), (-14.0, 2.0)])
def test_a_bad_wish_is_named(loudness: float, ceiling: float) -> None:
    with pytest.raises(MediaError, match="expected"):
        mastered(noise(1), RATE, loudness=loudness, ceiling=ceiling)
