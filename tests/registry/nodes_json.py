"""Write what a reader of the text learns of the nodes: `python3 tests/registry/nodes_json.py`.

`docs/nodes.json` has the id, the inputs and the outputs of each node. The table in `__init__.py`
has the ids for tools that know `NODE_CLASS_MAPPINGS` alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import runpy
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Continue as a module of the pack, because its imports are relative.
    lib = Path(__file__).resolve().parents[2] / "scripts" / "lib"
    sys.exit(runpy.run_path(str(lib / "pack.py"))["run"]("tests.registry.nodes_json"))

from ...scripts.lib import headless, pack

FILE = pack.ROOT / "docs" / "nodes.json"
DOOR = pack.ROOT / "__init__.py"
TABLE = re.compile(r"(?<=    NODE_CLASS_MAPPINGS = \{\n).*?(?=    \}\n)", re.S)


def listing(nodes: headless.Nodes) -> str:
    """The text of `docs/nodes.json`."""
    described = [_described(info) for _, info in sorted(headless.describe(nodes).items())]
    return json.dumps({"nodes": described}, indent=1, ensure_ascii=False) + "\n"


def door(nodes: headless.Nodes, text: str) -> str:
    """The text of `__init__.py` with the table of these nodes."""
    rows = [
        f'        "{name}": "nodes.{kind.__module__.rpartition(".")[2]}.{kind.__name__}",\n'
        for name, kind in sorted(nodes.items())
    ]
    assert TABLE.search(text)
    return TABLE.sub(lambda _: "".join(rows), text)


def _described(info: Any) -> dict[str, Any]:
    outputs = zip(info["output_name"], info["output"], info["output_is_list"], strict=True)
    return {
        "id": info["name"],
        "name": info["display_name"],
        "category": info["category"],
        "description": info["description"],
        "inputs": list(_inputs(info)),
        "outputs": [
            {"name": name, "type": kind, "list": is_list} for name, kind, is_list in outputs
        ],
    }


def _inputs(info: Any) -> Iterator[dict[str, Any]]:
    for section in ("required", "optional"):
        for name, (kind, *_) in info["input"].get(section, {}).items():
            shown = "COMBO" if isinstance(kind, list) else kind
            yield {"name": name, "type": shown, "required": section == "required"}


def main() -> int:
    """Write both files."""
    with tempfile.TemporaryDirectory() as folder:
        headless.configure(Path(folder) / "output", Path(folder) / "data")
        nodes = asyncio.run(headless.load_nodes())
    FILE.write_text(listing(nodes), "utf-8")
    DOOR.write_text(door(nodes, DOOR.read_text("utf-8")), "utf-8")
    print(f"{len(nodes)} nodes in {FILE.name} and {DOOR.name}")
    return 0
