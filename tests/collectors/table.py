"""Who returns what: `.venv/bin/python tests/collectors/table.py` prints the table of docs/farm.md.

Save Audio saves a loop with a name, once with the default settings and once with `flat_output`.
Each collector of `rules.py` then says what it returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import runpy
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Continue as a module of the pack, because its imports are relative.
    lib = Path(__file__).resolve().parents[2] / "scripts" / "lib"
    sys.exit(runpy.run_path(str(lib / "pack.py"))["run"]("tests.collectors.table"))

import torch

from ...scripts.lib import headless
from .rules import COLLECTORS, Run

PREFIX = "audio/AIgateway"
SAVE = "AIGatewaySaveAudio"
HEAD = "| collector | returns by default | with `AIGATEWAY_FLAT_OUTPUT=true` |\n| --- | --- | --- |"


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def played(folder: Path, **inputs: Any) -> Run:
    """A run of Save Audio with one second of a loop in WAV, and its files in `folder`."""
    headless.configure(folder / "output", folder / "data")
    nodes = await headless.load_nodes()
    values = {
        "audio": {"waveform": torch.full((1, 1, 48000), 0.25), "sample_rate": 48000},
        "filename_prefix": PREFIX,
        "format": {"format": "wav"},
        **inputs,
    }
    clone = nodes[SAVE].PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    output = await clone.EXECUTE_NORMALIZED_ASYNC(**values)
    shown = {name: value for name, value in values.items() if name != "audio"}
    prompt = {"1": {"class_type": SAVE, "inputs": shown}}
    return Run(prompt, {"1": output.ui}, folder / "output")


def row(name: str, runs: Sequence[Run]) -> str:
    return f"| {name} | {' | '.join(returned(name, run) for run in runs)} |"


def returned(name: str, run: Run) -> str:
    """What a collector returns, in words."""
    try:
        paths = set(COLLECTORS[name](run))
    except (LookupError, TypeError) as error:
        return f"fails ({type(error).__name__})"
    audio = {path for path in paths if path.suffix == ".wav"}
    beside = {path.name for path in paths - audio}
    words = ["the audio"] * bool(audio)
    words += ["the loop"] * any(each.endswith(".loop.json") for each in beside)
    words += ["the manifest"] * ("manifest.json" in beside)
    return ", ".join(words) or "nothing"


async def table(folder: Path) -> str:
    """The rows of all collectors, as Markdown."""
    inputs = {"name": "forest", "loop_start": 0, "loop_length": 24000}
    runs = [await played(folder / "default", **inputs)]
    with environment(AIGATEWAY_FLAT_OUTPUT="true"):
        runs.append(await played(folder / "flat", **inputs))
    return "\n".join([HEAD, *(row(name, runs) for name in COLLECTORS)])


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, environment(AIGATEWAY_DATA_DIR=folder):
        print(asyncio.run(table(Path(folder))))
    return 0
