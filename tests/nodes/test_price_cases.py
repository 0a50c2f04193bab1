"""Graphs whose price the page and the queue read alike.

`tests/js/price_cases.test.js` reads each graph as the page does and expects the question `asks`;
here `tracks` have to be those of the question and those of the graph in the queue. A prompt that
only the run makes is null. `queued` are the tracks in the queue where the page does not know a
length, and so names the price of a second.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "price_cases"
SETUP = json.loads((FOLDER / "setup.json").read_text("utf-8"))
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['says']}")
    for file in sorted(FOLDER.glob("*.json"))
    if file.name != "setup.json"
    for case in json.loads(file.read_text("utf-8"))
]


@pytest.fixture
async def host(nodes: ModuleType, node: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The host, whose ComfyUI has the pack's nodes and those of the cases."""
    known = importlib.import_module("nodes").NODE_CLASS_MAPPINGS
    for name, facts in SETUP["classes"].items():
        members = {
            "OUTPUT_IS_LIST": facts["output_is_list"],
            "INPUT_IS_LIST": facts.get("is_input_list", False),
            "OUTPUT_NODE": name == "TestEnd",
        }
        monkeypatch.setitem(known, name, type(name, (), members))
    for name, kind in node.items():
        monkeypatch.setitem(known, name, kind)
    return nodes.host


@pytest.fixture
def pricing(nodes: ModuleType) -> ModuleType:
    return importlib.import_module(f"{nodes.__name__}.pricing")


def whole_ask(given: dict[str, Any]) -> dict[str, Any]:
    """A question with the inputs that a case leaves out; a prompt of null leaves only the model."""
    inputs = {**SETUP["inputs"], **given}
    if inputs["prompt"] is None:
        return {name: inputs[name] for name in ("model", "duration", *given) if name != "prompt"}
    return inputs


def whole_prompt(prompt: dict[str, Any]) -> dict[str, Any]:
    """A graph whose nodes that buy have all inputs."""
    return {
        name: {**node, "inputs": {**SETUP["inputs"], **node["inputs"]}}
        if node["class_type"].startswith(("AIGatewayPrompt", "AIGatewayTakes"))
        else node
        for name, node in prompt.items()
    }


def shown(requests: list[Any], tracks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requests, with the fields that the case names; a prompt that it does not know is null."""
    assert len(requests) == len(tracks)
    return [
        {name: getattr(request, name) for name in track if track[name] is not None}
        | ({"prompt": None} if track.get("prompt", "") is None else {})
        for request, track in zip(requests, tracks, strict=True)
    ]


@pytest.mark.parametrize("case", CASES)
async def test_the_page_asks_for_these_tracks(host: Any, pricing: Any, case: dict[str, Any]):
    requests = pricing.requests_of_nodes(list(map(whole_ask, case["asks"])))
    assert shown(requests, case["tracks"]) == case["tracks"]
    for request, track in zip(requests, case["tracks"], strict=True):
        assert (request.prompt == "…") == (track.get("prompt", "") is None)


@pytest.mark.parametrize("case", CASES)
async def test_the_queue_finds_the_same_tracks(host: Any, pricing: Any, case: dict[str, Any]):
    expected = case.get("queued", case["tracks"])
    graph = host.QueuedGraph({"prompt": whole_prompt(case["prompt"])})
    requests = pricing.requests_of_graph(graph)
    assert shown(requests, expected) == expected
