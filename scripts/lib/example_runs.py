"""Run the example workflows in a real ComfyUI, and find what their Apps take and show."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import comfyui, environment, example_card, graph, pack

CLIP = pack.ROOT / "example_workflows" / "clip.mp4"
END_WITHIN = 300.0
PICK_UP = "AIGatewayPollJob"
# A proxy from the environment must not get requests to this machine.
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RunError(Exception):
    """An example did not run; the message is one sentence."""


class Made(NamedTuple):
    """What a person writes into an example's App, and the files that the App shows then."""

    words: str
    files: list[Path]


def draw_all(checkout: str, examples: Path, titles: Sequence[str]) -> int:
    """Draw the pictures of the workflows in a folder: those of `titles`, or all.

    `checkout` is the folder of the ComfyUI that runs them. Returns the process's exit code.
    """
    try:
        with tempfile.TemporaryDirectory() as base:
            paths = [p for p in sorted(examples.glob("*.json")) if p.stem in titles or not titles]
            for path, made in run_all(checkout, Path(base), paths):
                card = example_card.draw(path.stem, made.words, made.files)
                path.with_suffix(".jpg").write_bytes(card)
                print(f"{path.stem}: {len(card) / 1000:.0f} kB", flush=True)
    except (RunError, comfyui.ComfyUIError, environment.SetupError) as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


def run_all(checkout: str, base: Path, paths: Sequence[Path]) -> Iterator[tuple[Path, Made]]:
    """Run workflows with the sandbox; the path of each, and what it made.

    ComfyUI's data goes to `base`. Raises RunError or comfyui.ComfyUIError.
    """
    folder = comfyui.checkout(checkout)
    (base / "input").mkdir()
    shutil.copy(CLIP, base / "input")
    settings = {"AIGATEWAY_MODE": "sandbox", "AIGATEWAY_DATA_DIR": str(base / "data")}
    with comfyui.ComfyUI(folder, base, comfyui.python(folder), settings) as server:
        info = _ask(f"{server.url}/object_info")
        # A job can be picked up once another example has ordered one.
        for path in sorted(paths, key=lambda path: "Pick Up" in path.stem):
            canvas = graph.load(path)
            prompt = graph.to_prompt(canvas, info)
            _name_a_job(server.url, prompt)
            outputs = _run(server.url, path, prompt)
            app = canvas["extra"]["linearData"]
            files = [base / file for id in app["outputs"] for file in _files(outputs, str(id))]
            yield path, Made(_words(prompt, app["inputs"]), files)


def _name_a_job(url: str, prompt: graph.Prompt) -> None:
    """Fill a field for the id of a job, where it is empty, with that of the newest track."""
    for node in prompt.values():
        inputs = node["inputs"]
        if node["class_type"] == PICK_UP and "job" not in inputs and not inputs["job_id"]:
            tracks = _ask(f"{url}/aigateway/tracks")["tracks"]
            if not tracks:
                raise RunError("There is no job to pick up: name another example too.")
            inputs["job_id"] = tracks[0]["job_id"]


def _run(url: str, path: Path, prompt: graph.Prompt) -> Mapping[str, Any]:
    """The outputs of a graph by node id, once it has run."""
    try:
        id = _ask(f"{url}/prompt", {"prompt": prompt})["prompt_id"]
    except urllib.error.HTTPError as refused:
        raise RunError(f"ComfyUI refused {path.name}: {refused.read().decode()}") from refused
    deadline = time.monotonic() + END_WITHIN
    while time.monotonic() < deadline:
        ended = _ask(f"{url}/history/{id}").get(id)
        if ended and ended["status"]["status_str"] == "success":
            return ended["outputs"]
        if ended:
            raise RunError(f"{path.name} failed in ComfyUI: {ended['status']['messages'][-1]}")
        time.sleep(0.5)
    raise RunError(f"{path.name} did not end within {END_WITHIN:g} s.")


def _files(outputs: Mapping[str, Any], id: str) -> Iterator[Path]:
    """The files that a node shows, from ComfyUI's base folder."""
    for shown in outputs.get(id, {}).values():
        for file in shown:
            if isinstance(file, Mapping) and "filename" in file:
                yield Path(file["type"], file["subfolder"], file["filename"])


def _words(prompt: graph.Prompt, inputs: Sequence[Sequence[Any]]) -> str:
    """The longest text among the inputs of an App."""
    values = [prompt[str(id)]["inputs"].get(name) for id, name, *_ in inputs]
    return max((value for value in values if isinstance(value, str)), key=len, default="")


def _ask(url: str, body: Any = None) -> Any:
    """ComfyUI's answer to GET, or to POST where there is a body."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310  # nosec B310
    with _NO_PROXY.open(request, timeout=60) as answer:
        return json.load(answer)
