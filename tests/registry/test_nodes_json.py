"""Tools that never run the pack find its nodes."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from ...scripts.lib import headless, pack
from . import nodes_json


@pytest.fixture
async def nodes(tmp_path: Path) -> headless.Nodes:
    headless.configure(tmp_path / "output", tmp_path / "data")
    return await headless.load_nodes()


REPAIR = "run `.venv/bin/python tests/registry/nodes_json.py`"


def test_the_listing_is_that_of_the_schemas(nodes: headless.Nodes) -> None:
    assert nodes_json.FILE.read_text("utf-8") == nodes_json.listing(nodes), REPAIR
    listed = json.loads(nodes_json.listing(nodes))["nodes"]
    assert {node["id"] for node in listed} == set(nodes)
    save = next(node for node in listed if node["id"] == "AIGatewaySaveAudio")
    assert [each["name"] for each in save["inputs"][:2]] == ["audio", "filename_prefix"]
    assert [each["type"] for each in save["outputs"]] == ["AUDIO", "STRING"]


def test_a_reader_of_the_syntax_finds_the_nodes(nodes: headless.Nodes) -> None:
    text = nodes_json.DOOR.read_text("utf-8")
    assert text == nodes_json.door(nodes, text), REPAIR
    tables = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NODE_CLASS_MAPPINGS"
    ]
    assert [set(ast.literal_eval(table)) for table in tables] == [set(nodes)]


def test_comfyui_finds_no_table_and_calls_the_entry_point() -> None:
    door = pack.load()
    assert not hasattr(door, "NODE_CLASS_MAPPINGS")
    assert callable(door.comfy_entrypoint)
