"""In a governed build of ComfyUI: a digest over the code, a read-only folder, disabled nodes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ...scripts.lib import graph, headless, pack
from . import check

WORKFLOWS = sorted((pack.ROOT / "example_workflows").glob("*.json"))
TEXT_TO_MUSIC = pack.ROOT / "example_workflows" / "Text to Music.json"

# Loads the pack from a folder, as ComfyUI does, and runs a prompt through it.
RUN = """
import asyncio, importlib, importlib.util, json, pathlib, sys
root, lib, base, prompt = sys.argv[1:]
spec = importlib.util.spec_from_file_location("lib", lib + "/__init__.py",
    submodule_search_locations=[lib])
sys.modules["lib"] = importlib.util.module_from_spec(spec)
headless = importlib.import_module("lib.headless")
pack = importlib.import_module("lib.pack")
pack.ROOT = pathlib.Path(root)
base = pathlib.Path(base)
headless.configure(base / "output", base / "data")
async def main():
    nodes = await headless.load_nodes()
    await headless.run(json.loads(prompt), nodes, {}, lambda *_: None)
    print("whole:", *(path.name for path in (base / "output").rglob("*.flac")))
asyncio.run(main())
"""


@pytest.fixture
def digest() -> Callable[[Path], str]:
    """The program of docs/farm.md."""
    page = (pack.ROOT / "docs" / "farm.md").read_text("utf-8")
    found = re.search(r"^```python\n(# digest.py:.*?)^```", page, re.S | re.M)
    assert found
    names: dict[str, Any] = {"__name__": "digest"}
    exec(compile(found[1], "digest.py", "exec"), names)  # noqa: S102
    return names["digest"]


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """The package as the Registry installs it, in a folder that nobody may write to."""
    try:
        files = check.archive()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this folder is no git checkout: {error}")
    folder = tmp_path / "custom_nodes" / "aigateway-music"
    for name in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pack.ROOT / name, target)
    everything = [folder, *folder.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in everything:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def prompt_of(workflow: Path, info: graph.NodeInfo) -> graph.Prompt:
    return graph.to_prompt(graph.load(workflow), info)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> headless.Nodes:
    monkeypatch.setenv("AIGATEWAY_MODE", "sandbox")
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / "ledger"))
    headless.configure(tmp_path / "output", tmp_path / "data")
    return asyncio.run(headless.load_nodes())


@pytest.mark.slow
def test_a_run_changes_nothing_in_the_folder(
    installed: Path, digest: Callable[[Path], str], nodes: headless.Nodes, tmp_path: Path
) -> None:
    before, files = digest(installed), sorted(installed.rglob("*"))
    prompt = json.dumps(prompt_of(TEXT_TO_MUSIC, headless.describe(nodes)))
    lib = str(pack.ROOT / "scripts" / "lib")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(installed), lib, str(tmp_path / "run"), prompt],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert re.search(r"whole: .+\.flac", done.stdout), done.stderr
    assert sorted(installed.rglob("*")) == files
    assert digest(installed) == before


def test_the_digest_is_one_of_paths_and_contents(
    digest: Callable[[Path], str], tmp_path: Path
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "web" / "b.js").write_text("b();\n")
    one = digest(tmp_path)
    assert re.fullmatch(r"blake3:[0-9a-f]{64}", one)
    (tmp_path / "readme.md").write_text("not measured")
    assert digest(tmp_path) == one
    (tmp_path / "web" / "b.js").rename(tmp_path / "web" / "c.js")
    two = digest(tmp_path)
    (tmp_path / "a.py").write_text("a = 2\n")
    assert len({one, two, digest(tmp_path)}) == 3
    (tmp_path / "a.pyc").write_bytes(b"")
    with pytest.raises(ValueError, match="refuses links and bytecode"):
        digest(tmp_path)


def test_the_archive_has_no_links_and_no_bytecode(installed: Path) -> None:
    assert not [path for path in installed.rglob("*") if path.is_symlink()]
    assert not [*installed.rglob("*.pyc"), *installed.rglob("__pycache__")]


@pytest.mark.slow
async def test_the_template_runs_where_every_other_node_is_disabled(
    nodes: headless.Nodes, tmp_path: Path
) -> None:
    prompt = prompt_of(TEXT_TO_MUSIC, headless.describe(nodes))
    left = {node["class_type"] for node in prompt.values()}
    assert len(left) < len(nodes) / 2
    await headless.run(prompt, {name: nodes[name] for name in left}, {}, lambda node_id, name: None)
    assert list((tmp_path / "output").rglob("*.flac"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_disabled_node_is_named_and_stops_only_templates_that_have_it(
    nodes: headless.Nodes, workflow: Path
) -> None:
    info = headless.describe(nodes)
    canvas = graph.load(workflow)
    has = {node["type"] for node in canvas["nodes"]}
    if not has - {*graph.NOTES} <= set(info):
        pytest.skip("this template has nodes of ComfyUI")
    for disabled in info:
        left = {name: facts for name, facts in info.items() if name != disabled}
        if disabled in has:
            with pytest.raises(graph.GraphError, match=disabled):
                graph.to_prompt(canvas, left)
        else:
            assert graph.to_prompt(canvas, left)
