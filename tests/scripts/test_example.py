"""The example workflow fits the nodes that it names, and runs without ComfyUI."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ...scripts.lib import graph, headless, headless_demo, pack

WORKFLOW = pack.ROOT / "example_workflows" / "Text to Music.json"


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """ComfyUI's modules, with all folders in `tmp_path`, and the pack's own sandbox."""
    monkeypatch.setenv("AIGATEWAY_MODE", "sandbox")
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / "data" / "aigateway"))
    headless.configure(tmp_path / "output", tmp_path / "data")


@pytest.fixture
def canvas() -> dict[str, Any]:
    return graph.load(WORKFLOW)


@pytest.fixture
def info() -> graph.NodeInfo:
    return headless.describe(asyncio.run(headless.load_nodes()))


def own_nodes(canvas: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in canvas["nodes"] if node["type"] not in graph.NOTES]


def test_every_widget_has_a_value_that_it_may_have(canvas: dict[str, Any], info: graph.NodeInfo):
    for node in graph.to_prompt(canvas, info).values():
        declared = {
            name: spec
            for section in info[node["class_type"]]["input"].values()
            for name, spec in section.items()
        }
        for name, value in node["inputs"].items():
            settings = declared[name][1] if name in declared else {}
            if "options" in settings and declared[name][0] == "COMBO":
                assert value in settings["options"]
            elif "min" in settings:
                assert settings["min"] <= value <= settings["max"]


def test_inputs_and_outputs_are_the_nodes_own(canvas: dict[str, Any], info: graph.NodeInfo):
    for node in own_nodes(canvas):
        described = info[node["type"]]
        saved = [(output["name"], output["type"]) for output in node["outputs"]]
        assert saved == list(zip(described["output_name"], described["output"], strict=True))
        declared = {
            name: described["input"][section][name][0]
            for section in ("required", "optional")
            for name in described["input"].get(section, {})
        }
        slots = {slot["name"]: slot["type"] for slot in node["inputs"]}
        assert {name: slots[name] for name in declared if name in slots} == declared
        # Sockets come first, then the widgets in their order.
        widgets = [slot["name"] for slot in node["inputs"] if "widget" in slot]
        prompt_inputs = graph.to_prompt(canvas, info)[str(node["id"])]["inputs"]
        assert [name for name in prompt_inputs if name in widgets] == widgets


def test_links_agree_with_the_slots_at_both_ends(canvas: dict[str, Any]):
    nodes = {node["id"]: node for node in canvas["nodes"]}
    for link_id, source, source_slot, target, target_slot, kind in canvas["links"]:
        output = nodes[source]["outputs"][source_slot]
        slot = nodes[target]["inputs"][target_slot]
        assert link_id in output["links"]
        assert slot["link"] == link_id
        assert output["type"] == slot["type"] == kind
    assert canvas["last_link_id"] == max(link[0] for link in canvas["links"])
    assert canvas["last_node_id"] == max(nodes)


def test_nothing_overlaps(canvas: dict[str, Any]):
    title = 40
    boxes = []
    for node in canvas["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
        boxes.append((x, y - title, x + width, y + height))
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.slow
def test_the_demo_writes_the_file_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    asked = {"prompt": "slow piano", "duration": 6.4}
    code = headless_demo.play(WORKFLOW, asked, "wav", tmp_path / "output", tmp_path / "data")
    shown = capsys.readouterr()
    assert code == 0, shown.err
    (file,) = (tmp_path / "output").rglob("*.wav")
    read = soundfile.info(str(file))
    assert read.frames == round(6.4 * read.samplerate)
    assert file.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert str(file) in shown.out
    assert f"6.400 s, {read.frames} samples" in shown.out
    assert "$0.0013" in shown.out
    assert "sandbox" in shown.out


@pytest.mark.parametrize(
    ("asked", "file_format", "said"),
    [
        ({"duration": 300.0}, None, "5 to 240"),
        ({"prompt": " "}, None, "prompt is empty"),
        ({}, "aiff", "choose one of flac, wav, mp3, opus, ogg"),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    asked: dict[str, Any],
    file_format: str | None,
    said: str,
):
    output = tmp_path / "output"
    assert headless_demo.play(WORKFLOW, asked, file_format, output, tmp_path / "data") == 1
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.strip().splitlines()) == 1
    assert not list(output.rglob("*.*"))
