"""Pictures that move with the music, and music that loops: the nodes on sandbox pieces."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
import torch

from ...api.base.errors import InputError
from ...audio.arrays import MediaError
from ...sandbox.composer import compose

pytestmark = pytest.mark.slow

Node = dict[str, Any]
TEMPO = 120.0


@pytest.fixture(scope="module")
def music() -> Mapping[str, Any]:
    piece = compose(f"electronic, {TEMPO:g} bpm", 24.0)
    waveform = torch.as_tensor(np.asarray(piece.waveform), dtype=torch.float32)
    return {"waveform": waveform.reshape(1, 2, -1), "sample_rate": piece.sample_rate}


@pytest.fixture(autouse=True)
def host_with_videos(nodes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    host = importlib.import_module(f"{nodes.__name__}.host")
    monkeypatch.setattr(host, "video_of", lambda path, finish=None: path)


async def run(node: Node, name: str, **inputs: Any) -> Any:
    return (await node[f"AIGateway{name}"].execute(**inputs)).args


@pytest.mark.parametrize("fps", [23.976, 24.0, 29.97, 60.0])
@pytest.mark.parametrize("follow", ["energy", "onsets", "beat"])
async def test_a_value_for_each_frame(node: Node, music: Any, fps: float, follow: str):
    values, bpm, beat_frames, beats, keyframes, frames, plot, each = await run(
        node, "Beats", audio=music, fps=fps, follow=follow, low=2.0, high=5.0
    )
    assert isinstance(values, list)
    assert each == values
    assert len(values) == frames == len(keyframes.splitlines())
    assert 2.0 <= min(values) <= max(values) <= 5.0
    assert bpm == pytest.approx(TEMPO, rel=0.01)
    known = json.loads(beats)
    assert set(known) == {"beat_times", "bpm", "num_beats", "sample_rate", "bar_times"}
    exact = {23.976: 24000 / 1001, 29.97: 30000 / 1001}.get(fps, fps)
    times = [int(frame) / exact for frame in beat_frames.split(", ")]
    # A beat that lies nearest to a frame past the last one has none.
    assert len(times) >= known["num_beats"] - 1
    for found, told in zip(times, known["beat_times"], strict=False):
        assert abs(found - told) <= 0.5 / exact + 1e-3
    assert keyframes.startswith("0:(")
    assert plot.shape[0] == 1


async def test_as_many_values_as_were_asked_for(node: Node, music: Any):
    values, *_ = await run(node, "Beats", audio=music, frames=1000, fps=24.0, low=0.25)
    assert len(values) == 1000
    assert values[-1] == 0.25


@pytest.mark.parametrize(
    ("inputs", "part"),
    [({"fps": 0.0}, "frame rate"), ({"frames": -1}, "frames"), ({"follow": "mood"}, "follow")],
)
async def test_what_cannot_be_followed_is_named(
    node: Node, music: Any, inputs: dict[str, Any], part: str
):
    with pytest.raises(MediaError, match=part):
        await run(node, "Beats", audio=music, **inputs)


@pytest.mark.parametrize("look", ["waves", "bars", "spectrum", "constant-Q"])
async def test_a_video_has_every_frame(node: Node, music: Any, look: str):
    short = {**music, "waveform": music["waveform"][..., : 2 * music["sample_rate"]]}
    path, picture = await run(
        node, "Visualize", audio=short, fps=25.0, width=320, height=240, look=look, title="Night"
    )
    with av.open(str(path)) as container:
        assert sum(1 for packet in container.demux(video=0) if packet.size) == 50
        assert len(container.streams.audio) == 1
    assert picture.shape == (1, 240, 320, 3)


async def test_a_look_that_nobody_knows_is_named(node: Node, music: Any):
    with pytest.raises(InputError, match="waves, bars"):
        await run(node, "Visualize", audio=music, look="dance")


@pytest.mark.parametrize("intro", ["keep", "none"])
async def test_a_loop_ends_where_the_audio_ends(node: Node, music: Any, intro: str):
    audio, start, length, report = await run(
        node, "MakeLoop", audio=music, tempo=TEMPO, min_seconds=6.0, intro=intro
    )
    assert start + length == audio["waveform"].shape[-1]
    assert length >= 6.0 * music["sample_rate"] - 1
    assert (start == 0) or intro == "keep"
    assert "Seam" in report


async def test_music_without_an_end_in_sight_is_named(node: Node, music: Any):
    with pytest.raises(MediaError, match="min_seconds"):
        await run(node, "MakeLoop", audio=music, min_seconds=100.0)
    with pytest.raises(InputError, match="keep, none"):
        await run(node, "MakeLoop", audio=music, intro="some")
