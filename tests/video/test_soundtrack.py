"""Sound on a picture: packets copied, the sound as long as the picture and in its place."""

from __future__ import annotations

import json
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ...audio.arrays import LongSamples, MediaError
from ...video.options import Mix
from ...video.soundtrack import add_soundtrack
from .make import (
    CODECS,
    RATES,
    lag,
    make_clip,
    noise,
    picture_hashes,
    picture_stamps,
    sound_end,
    sound_of,
    tone,
)

EXAMPLES = Path(__file__).parents[2] / "example_workflows"
AUDIO_FRAME = 0.0235
STAMPS = [0, 33, 100, 300, 333, 700]


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("suffix", CODECS)
def test_the_picture_is_copied_and_the_sound_fits(tmp_path: Path, suffix: str, fps: Fraction):
    clip = make_clip(tmp_path / f"clip{suffix}", 50, fps, sound=noise(1.0, seed=5))
    made = add_soundtrack(clip, tmp_path / "made", noise(4.0), 48000)
    # Matroska that MP4 holds becomes MP4, where its rounded time stamps are exact again.
    assert made.path.suffix == (".mp4" if suffix == ".mkv" else suffix)
    assert picture_hashes(made.path) == picture_hashes(clip)
    exact = [number / fps for number in range(50)]
    stamps = exact if suffix == ".mkv" else sorted(picture_stamps(clip))
    assert sorted(picture_stamps(made.path)) == stamps
    assert made.sound.shape == (2, round(50 / fps * 48000))
    assert abs(sound_end(made.path) - 50 / fps) <= AUDIO_FRAME
    heard, rate = sound_of(made.path)
    assert rate == 48000
    assert abs(lag(heard.mean(axis=0), made.sound.mean(axis=0))) <= 48


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("frames", [1, 2])
def test_a_single_frame_gets_its_sound(tmp_path: Path, suffix: str, frames: int):
    clip = make_clip(tmp_path / f"clip{suffix}", frames, 24)
    made = add_soundtrack(clip, tmp_path / "made", noise(1.0), 44100 if suffix == ".mp4" else 48000)
    assert picture_hashes(made.path) == picture_hashes(clip)
    assert abs(sound_end(made.path) - frames / 24) <= AUDIO_FRAME


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_variable_rate_stays(tmp_path: Path, suffix: str):
    clip = make_clip(tmp_path / f"clip{suffix}", 6, 30, stamps=STAMPS)
    made = add_soundtrack(clip, tmp_path / "made", noise(2.0), 48000)
    assert picture_stamps(made.path) == picture_stamps(clip)
    assert abs(sound_end(made.path) - float(made.picture.seconds)) <= AUDIO_FRAME


def test_a_clip_cut_by_an_edit_list_shows_the_same_frames(tmp_path: Path, ffmpeg, probe):
    clip, cut = make_clip(tmp_path / "clip.mp4", 60, 30), tmp_path / "cut.mp4"
    ffmpeg("-v", "error", "-ss", "0.5", "-i", str(clip), "-c", "copy", str(cut))
    made = add_soundtrack(cut, tmp_path / "made", noise(2.0), 48000)

    def shown(path: Path) -> bytes:
        return ffmpeg("-v", "error", "-i", str(path), "-map", "0:v", "-f", "framemd5", "-")

    assert shown(made.path).splitlines()[-45:] == shown(cut).splitlines()[-45:]
    assert probe(made.path)["streams"][0]["nb_read_frames"] == "45"


def test_rotation_colour_and_tags_stay(tmp_path: Path, ffmpeg, probe):
    clip, turned = make_clip(tmp_path / "clip.mp4", 20), tmp_path / "turned.mp4"
    ffmpeg(
        *("-v", "error", "-i", str(clip), "-c", "copy", "-metadata:s:v", "rotate=90"),
        *("-metadata", "workflow={}", "-movflags", "use_metadata_tags", str(turned)),
    )
    made = add_soundtrack(turned, tmp_path / "made", noise(1.0), 48000)
    before, after = probe(turned), probe(made.path)
    assert after["streams"][0]["side_data_list"] == before["streams"][0]["side_data_list"]
    assert after["format"]["tags"]["workflow"] == "{}"
    for key in ("pix_fmt", "sample_aspect_ratio", "avg_frame_rate", "time_base", "width"):
        assert after["streams"][0].get(key) == before["streams"][0].get(key)


def test_subtitles_stay(tmp_path: Path, ffmpeg, probe):
    clip, words, both = make_clip(tmp_path / "a.mp4", 60), tmp_path / "w.srt", tmp_path / "b.mkv"
    words.write_text("1\n00:00:00,500 --> 00:00:01,500\nHello\n")
    ffmpeg("-v", "error", "-i", str(clip), "-i", str(words), "-c:v", "copy", str(both))
    made = add_soundtrack(both, tmp_path / "made", noise(2.0), 48000)
    kinds = [stream["codec_type"] for stream in probe(made.path)["streams"]]
    assert kinds == ["video", "subtitle", "audio"]


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_the_clips_own_sound_stays_in_its_place(tmp_path: Path, start: float):
    own = noise(1.0, seed=3)
    clip = make_clip(tmp_path / "clip.mp4", 60, 30, sound=own, sound_start=start)
    silence = np.zeros((2, 96000), np.float32)
    made = add_soundtrack(clip, tmp_path / "made", silence, 48000, mix="under")
    assert abs(lag(made.sound.mean(axis=0), own.mean(axis=0)) - start * 48000) <= 48


def test_the_music_lies_under_the_clips_sound_at_its_level(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", 60, 30, sound=tone(2.0, 300))
    made = add_soundtrack(clip, tmp_path / "made", tone(2.0, 2000), 48000, mix="under", level=-12)
    assert _level(made.sound, 2000) == pytest.approx(20 * np.log10(0.2) - 12, abs=0.3)
    assert _level(made.sound, 300) == pytest.approx(20 * np.log10(0.2), abs=0.5)


def test_other_rates_meet_at_the_higher_one(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", 60, 30, sound=tone(2.0, 300), sound_rate=48000)
    music = tone(2.0, 2000, 22050)[:1]
    made = add_soundtrack(clip, tmp_path / "made", music, 22050, mix="under")
    assert made.sample_rate == 48000
    assert made.sound.shape == (2, 96000)
    assert _level(made.sound, 2000) == pytest.approx(20 * np.log10(0.2), abs=0.5)


def test_mono_keeps_its_level_in_stereo(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.mp4", 60, 30, sound=tone(2.0, 300)[:1])
    made = add_soundtrack(clip, tmp_path / "made", tone(2.0, 2000), 48000, mix="under")
    assert made.sound.shape[0] == 2
    assert _level(made.sound, 300) == pytest.approx(20 * np.log10(0.2), abs=0.5)


def test_music_gives_way_to_speech(tmp_path: Path, speak):
    spoken = tmp_path / "speech.wav"
    speak("-w", str(spoken), "This is a sentence that lasts for about three seconds, or so.")
    with wave.open(str(spoken)) as file:
        rate = file.getframerate()
        words = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    lead, tail = np.zeros(2 * rate), np.zeros(3 * rate)
    own = np.concatenate([lead, words, tail]).astype(np.float32)[None]
    seconds = own.shape[1] / rate
    clip = make_clip(tmp_path / "c.mp4", round(seconds * 25), 25, sound=own, sound_rate=rate)
    # Far above speech, so that it can be told from it.
    music = tone(seconds, 9000, 48000, level=0.1)
    made = add_soundtrack(clip, tmp_path / "made", music, 48000, mix="duck", duck=-10)

    def level(start: float, stop: float) -> float:
        return _level(made.sound[:, round(start * 48000) : round(stop * 48000)], 9000)

    speech_end = 2 + words.size / rate
    assert level(0.2, 1.5) == pytest.approx(-20, abs=0.3)
    assert level(2.3, speech_end - 0.5) == pytest.approx(-30, abs=0.7)
    assert level(speech_end + 1.5, seconds - 0.2) == pytest.approx(-20, abs=0.3)


def test_the_example_lowers_its_music_under_its_speech(tmp_path: Path):
    workflow = json.loads((EXAMPLES / "Music under Speech.json").read_text("utf-8"))
    (node,) = (node for node in workflow["nodes"] if node["type"] == "AIGatewayAddSoundtrack")
    mix, gain, duck, fade, *_ = node["widgets_values"]
    # Far above speech, so that it can be told from it.
    music = tone(12.0, 9000, 48000, level=0.1)
    made = add_soundtrack(
        EXAMPLES / "clip.mp4",
        tmp_path / "made",
        music,
        48000,
        mix=mix,
        level=gain,
        duck=duck,
        fade=fade,
    )

    def level(start: float, stop: float) -> float:
        return _level(made.sound[:, round(start * 48000) : round(stop * 48000)], 9000)

    alone = -20 + gain
    assert level(0.2, 2.2) == pytest.approx(alone, abs=0.3)
    # From the first word to the last; the voice pauses for 0.4 s at most.
    assert level(2.5, 10.8) == pytest.approx(alone + duck, abs=0.7)
    assert level(11.75, 12.0) == pytest.approx(alone, abs=0.7)


@pytest.mark.parametrize("mix", ["under", "duck"])
def test_a_clip_without_sound_gets_the_music_alone(tmp_path: Path, mix: str):
    music = noise(2.0)
    clip = make_clip(tmp_path / "clip.mp4", 30)
    made = add_soundtrack(clip, tmp_path / "made", music, 48000, mix=mix, level=-20)
    assert made.mix is Mix.REPLACE
    assert any("no sound of its own" in sentence for sentence in made.report)
    assert np.array_equal(made.sound, music[:, :48000])


def test_short_music_is_followed_by_silence_and_fades_at_its_own_end(tmp_path: Path):
    music = np.ones((2, 48000), np.float32) * 0.5
    before = music.copy()
    clip = make_clip(tmp_path / "clip.mp4", 60)
    made = add_soundtrack(clip, tmp_path / "made", music, 48000, fade=0.25)
    assert not made.sound[:, 48000:].any()
    assert made.sound[0, 24000] == pytest.approx(0.5)
    assert abs(made.sound[0, 0]) < 1e-4
    assert abs(made.sound[0, 47999]) < 1e-4
    assert any("silence follows" in sentence for sentence in made.report)
    assert np.array_equal(music, before)


def test_the_mix_is_what_is_mastered(tmp_path: Path):
    asked: list[tuple[tuple[int, ...], int]] = []

    def master(mix: LongSamples, rate: int) -> None:
        asked.append((mix.shape, rate))
        mix[:, :] *= np.float32(0.5)

    clip = make_clip(tmp_path / "clip.mp4", 30)
    music = noise(1.0)
    made = add_soundtrack(clip, tmp_path / "made", music, 48000, master=master)
    assert asked == [((2, 48000), 48000)]
    assert np.allclose(made.sound, music * 0.5)
    heard, _ = sound_of(made.path)
    assert np.std(heard) == pytest.approx(np.std(music) * 0.5, rel=0.05)


@pytest.mark.parametrize("suffix", [".ts", ".avi"])
def test_containers_that_hold_no_such_sound_become_mp4(tmp_path: Path, suffix: str):
    codec = "libx264" if suffix == ".ts" else "mpeg4"
    clip = make_clip(tmp_path / f"clip{suffix}", 40, 25, codec=codec)
    made = add_soundtrack(clip, tmp_path / "made", noise(3.0), 48000)
    assert made.path.suffix == ".mp4"
    with av.open(str(made.path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 40
    assert abs(sound_end(made.path) - 1.6) <= AUDIO_FRAME


def test_avi_with_reordered_frames_is_refused(tmp_path: Path):
    clip = make_clip(tmp_path / "clip.avi", 20, 25, codec="libx264")
    with pytest.raises(MediaError, match="AVI"):
        add_soundtrack(clip, tmp_path / "made", noise(1.0), 48000)
    assert list(tmp_path.glob("made*")) == []


@pytest.mark.parametrize(
    ("samples", "rate", "sentence"),
    [
        (np.full((2, 100), np.nan, np.float32), 48000, "NaN"),
        (np.zeros((3, 100), np.float32), 48000, "3 channels"),
        (np.zeros((2, 0), np.float32), 48000, "shape"),
        (np.zeros(100, np.float32), 48000, "shape"),
        (np.zeros((2, 100), np.float32), 0, "sample rate"),
    ],
)
def test_sound_that_cannot_be_used_is_named(tmp_path: Path, samples, rate: int, sentence: str):
    clip = make_clip(tmp_path / "clip.mp4", 10)
    with pytest.raises(MediaError, match=sentence):
        add_soundtrack(clip, tmp_path / "made", samples, rate)


@pytest.mark.parametrize("numbers", [{"duck": 3.0}, {"fade": -1.0}, {"level": float("nan")}])
def test_numbers_that_cannot_be_used_are_named(tmp_path: Path, numbers: dict[str, Any]):
    clip = make_clip(tmp_path / "clip.mp4", 10)
    with pytest.raises(MediaError, match="expected"):
        add_soundtrack(clip, tmp_path / "made", noise(1.0), 48000, **numbers)


def _level(sound: np.ndarray, hertz: float) -> float:
    """Peak level in dBFS of the sine of `hertz` in the first channel, at 48 kHz."""
    wave_ = np.exp(-2j * np.pi * hertz * np.arange(sound.shape[1]) / 48000)
    window = np.hanning(sound.shape[1])
    return 20 * np.log10(2 * abs(np.sum(sound[0] * wave_ * window)) / window.sum())
