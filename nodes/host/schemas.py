"""How a node describes itself to ComfyUI."""

from __future__ import annotations

from dataclasses import fields
from inspect import signature
from typing import Any

from comfy_api.latest import io

_CATEGORY = "AIgateway/music"
# None where ComfyUI knows only on and off: on may begin with "randomize", which costs money.
FIXED_AFTER_GENERATE = getattr(getattr(io, "ControlAfterGenerate", None), "fixed", None)
# ComfyUI 0.8 does not fold inputs.
ADVANCED: Any = (
    {"advanced": True} if "advanced" in signature(io.Combo.Input.__init__).parameters else {}
)


def schema(**values: Any) -> io.Schema:
    """A node's schema, without the fields that this version of ComfyUI lacks."""
    known = {field.name for field in fields(io.Schema)}
    given = {name: value for name, value in values.items() if name in known}
    # `fingerprint_inputs` needs the id of its node.
    hidden = [*given.pop("hidden", ()), io.Hidden.unique_id]
    return io.Schema(category=_CATEGORY, hidden=hidden, **given)
