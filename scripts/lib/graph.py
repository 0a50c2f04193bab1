"""Convert a workflow, as the canvas saves it, into the prompt that ComfyUI executes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Class and inputs by node id, as POST /prompt takes them.
Prompt = dict[str, dict[str, Any]]
# Description by node class, as GET /object_info returns it.
NodeInfo = Mapping[str, Mapping[str, Any]]

DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", DYNAMIC_COMBO)
NOTES = ("Note", "MarkdownNote")
CONTROLS = ("fixed", "increment", "decrement", "randomize")
UPLOADS = ("image_upload", "video_upload")


class GraphError(Exception):
    """A workflow and the nodes do not fit together; the message is one sentence."""


def load(path: Path) -> dict[str, Any]:
    """The workflow in a file. Raises GraphError if the file is not a workflow."""
    try:
        canvas = json.loads(path.read_text("utf-8"))
        return {**canvas, "nodes": list(canvas["nodes"]), "links": list(canvas["links"])}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise GraphError(
            f"{path} is not a workflow saved by ComfyUI's canvas ({error})."
        ) from error


def to_prompt(canvas: Mapping[str, Any], info: NodeInfo) -> Prompt:
    """The prompt of a workflow. Raises GraphError if it does not fit the nodes."""
    sources = {link[0]: [str(link[1]), link[2]] for link in canvas["links"]}
    prompt: Prompt = {}
    for node in canvas["nodes"]:
        kind = node["type"]
        if kind in NOTES:
            continue
        if kind not in info:
            raise GraphError(f"The workflow has a node {kind}, which is not loaded.")
        values = deque(node.get("widgets_values") or [])
        inputs = dict(_widget_values(info[kind]["input"], values, kind))
        if values:
            left = list(values)
            raise GraphError(f"The workflow has more values than {kind} has widgets: {left}.")
        for slot in node.get("inputs") or []:
            if slot.get("link") is not None:
                inputs[slot["name"]] = sources[slot["link"]]
        prompt[str(node["id"])] = {"class_type": kind, "inputs": inputs}
    return prompt


def node_of(prompt: Prompt, kind: str) -> str:
    """The id of the only node of a class. Raises GraphError if there is not exactly one."""
    found = [node_id for node_id, node in prompt.items() if node["class_type"] == kind]
    if len(found) != 1:
        raise GraphError(f"The workflow has {len(found)} nodes {kind}, expected 1.")
    return found[0]


def choose(prompt: Prompt, info: NodeInfo, kind: str, name: str, choice: str) -> None:
    """Set a dynamic combo, and its nested inputs to their defaults. Raises GraphError."""
    inputs = prompt[node_of(prompt, kind)]["inputs"]
    for nested in [key for key in inputs if key.startswith(f"{name}.")]:
        del inputs[nested]
    declared = {
        **info[kind]["input"].get("required", {}),
        **info[kind]["input"].get("optional", {}),
    }
    option = _option(declared[name][1]["options"], choice, f"{name} of {kind}")
    inputs[name] = choice
    for section in option["inputs"].values():
        for nested, (_, settings) in section.items():
            inputs[f"{name}.{nested}"] = _default(settings)


def _widget_values(
    declared: Mapping[str, Any], values: deque[Any], kind: str, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Each widget's name and value, in the order in which the canvas creates the widgets."""
    for section in ("required", "optional"):
        for name, (input_type, *rest) in declared.get(section, {}).items():
            settings = rest[0] if rest else {}
            if isinstance(input_type, list):  # an old combo: its type is the list of choices
                input_type = "COMBO"
            if input_type not in WIDGETS or settings.get("forceInput"):
                continue
            # A workflow that is older than the input lacks its value.
            value = values.popleft() if values else _default(settings)
            if value is None:
                raise GraphError(f"The workflow has no value for {name} of {kind}.")
            yield prefix + name, value
            # The change of the number after a run. Older versions of ComfyUI do not declare it.
            if input_type == "INT" and values and values[0] in CONTROLS:
                values.popleft()
            # The button beside a choice of files has a value too.
            if values and any(settings.get(upload) for upload in UPLOADS):
                values.popleft()
            if input_type == DYNAMIC_COMBO:
                option = _option(settings["options"], value, f"{name} of {kind}")
                yield from _widget_values(option["inputs"], values, kind, f"{prefix}{name}.")


def _default(settings: Mapping[str, Any]) -> Any:
    """The value of a new widget: the first choice, or None if the description has no value."""
    first = next(iter(settings.get("options", [])), None)
    return settings.get("default", first["key"] if isinstance(first, dict) else first)


def _option(options: list[dict[str, Any]], key: str, what: str) -> dict[str, Any]:
    for option in options:
        if option["key"] == key:
            return option
    known = ", ".join(option["key"] for option in options)
    raise GraphError(f"{key} is not a {what}: choose one of {known}.")
