"""Describe Clip: words and cuts from a video or from images, and one sentence for bad input."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch

from ...api.base.errors import InputError
from ...sandbox.server import Sandbox
from ..video.make import make_clip
from ..video.test_cuts import A, B, C, still, written
from ..videos import VideoFromComponents, VideoFromFile
from .test_music_nodes import Node

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("host_with_videos")]

FRAMES = [*still(A, 30), *still(B, 30), *still(C, 30)]


async def describe(node: Node, **inputs: Any) -> Any:
    found = await node["AIGatewayDescribeClip"].execute(**inputs)
    names = ("prompt", "cuts", "cut_frames", "sheet", "report")
    return SimpleNamespace(**dict(zip(names, found.args, strict=True)))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return written(tmp_path / "film.mp4", FRAMES, [40 * n for n in range(90)])


async def test_a_video_its_frames_and_images_have_the_same_cuts(node: Node, film: Path):
    images = torch.from_numpy(np.asarray(FRAMES, np.float32))
    each = [
        await describe(node, video=VideoFromFile(film)),
        await describe(node, video=VideoFromComponents(images, Fraction(25))),
        await describe(node, images=images, fps=25.0),
    ]
    for found in each:
        assert found.cut_frames == "30, 60"
        assert [cut["time"] for cut in json.loads(found.cuts)] == [1.2, 2.4]
        assert all(0 < cut["strength"] <= 1 for cut in json.loads(found.cuts))
        assert found.sheet.shape[0] == 1
        assert found.sheet.shape[3] == 3
        assert "2 hard" in found.report
    assert each[1].prompt == each[2].prompt


async def test_the_same_clip_has_the_same_words(node: Node, film: Path):
    first, second = [await describe(node, video=VideoFromFile(film)) for _ in range(2)]
    assert first.prompt == second.prompt
    assert first.prompt.startswith("Instrumental music for a film of 4 seconds: ")


async def test_a_trim_of_a_video_counts(node: Node, film: Path):
    found = await describe(node, video=VideoFromFile(film).as_trimmed(1.0, 1.0))
    assert [cut["time"] for cut in json.loads(found.cuts)] == pytest.approx([0.2], abs=0.05)


async def test_the_sound_of_a_video_is_measured(node: Node, tmp_path: Path):
    tone = np.sin(np.arange(48000 * 3) * 0.05).astype(np.float32)[None] * 0.5
    loud = await describe(node, video=VideoFromFile(make_clip(tmp_path / "a.mp4", 90, sound=tone)))
    silent = await describe(node, video=VideoFromFile(make_clip(tmp_path / "b.mp4", 90)))
    assert "sound: -9 dB, speech in about 0 %" in loud.report
    assert "sound: no sound" in silent.report


async def test_syllables_with_hisses_and_pauses_count_as_speech(node: Node):
    rate, rng = 16000, np.random.default_rng(1)
    time = np.arange(rate * 4) / rate
    voiced = np.sin(2 * np.pi * 140 * time) + 0.5 * np.sin(2 * np.pi * 280 * time)
    hiss = rng.normal(size=time.size)
    turn = (time * 4) % 2
    speech = np.where(turn < 1, voiced, 0.3 * hiss) * np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    images = torch.zeros(100, 8, 8, 3)
    waveform = torch.from_numpy(speech[None, None].astype(np.float32) * 0.3)
    audio = {"waveform": waveform, "sample_rate": rate}
    found = await describe(node, video=VideoFromComponents(images, Fraction(25), audio))
    assert "speech in about 100 %" in found.report
    assert "room for a speaking voice" in found.prompt


async def test_a_model_that_sees_the_sheet_writes_the_words(
    node: Node, film: Path, sandbox: Sandbox
):
    asked = {"video": VideoFromFile(film), "method": "ask", "wish": "A solo cello"}
    found = await describe(node, **asked)
    height, width = found.sheet.shape[1:3]
    assert found.prompt.startswith("A solo cello. A brief from what the sheet shows: ")
    assert f"{width} x {height} pixels" in found.prompt
    assert found.cut_frames == "30, 60"
    assert "words by meta/llama-3.2-11b-vision-instruct" in found.report
    assert (await describe(node, **asked)).prompt == found.prompt
    assert len(sandbox.bill()["answers"]) == 1


async def test_a_gateway_that_refuses_pictures_leaves_the_measured_words(
    node: Node, film: Path, sandbox: Sandbox
):
    asked = {"video": VideoFromFile(film), "wish": "A solo cello sandbox:400"}
    found = await describe(node, method="ask", **asked)
    assert found.prompt == (await describe(node, **asked)).prompt
    assert "did not take the pictures" in found.report
    assert sandbox.bill()["answers"] == []


async def test_nothing_is_asked_with_the_method_measure(node: Node, film: Path, sandbox: Sandbox):
    await describe(node, video=VideoFromFile(film), model="meta/llama-3.2-11b-vision-instruct")
    assert sandbox.seen == []


async def test_a_farm_sends_no_pictures_unless_it_is_allowed(
    node: Node, film: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIGATEWAY_LEDGER_URL", "postgresql://user:word@127.0.0.1:1/ledger")
    with pytest.raises(InputError, match="frames_leave_farm"):
        await describe(node, video=VideoFromFile(film), method="ask")
    assert sandbox.seen == []


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({}, "No picture is connected: connect a video, or images with their fps."),
        ({"images": torch.zeros(3, 4, 4, 3)}, "have no rate: set fps"),
        ({"images": torch.zeros(0, 4, 4, 3), "fps": 24.0}, "has no frames"),
        ({"images": torch.zeros(3, 4, 4, 3), "fps": 24.0, "wish": "a" * 10_000}, "at most 1000"),
        ({"images": torch.zeros(3, 4, 4, 3), "fps": 24.0, "wish": "\ud83d"}, "half of a character"),
        ({"images": torch.zeros(3, 4, 4, 3), "fps": 24.0, "wish": 5}, "text is expected"),
        ({"images": torch.zeros(3, 4, 4, 3), "fps": 24.0, "method": "guess"}, "choose one of"),
        (
            {"images": torch.zeros(3, 4, 4, 3), "fps": 24.0, "method": "ask", "model": "blind"},
            "choose one of",
        ),
    ],
)
async def test_bad_input_is_one_sentence(node: Node, inputs: dict[str, Any], sentence: str):
    with pytest.raises(InputError, match=sentence):
        await describe(node, **inputs)


async def test_one_black_pixel_for_one_frame_is_described(node: Node):
    found = await describe(node, images=torch.zeros(1, 1, 1, 3), fps=24.0)
    assert (found.cuts, found.cut_frames) == ("[]", "")
    assert "0 seconds" in found.prompt


def black(path: Path, width: int, height: int, stamps: list[int]) -> Path:
    """A clip whose black frames are shown at `stamps` milliseconds."""
    pixels = np.zeros((height * 3 // 2, width), np.uint8)
    pixels[height:] = 128
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for stamp in stamps:
            frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


HOUR = list(range(0, 3_600_000, 600_000))


@pytest.mark.parametrize(
    ("width", "height", "stamps", "seconds"),
    [(192, 108, HOUR, 3600), (7680, 4320, [0], 0)],
    ids=["black for an hour", "8K"],
)
async def test_a_long_or_a_large_picture_is_described(
    node: Node, tmp_path: Path, width: int, height: int, stamps: list[int], seconds: int
):
    clip = black(tmp_path / "clip.mp4", width, height, stamps)
    found = await describe(node, video=VideoFromFile(clip))
    assert (found.cuts, found.cut_frames) == ("[]", "")
    assert f"{seconds} seconds" in found.prompt
    assert max(found.sheet.shape[1:3]) <= 1024


async def test_sound_without_a_picture_is_refused_before_money(
    node: Node, tmp_path: Path, sandbox: Sandbox
):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(ValueError, match="sound but no picture"):
        await describe(node, video=VideoFromFile(path), method="ask")
    assert sandbox.seen == []
