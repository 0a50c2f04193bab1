"""With `order_ahead`, the music of queued runs is ordered before they run."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

from ...sandbox.server import Sandbox
from .test_nodes import run, submit

Node = dict[str, Any]
Graph = dict[str, Any]


def music(prompt: Any = "calm piano", **inputs: Any) -> Graph:
    return {
        "music": {
            "class_type": "AIGatewayPromptToMusic",
            "inputs": {"prompt": prompt, "duration": 5.0, "format": "wav", **inputs},
        },
        "end": {"class_type": "TestEnd", "inputs": {"any": ["music", 0]}},
    }


class Queue:
    """ComfyUI's queue, with the handler that a graph goes through."""

    def __init__(self, ahead: ModuleType, host: ModuleType) -> None:
        self.runs: set[str] = set()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._ahead = ahead
        self._host = host

    async def add(self, name: str, graph: Graph) -> None:
        """Queue a graph, and wait until its music is ordered."""
        self.runs.add(name)
        await self._ahead.order(self._host.QueuedGraph({"prompt": graph, "prompt_id": name}))

    def errors(self) -> list[str]:
        return [data["text"] for event, data in self.told if event == "aigateway_error"]

    def sums(self) -> tuple[int, int, int]:
        """Runs and tracks that wait, and tracks that are kept."""
        found = self._ahead.summary()
        return found["runs"], found["tracks"], found["kept"]


@pytest.fixture
def queue(nodes: ModuleType, node: Node, session: Any, monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setenv("AIGATEWAY_ORDER_AHEAD", "true")
    monkeypatch.setattr(session, "ahead", {})
    known = importlib.import_module("nodes").NODE_CLASS_MAPPINGS
    monkeypatch.setitem(known, "TestEnd", type("TestEnd", (), {"OUTPUT_NODE": True}))
    for name, kind in node.items():
        monkeypatch.setitem(known, name, kind)
    made = Queue(importlib.import_module(f"{nodes.__name__}.order_ahead"), nodes.host)
    monkeypatch.setattr(nodes.host, "queued_runs", lambda: made.runs)
    monkeypatch.setattr(
        nodes.host, "tell", lambda event, data, client=None: made.told.append((event, data))
    )
    return made


def orders(sandbox: Sandbox) -> list[str]:
    return [job["prompt"] for job in sandbox.bill()["jobs"]]


@pytest.mark.slow
async def test_a_node_finds_what_was_ordered(queue: Queue, node: Node, sandbox: Sandbox) -> None:
    for take in (1, 2, 3):
        await queue.add(f"run {take}", music(take=take))
    assert len(orders(sandbox)) == 3
    assert queue.sums() == (3, 3, 0)
    assert queue.told[-1][1]["price"] == pytest.approx(0.003)
    for take in (1, 2, 3):
        await submit(node, "calm piano", take=take)
        assert queue.sums() == (3 - take, 3 - take, 0)
    assert len(orders(sandbox)) == 3


@pytest.mark.slow
async def test_the_order_of_a_removed_run_is_kept(
    queue: Queue, node: Node, sandbox: Sandbox
) -> None:
    await queue.add("one", music(take=1))
    await queue.add("two", music(take=2))
    queue.runs.remove("two")
    assert queue.sums() == (1, 1, 1)
    # The same request gets the track.
    await submit(node, "calm piano", take=2)
    assert queue.sums() == (1, 1, 0)
    assert len(orders(sandbox)) == 2


@pytest.mark.slow
async def test_over_a_limit_nothing_of_a_run_is_ordered(
    queue: Queue, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_SPEND_LIMIT_PER_DAY", "0.0025")
    two = music("first") | {
        f"other {name}": {**each, "inputs": {**each["inputs"], "any": ["other music", 0]}}
        for name, each in music("second").items()
    }
    await queue.add("one", music("alone"))
    await queue.add("two", two)
    assert orders(sandbox) == ["alone"]
    (sentence,) = queue.errors()
    assert "These 2 tracks cost about $0.002" in sentence
    assert "over your limit of $0.0025" in sentence
    assert queue.sums() == (1, 1, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("graph", "ordered"),
    [
        (music(["words", 0]), 0),
        (music(duration=["words", 0]), 0),
        (music(take=["words", 0]), 0),
        (music("  "), 0),
        (music(["empty", 0]), 0),
        (music(["text", 0]), 1),
        ({"music": music()["music"]}, 0),
    ],
)
async def test_only_known_requests_of_nodes_that_run_are_ordered(
    queue: Queue, sandbox: Sandbox, graph: Graph, ordered: int
) -> None:
    others = {
        "words": {"class_type": "TestEnd", "inputs": {}},
        "empty": {"class_type": "PrimitiveString", "inputs": {"value": ""}},
        "text": {"class_type": "PrimitiveString", "inputs": {"value": "calm"}},
    }
    await queue.add("one", graph | others)
    assert len(orders(sandbox)) == ordered


@pytest.mark.slow
async def test_nothing_is_ordered_where_the_user_does_not_want_it(
    queue: Queue, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_ORDER_AHEAD", "false")
    await queue.add("one", music())
    assert orders(sandbox) == []


@pytest.mark.slow
async def test_a_track_that_was_bought_before_is_not_ordered(
    queue: Queue, node: Node, sandbox: Sandbox
) -> None:
    await submit(node, "calm piano")
    await queue.add("one", music())
    assert len(orders(sandbox)) == 1
    assert queue.sums() == (0, 0, 0)


@pytest.mark.slow
async def test_takes_and_kept_music_are_ordered_too(
    queue: Queue, node: Node, sandbox: Sandbox
) -> None:
    kept = {"keep": True, "kept": "8.000 s, 90.000 bpm", "frames": 180, "fps": 24.0}
    graph = music(["words", 0], duration=["length", 0]) | {
        "length": {"class_type": "AIGatewayMusicLength", "inputs": kept},
        "words": {
            "class_type": "StringConcatenate",
            "inputs": {"string_a": "calm", "string_b": ["length", 5], "delimiter": ", "},
        },
        "takes": {
            "class_type": "AIGatewayTakes",
            "inputs": {"prompt": "wild", "duration": 5.0, "format": "wav", "count": 3},
        },
        "ends": {"class_type": "TestEnd", "inputs": {"any": ["takes", 0]}},
    }
    await queue.add("one", graph)
    assert sorted(orders(sandbox)) == ["calm, 90 bpm", "wild", "wild", "wild"]
    await run(node, "Takes", prompt="wild", duration=5.0, format="wav", count=3)
    assert queue.sums() == (1, 1, 0)
    assert len(orders(sandbox)) == 4
