"""Align Family on the canvas: a list of tracks, each family by itself."""

from __future__ import annotations

import asyncio
import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from ...api.base.errors import InputError
from ..music.pieces import RATE, clicks, noise, piece

pytestmark = pytest.mark.slow

Node = dict[str, Any]


@pytest.fixture
def canvas(node: Node, nodes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls of one node in one run, as ComfyUI makes them for a list."""
    monkeypatch.setattr(nodes.host, "node_id", lambda: "7")
    monkeypatch.setattr(nodes.host, "run_id", lambda: "run")
    io = importlib.import_module("comfy_api.latest").io
    nothing = io.NodeOutput(*[None] * 7)
    monkeypatch.setattr(nodes.host, "blocked_outputs", lambda kind: nothing)


def audio(samples: np.ndarray) -> dict[str, Any]:
    return {"waveform": torch.from_numpy(samples)[None], "sample_rate": RATE}


def music(prompt: str) -> dict[str, Any]:
    return audio(piece(prompt, 20.0).samples)


async def aligned(node: Node, **lists: list[Any]) -> list[Any]:
    kind = node["AIGatewayAlignFamily"]
    names = kind.GET_NODE_INFO_V1()["output_name"]
    rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    made = await asyncio.gather(*(kind.execute(**row) for row in rows))
    return [dict(zip(names, each.args, strict=True)) for each in made]


@pytest.mark.usefixtures("canvas")
async def test_each_family_gets_its_own_grid(node: Node, lines: list[Any]) -> None:
    tracks = ["techno 120 bpm", "lofi hip hop 84 bpm", "house 122 bpm", "hip hop 82 bpm"]
    names = ["calm", "rain", "tense", "storm"]
    family = ["forest", "sea", "forest", "sea"]
    made = await aligned(node, audio=list(map(music, tracks)), family=family, name=names)
    lengths = [each["audio"]["waveform"].shape[-1] for each in made]
    assert lengths == [each["loop_length"] for each in made]
    assert lengths[0] == lengths[2]
    assert lengths[1] == lengths[3]
    assert lengths[0] != lengths[1]
    assert [each["loop_start"] for each in made] == [0] * 4
    assert all(each["aligned"] for each in made)
    for each, name, title in zip(made, names, family, strict=True):
        assert each["report"].startswith(f"Family {title}: 2 of 2 members aligned")
        assert f"\n{name}: " in each["report"]
        beats = each["bars"] * 4
        assert each["loop_length"] == round(beats * 60 / each["bpm"] * RATE)
    assert "4 of 4 members aligned" in [str(line) for line in lines]


@pytest.mark.usefixtures("canvas")
async def test_the_status_names_who_is_not_aligned(node: Node, lines: list[Any]) -> None:
    tracks = [music("techno 120 bpm"), audio(noise(20))]
    made = await aligned(node, audio=tracks, name=["fight", "wind"])
    assert [each["aligned"] for each in made] == [True, False]
    assert made[0]["loop_length"] == made[1]["audio"]["waveform"].shape[-1]
    line = next(str(line) for line in lines if "members aligned" in str(line))
    assert line.startswith("1 of 2 members aligned · wind is not aligned: it has no steady beat.")


@pytest.mark.usefixtures("canvas")
async def test_a_track_that_cannot_be_read_stops_no_other(node: Node, lines: list[Any]) -> None:
    tracks = [music("techno 120 bpm"), None, music("house 122 bpm")]
    made = await aligned(node, audio=tracks, name=["a", "b", "c"])
    assert [bool(each.get("aligned")) for each in (made[0], made[2])] == [True, True]
    assert made[0]["report"].startswith("2 of 2 members aligned")
    assert any("1 of 3 failed: b" in str(line) for line in lines)


async def test_one_track_alone_and_its_input_stays(node: Node) -> None:
    beat = clicks(np.arange(1, 40) * 0.5, 21.0)
    given = audio(beat)
    before = given["waveform"].clone()
    (made,) = await aligned(node, audio=[given], bars=[4])
    assert made["bars"] == 4
    assert made["bpm"] == 120
    assert torch.equal(given["waveform"], before)


@pytest.mark.parametrize(
    "wish", [{"loudness": "loud"}, {"family": 3}, {"name": None}, {"tempo": "fast"}]
)
async def test_a_bad_input_is_named(node: Node, wish: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        await node["AIGatewayAlignFamily"].execute(audio=audio(noise(2)), **wish)
