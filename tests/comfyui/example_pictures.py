"""Draw the pictures of the example workflows: `python3 tests/comfyui/example_pictures.py [TITLE]`.

Each example runs in the ComfyUI at COMFYUI_PATH with the sandbox. ComfyUI's template browser shows
the picture of its results.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":
    # Continue in .venv, as a module of the pack, because its imports are relative.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
    importlib.import_module("lib.environment").enter("run")
    sys.exit(importlib.import_module("lib.pack").run("tests.comfyui.example_pictures"))

from ...scripts.lib import comfyui, environment, graph, pack
from . import example_card
from .client import Browser, RefusedError, browse

EXAMPLES = pack.ROOT / "example_workflows"
PICK_UP = "AIGatewayPollJob"
END_WITHIN = 300.0


class RunError(Exception):
    """An example did not run; the message is one sentence."""


class Made(NamedTuple):
    """The words that a person writes into an example's App, and the files that it shows then."""

    words: str
    files: list[Path]


def main() -> int:
    """Draw the pictures of the titles on the command line, or of all; return the exit code."""
    titles = sys.argv[1:]
    checkout = os.environ.get(comfyui.PATH)
    if not checkout:
        print(f"No ComfyUI is named: set {comfyui.PATH} to its folder.", file=sys.stderr)
        return 1
    paths = [path for path in sorted(EXAMPLES.glob("*.json")) if path.stem in titles or not titles]
    try:
        with tempfile.TemporaryDirectory() as base:
            asyncio.run(_draw(checkout, Path(base), paths))
    except (RunError, comfyui.ComfyUIError, environment.SetupError) as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


async def _draw(checkout: str, base: Path, paths: Sequence[Path]) -> None:
    async for path, made in run_all(checkout, base, paths):
        card = example_card.draw(path.stem, made.words, made.files)
        path.with_suffix(".jpg").write_bytes(card)
        print(f"{path.stem}: {len(card) / 1000:.0f} kB", flush=True)


async def run_all(
    checkout: str, base: Path, paths: Sequence[Path]
) -> AsyncIterator[tuple[Path, Made]]:
    """Run workflows with the sandbox; yields the path of each and its results.

    ComfyUI's data goes to `base`. Raises RunError or comfyui.ComfyUIError.
    """
    folder = comfyui.checkout(checkout)
    settings = {"AIGATEWAY_MODE": "sandbox", "AIGATEWAY_DATA_DIR": str(base / "data")}
    with comfyui.ComfyUI(folder, base, comfyui.python(folder), settings) as server:
        async with browse(server.url) as browser:
            info = await browser.node_info()
            # A job can be picked up once another example has ordered one.
            for path in sorted(paths, key=lambda path: "Pick Up" in path.stem):
                canvas = graph.load(path)
                prompt = graph.to_prompt(canvas, info)
                await _name_a_job(browser, prompt)
                try:
                    outcome = await browser.run(prompt, within=END_WITHIN)
                except (RefusedError, asyncio.TimeoutError) as failed:
                    raise RunError(f"{path.name} did not run in ComfyUI: {failed!r}") from failed
                if outcome.ending.kind != "execution_success":
                    raise RunError(f"{path.name} failed in ComfyUI: {outcome.ending.data}")
                app = canvas["extra"]["linearData"]
                shown = [outcome.outputs.get(str(id), {}) for id in app["outputs"]]
                files = [base / file for outputs in shown for file in _files(outputs)]
                yield path, Made(_words(prompt, app["inputs"]), files)


async def _name_a_job(browser: Browser, prompt: graph.Prompt) -> None:
    """Fill an empty field for the id of a job with that of the newest track."""
    for node in prompt.values():
        inputs = node["inputs"]
        if node["class_type"] == PICK_UP and "job" not in inputs and not inputs["job_id"]:
            tracks = (await browser.get("/aigateway/tracks"))["tracks"]
            if not tracks:
                raise RunError("There is no job to pick up: name another example too.")
            inputs["job_id"] = tracks[0]["job_id"]


def _files(outputs: Mapping[str, Any]) -> Iterator[Path]:
    """The sounds and pictures that a node shows, from ComfyUI's base folder."""
    for shown in outputs.values():
        for file in shown:
            named = isinstance(file, Mapping) and "filename" in file
            # The graph, the loop and the credits are texts beside the sound.
            if named and not file["filename"].endswith((".json", ".md")):
                yield Path(file["type"], file["subfolder"], file["filename"])


def _words(prompt: graph.Prompt, inputs: Sequence[Sequence[Any]]) -> str:
    """The longest text among the inputs of an App."""
    values = [prompt[str(id)]["inputs"].get(name) for id, name, *_ in inputs]
    return max((value for value in values if isinstance(value, str)), key=len, default="")
