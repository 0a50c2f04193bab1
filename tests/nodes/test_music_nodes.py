"""Music that ends with the picture: the nodes that measure, fit and mux, on real files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from ...api.base.errors import InputError
from ...audio.arrays import MediaError
from ...audio.decode import decode
from ...music.mastering import Level, level_of
from ...sandbox.composer import compose
from ..videos import VideoFromFile as Video

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("host_with_videos")]

Node = dict[str, Any]
RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]


@pytest.fixture(scope="module")
def music() -> Mapping[str, Any]:
    piece = compose("electronic, 120 bpm", 20.0)
    waveform = torch.as_tensor(np.asarray(piece.waveform), dtype=torch.float32)
    return {"waveform": waveform.reshape(1, 2, -1), "sample_rate": piece.sample_rate}


def clip(path: Path, frames: int, rate: Fraction, *, sound: bool = False) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("aac", rate=48000, layout="stereo") if sound else None
        for number in range(frames):
            image = np.full((48, 64, 3), number * 5 % 255, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track is not None:
            samples = round(frames * 48000 / rate)
            tone = np.sin(np.arange(samples) * 0.05, dtype=np.float32) * np.float32(0.2)
            frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
            frame.sample_rate = 48000
            container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


async def run(node: Node, name: str, **inputs: Any) -> Any:
    return (await node[f"AIGateway{name}"].execute(**inputs)).args


@pytest.mark.parametrize("rate", RATES)
async def test_a_video_is_measured_by_its_packets(node: Node, tmp_path: Path, rate: Fraction):
    picture = Video(clip(tmp_path / "clip.mp4", 200, rate))
    duration, seconds, frames, fps, tempo, words, *_ = await run(
        node, "MusicLength", picture=picture
    )
    assert frames == 200
    assert fps == pytest.approx(float(rate))
    assert seconds == pytest.approx(200 / float(rate))
    assert 0 <= duration - max(seconds, 5.0) < 0.0011
    assert (seconds / (240 / tempo)) == pytest.approx(round(seconds / (240 / tempo)))
    assert words == f"{tempo:.0f} bpm"


async def test_frames_and_their_rate_are_a_length_too(node: Node):
    images = torch.zeros(48, 4, 4, 3)
    _, _, frames, fps, *_ = await run(node, "MusicLength", picture=images, fps=23.976)
    assert (frames, fps) == (48, pytest.approx(24000 / 1001))
    _, seconds, *_ = await run(node, "MusicLength", frames=300, fps=29.97)
    assert seconds == pytest.approx(300 * 1001 / 30000)


@pytest.mark.parametrize("near", [50.0, 96.0, 120.0, 180.0])
@pytest.mark.parametrize("tail", [0.5, 4.0, 11.0])
async def test_a_tail_is_whole_bars(node: Node, tail: float, near: float):
    length = {"frames": 480, "fps": 24.0, "near_tempo": near}
    duration, seconds, _, _, tempo, *_ = await run(node, "MusicLength", tail=tail, **length)
    bars = (duration - seconds) * tempo / 240
    assert bars == pytest.approx(round(bars), abs=0.002)
    assert round(bars) >= 2
    assert duration - seconds >= tail


async def test_a_tail_without_a_tempo_is_seconds(node: Node):
    duration, *_ = await run(node, "MusicLength", tail=6.0, frames=12, fps=24.0)
    assert duration == pytest.approx(6.5)


@pytest.mark.parametrize("frames", [1, 24, 100])
async def test_core_nodes_get_one_value_a_frame(node: Node, music: Any, frames: int):
    values, *_, each = await run(node, "Beats", audio=music, frames=frames)
    assert each == values
    assert len(each) == frames
    assert node["AIGatewayBeats"].OUTPUT_IS_LIST[-1]
    assert not any(node["AIGatewayBeats"].OUTPUT_IS_LIST[:-1])


async def test_hits_choose_the_tempo_and_are_met(node: Node, music: Any):
    clip = {"frames": 480, "fps": 24.0}
    hits = '[{"time": 3.3, "strength": 0.4}, {"time": 8.0, "strength": 0.9}, {"time": 12.5}, 99]'
    made = await run(node, "MusicLength", **clip, near_tempo=120.0, hits=hits)
    tempo, words, offset, report = made[4:8]
    assert words == f"{tempo:.0f} bpm"
    assert tempo == round(tempo)
    assert 0 <= offset < 240 / tempo
    assert "3 of 3 hits are within 40 ms of a beat" in report
    assert "1 of 4 hits lie outside the picture" in report
    fitted, report, _, _, markers = await run(node, "FitMusic", audio=music, hits=hits, **clip)
    assert fitted["waveform"].shape[-1] == 20 * music["sample_rate"]
    assert "1 of 4 hits lie outside the picture" in report
    assert report.count("Hit at") + report.count("Strong hit at") == 3
    assert [each["time"] for each in json.loads(markers)["markers"] if each["kind"] == "hit"] == [
        3.3,
        8.0,
        12.5,
    ]


async def test_hits_are_frames_of_the_picture(node: Node, tmp_path: Path):
    picture = Video(clip(tmp_path / "clip.mp4", 200, Fraction(25)))
    *_, report, _ = await run(node, "MusicLength", picture=picture, hits="50f, 100f")
    assert "at 2.000 s" in report
    assert "at 4.000 s" in report


@pytest.mark.parametrize("hits", ["[0.5]", "[0.01, 0.02]", "[-1, 5]", ""])
async def test_a_clip_of_one_frame_has_no_hit(node: Node, hits: str):
    _, _, _, _, tempo, *_, report, _ = await run(node, "MusicLength", frames=1, fps=24.0, hits=hits)
    assert tempo == 100.0
    assert "\n\n" not in report


async def test_five_hundred_hits_take_a_moment(node: Node):
    hits = json.dumps([0.1 * n for n in range(1, 501)])
    *_, report, _ = await run(node, "MusicLength", frames=1440, fps=24.0, hits=hits)
    assert "the 300 strongest are used" in report


async def test_shots_are_lists_with_an_item_for_each(node: Node, music: Any):
    made = await run(node, "Shots", audio=music, fps=23.976, every="bars", grid="4n+1")
    start, frames, audio, index, slot, count, report, first, keep = made
    assert 8 <= count == len(start) == len(frames) == len(audio) == len(slot) == len(first) <= 11
    assert index == list(range(count))
    joined = torch.cat([part["waveform"] for part in audio], -1)
    assert torch.equal(joined, music["waveform"])
    assert sum(keep) == round(20 * 24000 / 1001)
    assert all(made % 4 == 1 and made >= kept for made, kept in zip(frames, keep, strict=True))
    assert start == pytest.approx([frame * 1001 / 24000 for frame in first])
    assert len(report.splitlines()) == 1 + count
    lists = node["AIGatewayShots"].OUTPUT_IS_LIST
    assert [bool(each) for each in lists] == [True] * 5 + [False] * 2 + [True] * 2


async def test_a_part_of_a_shot_is_nobody_elses(node: Node, music: Any):
    before = music["waveform"].clone()
    _, _, audio, *_ = await run(node, "Shots", audio=music, count=3)
    audio[0]["waveform"].zero_()
    assert torch.equal(music["waveform"], before)


@pytest.mark.parametrize(
    ("inputs", "part"),
    [
        ({}, "No length is given"),
        ({"frames": 24}, "fps is 0"),
        ({"fps": 24.0}, "frames is 0"),
        ({"frames": -1, "fps": 24.0}, "frames is -1"),
        ({"frames": 24, "fps": float("nan")}, "fps is nan"),
        ({"picture": torch.zeros(3, 4, 4, 3)}, "set fps"),
        ({"picture": torch.zeros(0, 4, 4, 3), "fps": 24.0}, "no frames"),
        ({"picture": torch.zeros(3, 4, 4, 3), "fps": 24.0, "frames": 4}, "Two lengths disagree"),
    ],
)
async def test_a_length_that_cannot_be_is_named(node: Node, inputs: dict[str, Any], part: str):
    with pytest.raises(InputError, match=part):
        await run(node, "MusicLength", **inputs)


async def test_a_video_whose_numbers_disagree_is_named(node: Node, tmp_path: Path):
    picture = Video(clip(tmp_path / "clip.mp4", 24, Fraction(24)))
    for wrong in ({"frames": 25}, {"fps": 25.0}):
        with pytest.raises(InputError, match="Two lengths disagree"):
            await run(node, "MusicLength", picture=picture, **wrong)


@pytest.mark.parametrize(("typed", "rate"), [(23.98, 24000), (29.97, 30000), (59.94, 60000)])
async def test_a_typed_broadcast_rate_agrees_with_its_clip(
    node: Node, tmp_path: Path, typed: float, rate: int
):
    picture = Video(clip(tmp_path / "clip.mp4", 24, Fraction(rate, 1001)))
    _, _, frames, fps, *_ = await run(node, "MusicLength", picture=picture, fps=typed)
    assert (frames, fps) == (24, pytest.approx(rate / 1001))
    _, _, _, fps, *_ = await run(node, "MusicLength", frames=24, fps=typed)
    assert fps == pytest.approx(rate / 1001)


async def test_a_file_without_a_picture_is_named(node: Node, tmp_path: Path):
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(MediaError):
        await run(node, "MusicLength", picture=Video(tmp_path / "broken.mp4"))


@pytest.mark.parametrize("rate", RATES)
async def test_music_fits_a_picture_to_the_sample(node: Node, music: Any, rate: Fraction):
    before = music["waveform"].clone()
    audio, report, joins, plot, _ = await run(
        node, "FitMusic", audio=music, frames=333, fps=round(float(rate), 3)
    )
    assert audio["waveform"].shape == (1, 2, round(333 * music["sample_rate"] / rate))
    assert audio["waveform"].is_contiguous()
    assert "Loudness" in report
    assert all(float(join) > 0 for join in joins.split(", ") if join)
    assert plot.shape[0] == 1
    assert plot.shape[-1] == 3
    assert 0 <= float(plot.min()) <= float(plot.max()) <= 1
    assert torch.equal(music["waveform"], before)


@pytest.mark.parametrize("seconds", [10.0, 31.5])
async def test_every_item_of_a_batch_fits(node: Node, music: Any, seconds: float):
    batch = {**music, "waveform": music["waveform"].repeat(2, 1, 1)}
    audio, *_ = await run(node, "FitMusic", audio=batch, seconds=seconds, method="cut")
    assert audio["waveform"].shape[0] == 2
    assert audio["waveform"].shape[-1] == round(seconds * music["sample_rate"])


async def test_the_loudness_that_was_chosen_is_reached(node: Node, music: Any):
    audio, report, *_ = await run(node, "FitMusic", audio=music, seconds=12.0, loudness="-16 LUFS")
    assert float(audio["waveform"].abs().max()) <= 10 ** (-1 / 20) + 1e-3
    assert "-16." in report or "-15.9" in report


async def test_a_soundtrack_leaves_the_picture_as_it_is(node: Node, music: Any, tmp_path: Path):
    path = clip(tmp_path / "clip.mp4", 120, Fraction(24))
    made, audio = await run(node, "AddSoundtrack", video=Video(path), audio=music)
    result = Path(made.get_stream_source())
    assert packets(result) == packets(path)
    assert audio["waveform"].shape[-1] == 5 * music["sample_rate"]
    with av.open(str(result)) as container:
        assert len(container.streams.audio) == 1


def level_of_file(path: str) -> Level:
    with open(path, "rb") as file:
        waveform, rate = decode(file)
    return level_of(waveform.numpy(), rate)


@pytest.mark.slow
async def test_the_sound_of_a_clip_keeps_its_level_behind_the_codec(
    node: Node, music: Any, tmp_path: Path
):
    path = clip(tmp_path / "clip.mp4", 144, Fraction(24))
    made, audio = await run(
        node, "AddSoundtrack", video=Video(path), audio=music, loudness="-14 LUFS", true_peak=-2.0
    )
    found = level_of_file(made.get_stream_source())
    assert found.loudness == pytest.approx(-14, abs=0.1)
    assert found.true_peak <= -1.9
    assert audio["waveform"].shape[-1] == 6 * music["sample_rate"]


async def test_a_clip_without_sound_says_so(node: Node, music: Any, tmp_path: Path):
    path = clip(tmp_path / "clip.mp4", 48, Fraction(24))
    made, _ = await run(node, "AddSoundtrack", video=Video(path), audio=music, mix="duck")
    assert packets(Path(made.get_stream_source())) == packets(path)


@pytest.mark.parametrize("mix", ["under", "duck"])
async def test_the_clips_own_sound_stays(node: Node, music: Any, tmp_path: Path, mix: str):
    path = clip(tmp_path / "clip.mp4", 96, Fraction(24), sound=True)
    silence = {**music, "waveform": torch.zeros_like(music["waveform"])}
    _, audio = await run(node, "AddSoundtrack", video=Video(path), audio=silence, mix=mix)
    assert float(audio["waveform"].abs().max()) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("mix", "has_sound", "is_lost"),
    [("replace", True, True), ("replace", False, False), ("under", True, False)],
)
async def test_a_clips_sound_that_is_replaced_is_named(
    node: Node,
    music: Any,
    tmp_path: Path,
    lines: list[Any],
    mix: str,
    has_sound: bool,
    is_lost: bool,
):
    path = clip(tmp_path / "clip.mp4", 48, Fraction(24), sound=has_sound)
    await run(node, "AddSoundtrack", video=Video(path), audio=music, mix=mix)
    assert ("own sound was replaced: choose duck or under" in str(lines[-1])) == is_lost


async def test_a_mix_that_nobody_knows_is_named(node: Node, music: Any, tmp_path: Path):
    path = clip(tmp_path / "clip.mp4", 24, Fraction(24))
    with pytest.raises(InputError, match="replace, under, duck"):
        await run(node, "AddSoundtrack", video=Video(path), audio=music, mix="over")


def packets(path: Path) -> str:
    """A hash of the picture's packets."""
    content = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            content.update(bytes(packet))
    return content.hexdigest()


def test_comfyui_shows_an_error_of_the_pack() -> None:
    assert MediaError.__module__ == "aigateway"
