"""ComfyUI's API for nodes (schemas, outputs, VIDEO), for every supported version of ComfyUI."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

from comfy_api.latest import io

_CATEGORY = "AIgateway/music"
_WORDS = Path(__file__).resolve().parents[2] / "locales" / "en" / "nodeDefs.json"
# None if ComfyUI knows only on and off: "on" may start with "randomize", which costs money.
FIXED_AFTER_GENERATE = getattr(getattr(io, "ControlAfterGenerate", None), "fixed", None)
# ComfyUI 0.8 has no folded inputs.
ADVANCED: Any = (
    {"advanced": True} if "advanced" in signature(io.Combo.Input.__init__).parameters else {}
)


def schema(node_id: str, **values: Any) -> io.Schema:
    """A node's schema, without the fields that this version of ComfyUI lacks.

    The words come from `locales/en/nodeDefs.json`: the node's name and description, and a tooltip
    for each input and output.
    """
    words = _words()[node_id]
    for each in values["inputs"]:
        each.tooltip = words["inputs"][each.id].get("tooltip")
    for number, each in enumerate(values["outputs"]):
        each.tooltip = words["outputs"][str(number)].get("tooltip")
    known = {field.name for field in fields(io.Schema)}
    given = {name: value for name, value in values.items() if name in known}
    # `fingerprint_inputs` needs the node's id.
    hidden = [*given.pop("hidden", ()), io.Hidden.unique_id]
    names = {name: words[name] for name in ("display_name", "description")}
    return io.Schema(node_id=node_id, category=_CATEGORY, hidden=hidden, **names, **given)


@functools.cache
def _words() -> dict[str, Any]:
    return json.loads(_WORDS.read_text("utf-8"))


def blocked_outputs(kind: type[io.ComfyNode]) -> io.NodeOutput:
    """Outputs of a node that block the next nodes."""
    from comfy_execution.graph_utils import ExecutionBlocker

    return io.NodeOutput(*[ExecutionBlocker(None)] * len(kind.SCHEMA.outputs))


def components_of(video: Any) -> Any:
    """Frames, rate and audio of a VIDEO in memory; None for a VIDEO in a file."""
    from comfy_api.latest import InputImpl

    in_memory = isinstance(video, InputImpl.VideoFromComponents)
    return video.get_components() if in_memory else None


def source_of(video: Any) -> Any:
    """The path or the stream of a VIDEO that is stored unchanged; None for every other VIDEO.

    Also None for a list of parts, because its stream would hold the whole film in memory.
    """
    from comfy_api.latest import InputImpl

    return video.get_stream_source() if isinstance(video, InputImpl.VideoFromFile) else None


def is_edited(video: Any) -> bool:
    """Whether ComfyUI crops or resizes the VIDEO only when saving: the source is unchanged."""
    pending = getattr(video, "has_pending_frame_edits", None)
    if pending is not None:
        return bool(pending())
    # Some versions of ComfyUI crop, but have no attribute that says so.
    return getattr(video, "_VideoFromFile__crop", None) is not None


def video_of(path: Path, finish: Callable[[Path], object] | None = None) -> Any:
    """The VIDEO in a file.

    Args:
        finish: gets each file that the VIDEO is saved as: ComfyUI copies streams and tags only.
    """
    from comfy_api.latest import InputImpl

    if finish is None:
        return InputImpl.VideoFromFile(str(path))

    class FinishedVideo(InputImpl.VideoFromFile):
        def save_to(self, path: Any, *how: Any, **named: Any) -> None:
            super().save_to(path, *how, **named)
            if isinstance(path, str | os.PathLike):
                finish(Path(path))

    return FinishedVideo(str(path))
