"""A file has the loudness and the true peak of its samples, behind every codec."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ...audio.arrays import UNCHANGED, Curve, LevelChange, Samples
from ...audio.decode import decode
from ...audio.encode import encode
from ...audio.formats import QUALITIES, Encoding, Format, Peaks
from ...music.encoded_level import encode_at_level
from ...music.mastering import Level, level_of, master
from .pieces import piece

LOUD = -11.0


@cache
def loud() -> tuple[Samples, int]:
    """Music at -11 LUFS under -1 dBTP: the limiter makes peaks that no codec keeps."""
    made = piece("techno 128 bpm", 10.0)
    samples = np.empty_like(made.samples)
    assert master(made.samples, made.rate, samples, loudness=LOUD, ceiling=-1.0).limited > 2
    return samples, made.rate


def level(path: Path) -> Level:
    with path.open("rb") as file:
        waveform, rate = decode(file)
    return level_of(waveform.numpy(), rate)


@pytest.mark.slow
@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(Format.OPUS, "128 kbit/s"),
        Encoding(Format.OPUS, "64 kbit/s"),
        Encoding(Format.MP3, "V0"),
        Encoding(Format.MP3, "128 kbit/s"),
        Encoding(Format.MP3, "192 kbit/s"),
        Encoding(Format.OGG, "quality 4"),
    ],
    ids=lambda encoding: f"{encoding.format.value} {encoding.quality}",
)
def test_a_file_has_the_level_of_its_samples(encoding: Encoding, tmp_path: Path) -> None:
    samples, rate = loud()
    path = tmp_path / "song"
    _, note = encode_at_level(samples, rate, path, encoding)
    found = level(path)
    assert found.true_peak <= -0.9 or "Behind the codec" in note
    assert found.loudness == pytest.approx(LOUD, abs=0.12) or "Behind the codec" in note
    assert list(tmp_path.iterdir()) == [path]
    plain = tmp_path / "plain"
    encode(samples, rate, plain, encoding)
    assert level(plain).true_peak > -0.9


@pytest.mark.parametrize("format", [Format.WAV, Format.FLAC])
def test_a_lossless_file_is_not_measured(format: Format, tmp_path: Path) -> None:
    samples, rate = loud()
    quality = QUALITIES[format][1]
    assert encode_at_level(samples, rate, tmp_path / "a", Encoding(format, quality))[1] == ""
    encode(samples, rate, tmp_path / "b", Encoding(format, quality))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("samples", [np.zeros((2, 9000)), np.full((1, 9000), 1.5)])
def test_silence_and_clipped_sound_are_encoded_as_they_are(
    samples: np.ndarray, tmp_path: Path
) -> None:
    encoding, sound = Encoding(Format.OPUS, "128 kbit/s"), samples.astype(np.float32)
    report, note = encode_at_level(sound, 48000, tmp_path / "a", encoding, peaks=Peaks.NORMALIZE)
    assert note == ""
    assert encode(sound, 48000, tmp_path / "b", encoding, peaks=Peaks.NORMALIZE) == report
    assert (tmp_path / "a").stat().st_size == (tmp_path / "b").stat().st_size


def test_a_file_that_exists_stays(tmp_path: Path) -> None:
    path = tmp_path / "song"
    path.write_bytes(b"mine")
    samples, rate = loud()
    with pytest.raises(FileExistsError):
        encode_at_level(samples, rate, path, Encoding(Format.OGG, "quality 4"))
    assert path.read_bytes() == b"mine"


def test_a_level_that_the_codec_does_not_keep_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A codec that makes all of it half as loud, whatever it is given.
    samples, rate = loud()
    quiet = (samples * np.float32(0.5))[:, : 2 * rate]

    def deaf(sound: Samples, *arguments: object, change: LevelChange, **options: object) -> object:
        return encode(quiet, *arguments, **options)  # type: ignore[arg-type]

    module = encode_at_level.__module__
    monkeypatch.setattr(f"{module}.encode", deaf)
    encoding = Encoding(Format.OGG, "quality 10")
    _, note = encode_at_level(samples[:, : 2 * rate], rate, tmp_path / "song", encoding)
    assert note.startswith("Behind the codec the level is")


def test_changes_follow_each_other_at_any_rate() -> None:
    ones = np.ones((1, 8000), np.float32)
    curve = Curve(np.linspace(1, 0.5, 1000), 8)
    twice = UNCHANGED.then(2.0, curve, 8000).then(0.5, curve, 8000)
    expected = np.square(curve.between(0, 8000))
    np.testing.assert_allclose(twice.of(0, ones, 8000)[0], expected, atol=1e-6)
    faster = twice.of(0, np.ones((1, 44100), np.float32), 44100)[0]
    np.testing.assert_allclose(faster[::441], expected[::80], atol=2e-3)
    np.testing.assert_allclose(twice.of(4000, ones[:, 4000:], 8000)[0], expected[4000:], atol=1e-6)
