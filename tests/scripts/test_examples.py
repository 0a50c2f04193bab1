"""Every example fits the nodes that it names, opens as an App, and has a title and a picture."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from ...scripts.lib import graph, headless, pack
from ..comfyui import example_card

EXAMPLES = sorted((pack.ROOT / "example_workflows").glob("*.json"))
BLUEPRINTS = sorted((pack.ROOT / "subgraphs").glob("*.json"))
PRICED = ("AIGatewayPromptToMusic", "AIGatewayTakes")
# An App shows files. It leaves out the text of Preview Any.
SHOWN = ("AIGatewaySaveAudio", "SaveVideo", "PreviewImage")
PICTURE_BYTES = 100_000
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


EACH = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@EACH
def test_no_node_lies_on_another(path: Path):
    title = 30
    boxes = []
    for node in read(path)["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
        shown = 0 if node["flags"].get("collapsed") else height
        boxes.append((x, y - title, x + width, y + shown))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@EACH
def test_its_title_and_picture_are_for_people(path: Path):
    """ComfyUI's template browser shows the file's name as the title, and the JPEG beside it."""
    assert re.fullmatch(r"[A-Z][A-Za-z ]+", path.stem)
    picture = path.with_suffix(".jpg")
    assert picture.stat().st_size <= PICTURE_BYTES
    with Image.open(picture) as image:
        assert (image.format, image.size) == ("JPEG", example_card.SIZE)


@EACH
def test_it_opens_as_an_app(path: Path):
    """The App shows fields that can be set, what it costs, and what was made."""
    canvas = read(path)
    nodes = {node["id"]: node for node in canvas["nodes"]}
    app = canvas["extra"]["linearData"]
    assert canvas["extra"]["linearMode"] is True
    fields = [(nodes[id], name) for id, name, *_ in app["inputs"]]
    prices = [node["type"] for node, name in fields if name == "aigateway_price"]
    for node, name in fields[: len(fields) - len(prices)]:
        (slot,) = [slot for slot in node["inputs"] if slot.get("widget") == {"name": name}]
        assert slot["link"] is None, "a value that comes from another node cannot be set"
    assert set(prices) <= set(PRICED)
    assert len(prices) == any(node["type"] in PRICED for node in canvas["nodes"])
    assert len(fields) > len(prices)
    shown = [nodes[id]["type"] for id in app["outputs"]]
    assert shown
    assert set(shown) <= set(SHOWN)


@EACH
def test_an_app_names_the_fields_of_other_nodes(path: Path):
    """In words of ours, which the page says in its language; ComfyUI calls them `value`."""
    canvas = read(path)
    english = read(pack.ROOT / "locales" / "en" / "main.json")["aigateway"]
    nodes = {node["id"]: node for node in canvas["nodes"]}
    for id, name, *rest in canvas["extra"]["linearData"]["inputs"]:
        shown = rest[0] if rest else {}
        slots = {slot["name"]: slot for slot in nodes[id]["inputs"]}
        label = slots[name].get("label") if name in slots else None
        assert ("say" in shown) or nodes[id]["type"].startswith("AIGateway")
        if "say" in shown:
            assert label == english[shown["say"]].replace("{n}", str(shown.get("n")))
        else:
            assert label is None


def test_the_template_browser_begins_with_one_of_them():
    script = (pack.ROOT / "web" / "js" / "templates.js").read_text("utf-8")
    (first,) = re.findall(r'FIRST = "(.+)"', script)
    assert first in [path.stem for path in EXAMPLES]


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_is_found_by_its_maker(path: Path):
    """The search of ComfyUI knows nothing of a blueprint but the name of its file."""
    assert path.stem.endswith(" (AIgateway)")
    (node,) = read(path)["nodes"]
    (subgraph,) = read(path)["definitions"]["subgraphs"]
    assert node["title"] == subgraph["name"] == path.stem


def test_the_search_for_music_finds_the_blueprint_first_of_all_that_is_ours():
    """ComfyUI puts names that begin with the word first, and of these the shortest."""
    words = json.loads((pack.ROOT / "locales" / "en" / "nodeDefs.json").read_text("utf-8"))
    names = [node["display_name"] for node in words.values()] + [path.stem for path in BLUEPRINTS]
    found = sorted((name for name in names if name.lower().startswith("music")), key=len)
    assert found[0] == "Music (AIgateway)"
    assert found[0] in [path.stem for path in BLUEPRINTS]


def test_the_clip_of_the_examples_has_a_picture_and_a_voice():
    path = pack.ROOT / "example_workflows" / "clip.mp4"
    assert path.stat().st_size < 300_000
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 288
        assert len(container.streams.audio) == 1
