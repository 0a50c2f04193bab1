"""No template and no page names a node that the newest ComfyUI calls deprecated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ...scripts.lib import pack

# ComfyUI's comfy_extras/nodes_audio.py, 3fa38fd: `is_deprecated=True`.
DEPRECATED = {
    "SaveAudio": "Save Audio (FLAC)",
    "SaveAudioMP3": "Save Audio (MP3)",
    "SaveAudioOpus": "Save Audio (Opus)",
}
GRAPHS = [
    *sorted((pack.ROOT / "example_workflows").glob("*.json")),
    *sorted((pack.ROOT / "subgraphs").glob("*.json")),
]
PAGES = [
    pack.ROOT / "README.md",
    *sorted((pack.ROOT / "docs").glob("*.md")),
    *sorted((pack.ROOT / "web" / "docs").rglob("*.md")),
]


def kinds(graph: dict[str, Any]) -> Iterator[str]:
    """The classes of the nodes of a graph and of its blueprints."""
    for node in graph.get("nodes", []):
        yield node["type"]
    for inner in graph.get("definitions", {}).get("subgraphs", []):
        yield from kinds(inner)


def deprecated_words(text: str) -> list[str]:
    words = [*map(re.escape, DEPRECATED.values()), *(rf"\b{name}\b" for name in DEPRECATED)]
    return re.findall("|".join(words), text)


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_a_template_has_no_deprecated_node(path: Path) -> None:
    found = set(kinds(json.loads(path.read_text("utf-8"))))
    assert found
    assert not found & set(DEPRECATED)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_names_no_deprecated_node(path: Path) -> None:
    assert not deprecated_words(path.read_text("utf-8"))


def test_deprecated_words_are_found() -> None:
    said = "Connect Save Audio (MP3), or the class SaveAudio; not AIGatewaySaveAudio or Save Audio."
    assert deprecated_words(said) == ["Save Audio (MP3)", "SaveAudio"]
    inner = {"nodes": [{"type": "SaveAudio"}]}
    assert set(kinds({"nodes": [], "definitions": {"subgraphs": [inner]}})) == {"SaveAudio"}
