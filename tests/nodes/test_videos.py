"""VIDEO as ComfyUI hands it over: edits that wait, lists, and the classes of other packs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
import torch

from ...api.base.errors import InputError
from ...audio.arrays import MediaError
from .. import videos
from ..video.make import make_clip, picture_hashes
from .test_nodes import Node, run

MUSIC = {"waveform": torch.zeros(1, 2, 96000), "sample_rate": 48000}


@pytest.fixture(params=videos.GENERATIONS)
def video(
    request: pytest.FixtureRequest,
    nodes: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Any:
    """A clip of 24 frames, 64 x 48, as a VIDEO of each generation of ComfyUI."""
    kinds = videos.classes(request.param)
    monkeypatch.setattr(importlib.import_module("comfy_api.latest"), "InputImpl", kinds)
    return kinds.VideoFromFile(make_clip(tmp_path / "clip.mp4", 24, 24))


async def scored(node: Node, video: Any) -> Path:
    made, sound = await run(node, "AddSoundtrack", video=video, audio=MUSIC)
    assert sound["waveform"].shape[-1] == frames_of(made.get_stream_source())[0] * 2000
    return Path(made.get_stream_source())


def frames_of(path: Path | str) -> tuple[int, int, int]:
    """Frames, width and height of a clip."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return len(frames), frames[0].width, frames[0].height


def content_of(video: Any) -> BytesIO:
    return BytesIO(Path(video.get_stream_source()).read_bytes())


async def test_a_clip_without_edits_is_copied(node: Node, video: Any):
    made = await scored(node, video)
    assert picture_hashes(made) == picture_hashes(Path(video.get_stream_source()))


@pytest.mark.parametrize(
    ("edit", "shown"),
    [
        (lambda video: video.as_cropped(16, 8, 32, 16), (24, 32, 16)),
        (lambda video: video.as_resized(96, 80), (24, 96, 80)),
        (lambda video: video.as_resized(32, 24).as_cropped(0, 0, 16, 16), (24, 16, 16)),
        (lambda video: video.as_trimmed(0.5).as_cropped(16, 8, 32, 16), (12, 32, 16)),
        (lambda video: video.as_cropped(16, 8, 32, 16).as_trimmed(0.25, 0.5), (12, 32, 16)),
    ],
    ids=["crop", "resize", "resize and crop", "trim and crop", "crop and trim"],
)
async def test_an_edit_that_waits_is_in_the_result(
    node: Node, video: Any, edit: Any, shown: tuple[int, int, int]
):
    edited = edit(video)
    assert frames_of(await scored(node, edited)) == shown
    _, _, frames, *_ = await run(node, "MusicLength", picture=edited)
    assert frames == shown[0]


async def test_a_resize_and_back_is_an_edit(node: Node, video: Any):
    made = await scored(node, video.as_resized(16, 12).as_resized(64, 48))
    assert frames_of(made) == (24, 64, 48)
    assert picture_hashes(made) != picture_hashes(Path(video.get_stream_source()))


async def test_each_edit_of_a_clip_gets_its_own_result(node: Node, video: Any):
    wide, high = video.as_cropped(0, 0, 64, 16), video.as_cropped(0, 0, 16, 48)
    assert frames_of(await scored(node, wide))[1:] == (64, 16)
    assert frames_of(await scored(node, high))[1:] == (16, 48)
    assert frames_of(await scored(node, video))[1:] == (64, 48)


@pytest.mark.parametrize("edited", [False, True])
async def test_a_list_of_clips_goes_over_the_disk(node: Node, video: Any, edited: bool):
    parts = [video, video.as_resized(16, 12).as_resized(64, 48) if edited else video]
    film = videos.VideoFromList(parts)
    assert frames_of(await scored(node, film)) == (48, 64, 48)
    _, _, frames, fps, *_ = await run(node, "MusicLength", picture=film)
    assert (frames, fps) == (48, 24.0)


async def test_a_crop_in_memory_is_cropped(node: Node, video: Any):
    cropped = type(video)(content_of(video)).as_cropped(0, 0, 32, 32)
    assert frames_of(await scored(node, cropped)) == (24, 32, 32)


async def test_frames_in_memory_are_a_clip(node: Node, video: Any):
    made = videos.VideoFromComponents(torch.rand(12, 48, 64, 3), Fraction(24))
    assert frames_of(await scored(node, made)) == (12, 64, 48)


@pytest.mark.parametrize("kind", [videos.OnlyAbstractMethods, videos.UnsavedStream])
async def test_a_class_of_another_pack_is_saved_first(node: Node, video: Any, kind: Any):
    assert frames_of(await scored(node, kind(video.as_cropped(0, 0, 32, 16)))) == (24, 32, 16)
    _, _, frames, *_ = await run(node, "MusicLength", picture=kind(video))
    assert frames == 24


@pytest.mark.parametrize("name", ["AddSoundtrack", "MusicLength", "FitMusic"])
async def test_a_video_that_cannot_be_saved_is_refused(node: Node, video: Any, name: str):
    given = videos.Unsaveable(video)
    inputs: dict[str, Any] = {
        "AddSoundtrack": {"video": given, "audio": MUSIC},
        "MusicLength": {"picture": given},
        "FitMusic": {"picture": given, "audio": MUSIC},
    }[name]
    with pytest.raises(InputError, match="save the video first"):
        await run(node, name, **inputs)


async def test_nothing_is_left_of_a_saved_copy(node: Node, video: Any):
    made = await scored(node, video.as_cropped(0, 0, 32, 16))
    assert [path.name for path in made.parent.glob("*.mp4")] == [made.name]


TAKES_AUDIO: Mapping[str, dict[str, Any]] = {
    "AddSoundtrack": {},
    "FitMusic": {"seconds": 5.0},
    "Beats": {"fps": 24.0},
    "MakeLoop": {},
    "AlignFamily": {},
    "Layers": {},
    "Stinger": {},
    "TimedLyrics": {"lyrics": "one two"},
    "Shots": {},
    "Visualize": {},
    "SaveAudio": {"filename_prefix": "song"},
}


@pytest.mark.parametrize("name", TAKES_AUDIO)
async def test_a_video_without_sound_gives_no_audio(node: Node, video: Any, name: str):
    inputs = dict(TAKES_AUDIO[name], **({"video": video} if name == "AddSoundtrack" else {}))
    with pytest.raises(MediaError, match="the video has no sound") as raised:
        await run(node, name, audio=None, **inputs)
    assert str(raised.value).count(". ") == 0


def test_every_node_that_takes_audio_is_asked(node: Node):
    takes = {
        name.removeprefix("AIGateway")
        for name, kind in node.items()
        for given in kind.GET_SCHEMA().inputs
        if given.get_io_type() == "AUDIO"
    }
    assert takes == set(TAKES_AUDIO)


def test_the_fixture_crops_as_it_says(tmp_path: Path):
    clip = videos.VideoFromFile(make_clip(tmp_path / "clip.mp4", 3, 24))
    (whole, *_), (part, *_) = clip.frames(), clip.as_cropped(16, 8, 32, 16).frames()
    assert np.array_equal(whole[8:24, 16:48], part)
