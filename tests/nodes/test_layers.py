"""Layers on the canvas: its lists go into Save Audio, and its layers end with the loop."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ...api.base.errors import InputError
from ...audio.arrays import MediaError
from ...music.methods import LAYERS
from ..music.pieces import RATE, piece

pytestmark = pytest.mark.slow

Node = dict[str, Any]


def music() -> dict[str, Any]:
    samples = piece("techno 120 bpm", 20.0).samples[:, : 4 * RATE].copy()
    return {"waveform": torch.from_numpy(samples)[None], "sample_rate": RATE}


async def layered(node: Node, **inputs: Any) -> dict[str, Any]:
    kind = node["AIGatewayLayers"]
    made = await kind.execute(**inputs)
    outputs = list(made.args)
    names = kind.GET_NODE_INFO_V1()["output_name"]
    return dict(zip(names, outputs, strict=True)) | {"ui": made.ui}


async def test_the_layers_are_lists_for_save_audio(node: Node) -> None:
    given = music()
    before = given["waveform"].clone()
    made = await layered(node, audio=given, name="forest")
    assert made["name"] == ["forest drums", "forest low", "forest rest"]
    assert made["family"] == ["forest"] * 3
    assert made["intensity"] == list(LAYERS)
    assert all(each is made[name] for each, name in zip(made["layers"], LAYERS, strict=True))
    total = sum(layer["waveform"] for layer in made["layers"])
    assert float((total - before).abs().max()) < 1e-6
    assert torch.equal(given["waveform"], before)
    assert all(layer["waveform"].is_contiguous() for layer in made["layers"])
    assert len(made["ui"]["aigateway_audio"]) == 3


async def test_the_layers_end_where_the_loop_ends(node: Node) -> None:
    made = await layered(node, audio=music(), loop_start=RATE, loop_length=2 * RATE)
    assert made["loop_start"] == [RATE] * 3
    assert made["loop_length"] == [2 * RATE] * 3
    assert [each["waveform"].shape[-1] for each in made["layers"]] == [3 * RATE] * 3
    assert made["name"] == list(LAYERS)
    assert made["family"] == ["layers"] * 3


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"loop_start": 5}, "loop_start is 5"),
        ({"loop_length": 10**8}, "The loop has 100000000 samples"),
        ({"crossover": 5.0}, "The crossover is 5 Hz"),
        ({"name": 3}, "The name is of the type int"),
    ],
)
async def test_a_bad_input_is_named(node: Node, wish: dict[str, Any], words: str) -> None:
    with pytest.raises((InputError, MediaError), match=words):
        await layered(node, audio=music(), **wish)
