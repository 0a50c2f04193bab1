"""Odd inputs of the nodes that score a picture: what cannot be is named, and what can be works."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from ...api.base.errors import InputError
from ...audio.arrays import MediaError
from ...sandbox.server import Sandbox
from ..video.make import make_clip
from ..videos import VideoFromFile as Video
from .test_music_nodes import clip
from .test_nodes import run

pytestmark = pytest.mark.usefixtures("host_with_videos")

Node = dict[str, Any]
RATE = 24
IMAGES = torch.zeros(3, 4, 4, 3)
NAN = float("nan")


def audio(seconds: float = 3.0, channels: int = 2, rate: int = 44_100) -> Mapping[str, Any]:
    count = round(seconds * rate)
    noise = torch.rand(1, channels, count, generator=torch.Generator().manual_seed(count)) - 0.5
    return {"waveform": noise * 0.2, "sample_rate": rate}


SILENCE = {"waveform": torch.zeros(1, 2, 132_300), "sample_rate": 44_100}
HOUR = 3600.0
LONG = {"waveform": torch.zeros(1, 1, 3_601_000), "sample_rate": 1000}
"""An hour and a second."""


@pytest.fixture
def video(tmp_path: Path) -> Callable[[int], Video]:
    """A clip of so many frames, with sound."""

    def make(frames: int) -> Video:
        return Video(clip(tmp_path / f"{frames}.mp4", frames, Fraction(RATE), sound=frames > 1))

    return make


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    # Lengths
    ("MusicLength", {}, "No length is given"),
    ("MusicLength", {"frames": 48}, "frames is set and fps is 0"),
    ("MusicLength", {"fps": 24.0}, "fps is set and frames is 0"),
    ("MusicLength", {"frames": -48, "fps": 24.0}, "frames is -48"),
    ("MusicLength", {"frames": 48, "fps": -24.0}, "fps is -24"),
    ("MusicLength", {"frames": 48, "fps": NAN}, "fps is nan"),
    ("MusicLength", {"frames": "48", "fps": 24.0}, "frames is '48'"),
    ("MusicLength", {"frames": None, "fps": 24.0}, "frames is None"),
    ("MusicLength", {"frames": True, "fps": 24.0}, "frames is True"),
    ("MusicLength", {"frames": 48, "fps": 24.0, "tail": -1.0}, "tail is -1"),
    ("MusicLength", {"frames": 48, "fps": 24.0, "near_tempo": 0.0}, "must be above 0"),
    ("MusicLength", {"picture": IMAGES}, "set fps"),
    ("MusicLength", {"picture": IMAGES, "fps": 24.0, "frames": 4}, "Two lengths disagree"),
    ("MusicLength", {"picture": IMAGES[:0], "fps": 24.0}, "no frames"),
    ("MusicLength", {"picture": "clip.mp4", "fps": 24.0}, "something of the type str came"),
    ("FitMusic", {"audio": audio()}, "No length is given"),
    ("FitMusic", {"audio": audio(), "frames": 48}, "frames is set and fps is 0"),
    ("FitMusic", {"audio": audio(), "fps": 24.0}, "fps is set and frames is 0"),
    ("FitMusic", {"audio": audio(), "seconds": -2.0}, "seconds is -2"),
    (
        "FitMusic",
        {"audio": audio(), "frames": 48, "fps": 24.0, "seconds": 3.0},
        "Two lengths disagree: the picture lasts 2.000 s, and seconds is 3",
    ),
    ("FitMusic", {"audio": audio(), "picture": IMAGES}, "set fps"),
    ("FitMusic", {"audio": audio(), "seconds": HOUR + 1}, "raise max_audio_minutes"),
    ("FitMusic", {"audio": LONG, "seconds": 2.0}, "raise max_audio_minutes"),
    ("FitMusic", {"audio": audio(), "frames": 90_000, "fps": 24.0}, "The length is 62.5 minutes"),
    ("MusicLength", {"frames": 90_000, "fps": 24.0}, "The length is 62.5 minutes"),
    ("MusicLength", {"picture": IMAGES, "fps": 0.0005}, "The length is 100.0 minutes"),
    ("MusicLength", {"frames": 1, "fps": 1e-9}, "give at least 0.001"),
    ("Beats", {"audio": audio(), "frames": 90_000, "fps": 24.0}, "The length is 62.5 minutes"),
    ("Beats", {"audio": LONG}, "raise max_audio_minutes"),
    ("Visualize", {"audio": LONG}, "raise max_audio_minutes"),
    ("MakeLoop", {"audio": LONG}, "raise max_audio_minutes"),
    ("Shots", {"audio": LONG}, "raise max_audio_minutes"),
    ("AddSoundtrack", {"video": 48, "audio": LONG}, "raise max_audio_minutes"),
    # Sound
    ("FitMusic", {"audio": None, "seconds": 2.0}, "No audio arrived"),
    ("FitMusic", {"audio": audio(channels=9), "seconds": 2.0}, "9 channels"),
    ("FitMusic", {"audio": audio(0.0), "seconds": 2.0}, "has 0 samples"),
    ("FitMusic", {"audio": audio(rate=800), "seconds": 2.0}, "sample rate of 800 Hz"),
    ("AddSoundtrack", {"video": 48, "audio": None}, "No audio arrived"),
    ("AddSoundtrack", {"video": 48, "audio": audio(channels=9)}, "9 channels"),
    ("AddSoundtrack", {"video": 48, "audio": audio(0.0)}, "has 0 samples"),
    # Numbers and choices
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "tempo": 5000.0}, "20 to 400"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "tempo": "fast"}, "tempo is 'fast'"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "fade_in": 3.0}, "fade_in is 3 s"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "fade_out": NAN}, "fade_out is nan"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "method": "magic"}, "expected one of auto"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "ending": "soon"}, "expected one of keep"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "loudness": "loud"}, "choose one of leave"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "true_peak": 3.0}, "expected -20 to 0"),
    ("AddSoundtrack", {"video": 48, "audio": audio(), "mix": "over"}, "replace, under, duck"),
    ("AddSoundtrack", {"video": 48, "audio": audio(), "level": NAN}, "level is nan"),
    ("AddSoundtrack", {"video": 48, "audio": audio(), "fade": "slow"}, "fade is 'slow'"),
    ("AddSoundtrack", {"video": 48, "audio": audio(), "fade": -1.0}, "fade -1 s"),
    ("AddSoundtrack", {"video": 48, "audio": audio(), "loudness": "loud"}, "choose one of leave"),
    ("AddSoundtrack", {"video": None, "audio": audio()}, "A VIDEO is expected, and nothing came"),
    ("AddSoundtrack", {"video": IMAGES, "audio": audio()}, "A VIDEO is expected"),
    # Hits and markers
    ("MusicLength", {"frames": 48, "fps": 24.0, "hits": "soon"}, "hits has the entry “soon”"),
    ("MusicLength", {"frames": 48, "fps": 24.0, "hits": 4.5}, "text is expected"),
    ("MusicLength", {"frames": 48, "fps": 24.0, "hits": "[1,"}, "hits is no valid JSON"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "hits": "12f"}, "no rate is given"),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "hits": '["a"]'}, 'hits has the entry "a"'),
    ("FitMusic", {"audio": audio(), "seconds": 2.0, "ending": "last hit"}, "no hit in the picture"),
    (
        "SaveAudio",
        {"audio": audio(), "filename_prefix": "x", "markers": "none"},
        "not those of Fit",
    ),
    # Lyrics
    *(
        ("SaveAudio", {"audio": audio(), "filename_prefix": "x", "lyrics": lyrics}, said)
        for lyrics, said in (("la la", "no times"), ("[{}]", "not those of Timed"), (4, "text is"))
    ),
    ("Visualize", {"audio": audio(), "lyrics": "la la"}, "no times"),
    ("AddSoundtrack", {"video": 48, "audio": audio(), "subtitles": "la la"}, "no times"),
    ("AddSoundtrack", {"video": 48, "audio": audio(), "subtitles": 4}, "The subtitles is of"),
    # Shots
    ("Shots", {"audio": None}, "No audio arrived"),
    ("Shots", {"audio": audio(), "fps": 0.0}, "fps is 0"),
    ("Shots", {"audio": audio(), "every": "minute"}, "expected one of beats"),
    ("Shots", {"audio": audio(), "grid": "2n"}, "expected one of none"),
    ("Shots", {"audio": audio(), "count": 2000}, "expected 1 to 1000"),
    ("Shots", {"audio": audio(), "min_seconds": 3.0, "max_seconds": 2.0}, "not below min_seconds"),
    # Requests
    ("Takes", {"duration": 0.0}, "5 to 240 s"),
    ("Takes", {"duration": HOUR}, "5 to 240 s"),
    ("Takes", {"duration": NAN}, "5 to 240 s"),
    ("Takes", {"duration": None}, "5 to 240 s"),
    ("Takes", {"prompt": ""}, "The prompt is empty"),
    ("Takes", {"prompt": None}, "The prompt is missing"),
    ("Takes", {"count": 0}, "1 to 16 takes"),
    ("Takes", {"take": -1}, "The take is -1"),
    ("Takes", {"take": 2**63 - 1, "count": 2}, "The take is 9223372036854775808"),
    ("Takes", {"format": "flac"}, "mp3 or wav"),
    ("Takes", {"words": "loud"}, "one of as given"),
]


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1.01, 20, 10_000])
@pytest.mark.parametrize("mix", ["replace", "under", "duck"])
async def test_a_clip_of_two_frames_hours_apart_takes_no_memory(
    node: Node, tmp_path: Path, hours: float, mix: str
):
    stamps = [0, round(hours * HOUR * 1000)]
    path = make_clip(tmp_path / "clip.mkv", 2, stamps=stamps, codec="mpeg4")
    tracemalloc.start()
    try:
        for name, inputs in (
            ("AddSoundtrack", {"video": Video(path), "audio": SILENCE, "mix": mix}),
            ("MusicLength", {"picture": Video(path)}),
            ("FitMusic", {"picture": Video(path), "audio": SILENCE}),
        ):
            with pytest.raises(InputError, match=r"The length is .* minutes, and the settings"):
                await run(node, name, **inputs)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("name", "inputs", "part"), REFUSED)
async def test_what_cannot_be_is_one_sentence(
    node: Node, sandbox: Sandbox, video: Any, name: str, inputs: dict[str, Any], part: str
):
    inputs = dict(inputs)
    if isinstance(inputs.get("video"), int):
        inputs["video"] = video(inputs["video"])
    if name == "Takes":
        inputs = {"prompt": "piano", "duration": 5.0, **inputs}
    with pytest.raises((InputError, MediaError)) as raised:
        await run(node, name, **inputs)
    message = str(raised.value)
    assert part in message
    assert "\n" not in message
    assert not sandbox.seen


async def test_two_lengths_of_a_video_that_disagree_are_named(node: Node, video: Any):
    with pytest.raises(InputError, match="the picture has 48 frames, and frames is 47"):
        await run(node, "FitMusic", audio=audio(), picture=video(48), frames=47)
    with pytest.raises(InputError, match=r"the picture has 24.000 fps, and fps is 25"):
        await run(node, "MusicLength", picture=video(48), fps=25.0)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["auto", "loop", "cut", "remix"])
async def test_silence_fits_and_is_named(node: Node, method: str):
    fitted, report, joins, *_ = await run(
        node, "FitMusic", audio=SILENCE, seconds=5.0, method=method, loudness="-14 LUFS"
    )
    assert fitted["waveform"].shape == (1, 2, 5 * 44_100)
    assert not fitted["waveform"].any()
    assert "The audio is silent: it stays as it is." in report
    assert not joins


async def test_silence_is_a_soundtrack(node: Node, video: Any):
    _, sound = await run(node, "AddSoundtrack", video=video(48), audio=SILENCE, loudness="-14 LUFS")
    assert not sound["waveform"].any()


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [8_000, 44_100])
async def test_any_channels_and_rates_are_music(node: Node, video: Any, channels: int, rate: int):
    given = audio(3.0, channels, rate)
    before = given["waveform"].clone()
    fitted, *_ = await run(node, "FitMusic", audio=given, picture=video(48))
    assert fitted["sample_rate"] == rate
    assert fitted["waveform"].shape == (1, channels, 2 * rate)
    _, sound = await run(node, "AddSoundtrack", video=video(48), audio=fitted, mix="under")
    assert sound["waveform"].shape[-1] == 2 * sound["sample_rate"]
    assert torch.equal(given["waveform"], before)


async def test_a_clip_of_one_frame(node: Node, video: Any):
    one = video(1)
    duration, seconds, frames, _, tempo, *_ = await run(node, "MusicLength", picture=one)
    assert (duration, seconds, frames, tempo) == (5.0, pytest.approx(1 / RATE), 1, 100.0)
    fitted, *_ = await run(node, "FitMusic", audio=audio(), picture=one)
    assert fitted["waveform"].shape == (1, 2, round(44_100 / RATE))
    made, sound = await run(node, "AddSoundtrack", video=one, audio=fitted)
    assert sound["waveform"].shape[-1] == round(sound["sample_rate"] / RATE)
    assert (await run(node, "MusicLength", picture=made))[2] == 1


async def test_an_hour_of_picture(node: Node):
    duration, seconds, frames, *_ = await run(node, "MusicLength", frames=86_400, fps=24.0)
    assert (duration, seconds, frames) == (240.0, HOUR, 86_400)


@pytest.mark.slow
async def test_an_hour_of_music(node: Node, video: Any):
    given = audio(HOUR, 1, 8_000)
    fitted, *_ = await run(node, "FitMusic", audio=given, picture=video(48), method="cut")
    assert fitted["waveform"].shape == (1, 1, 16_000)
    _, sound = await run(node, "AddSoundtrack", video=video(48), audio=given)
    assert sound["waveform"].shape[-1] == 2 * sound["sample_rate"]
    fitted, *_ = await run(node, "FitMusic", audio=audio(20.0, 1, 8_000), seconds=HOUR)
    assert fitted["waveform"].shape == (1, 1, round(HOUR * 8_000))
