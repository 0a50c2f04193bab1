"""Every example workflow and blueprint fits the nodes that it names, and is an App where it can."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import pytest

from ...scripts.lib import graph, headless, pack

EXAMPLES = sorted((pack.ROOT / "example_workflows").glob("*.json"))
BLUEPRINTS = sorted((pack.ROOT / "subgraphs").glob("*.json"))
APPS = ["score_my_clip", "music_under_speech", "four_takes_one_clip"]
Graph = Mapping[str, Any]


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def graphs_of(path: Path) -> Iterator[Graph]:
    """The graph of a file, and those of its subgraphs."""
    whole = read(path)
    yield whole
    yield from whole.get("definitions", {}).get("subgraphs", [])


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> graph.NodeInfo:
    folder = tmp_path_factory.mktemp("host")
    headless.configure(folder / "output", folder / "data")
    return headless.describe(asyncio.run(headless.load_nodes()))


@pytest.mark.parametrize("path", [*EXAMPLES, *BLUEPRINTS], ids=lambda path: path.stem)
def test_slots_of_our_nodes_are_those_of_their_schemas(path: Path, info: graph.NodeInfo):
    ours = [node for each in graphs_of(path) for node in each["nodes"] if node["type"] in info]
    assert ours
    for node in ours:
        described = info[node["type"]]
        outputs = [(output["name"], output["type"]) for output in node["outputs"]]
        assert outputs == list(zip(described["output_name"], described["output"], strict=True))
        declared = {
            name: spec[0]
            for section in ("required", "optional")
            for name, spec in described["input"].get(section, {}).items()
        }
        slots = {slot["name"]: slot["type"] for slot in node["inputs"]}
        # An input that was added later is at the end of the schema: a saved graph may lack it.
        known = {name: kind for name, kind in declared.items() if name in slots}
        assert known
        assert {name: slots[name] for name in known} == known


@pytest.mark.parametrize("path", [*EXAMPLES, *BLUEPRINTS], ids=lambda path: path.stem)
def test_links_agree_with_the_slots_at_both_ends(path: Path):
    for each in graphs_of(path):
        nodes = {node["id"]: node for node in each["nodes"]}
        for link in each["links"]:
            values = list(link.values()) if isinstance(link, dict) else link
            id, origin, out, target, at, _ = values
            if origin in nodes:
                assert id in nodes[origin]["outputs"][out]["links"]
            else:
                assert id in each["inputs"][out]["linkIds"]
            if target in nodes:
                assert nodes[target]["inputs"][at]["link"] == id
            else:
                assert id in each["outputs"][at]["linkIds"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_a_picture_and_no_overlap(path: Path):
    assert path.with_suffix(".jpg").read_bytes().startswith(b"\xff\xd8")
    title = 30
    boxes = []
    for node in read(path)["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
        shown = 0 if node["flags"].get("collapsed") else height
        boxes.append((x, y - title, x + width, y + shown))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize("name", APPS)
def test_an_example_is_an_app(name: str):
    """App mode shows these widgets, and what these nodes made."""
    canvas = read(pack.ROOT / "example_workflows" / f"{name}.json")
    nodes = {node["id"]: node for node in canvas["nodes"]}
    app = canvas["extra"]["linearData"]
    assert len(app["inputs"]) >= 3
    for id, widget in app["inputs"]:
        assert widget in [slot["name"] for slot in nodes[id]["inputs"] if "widget" in slot]
    assert [nodes[id]["type"] for id in app["outputs"]] == ["SaveVideo"]
    # It opens as a graph, and becomes an App by one click.
    assert canvas["extra"]["linearMode"] is False


def test_the_clip_of_the_examples_has_a_picture_and_a_voice():
    path = pack.ROOT / "example_workflows" / "clip.mp4"
    assert path.stat().st_size < 300_000
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 288
        assert len(container.streams.audio) == 1
