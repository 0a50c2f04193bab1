"""After a run in which items of a list failed, only the failed items run again.

ComfyUI caches the outputs of a node as a whole, so a node with failed items runs again as a whole.
Its good items return their outputs of the run before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io


class Node(io.ComfyNode):
    """A node that runs again after a run in which items of its list failed."""

    keeps_items = False
    """Whether a good item returns its output of that run, instead of running again."""

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        return str(failures(cls))

    @classmethod
    def is_kept(cls, output: io.NodeOutput) -> bool:
        """Whether the files that an output names still exist."""
        return True


Kept = list[tuple[Mapping[str, Any], io.NodeOutput]]
"""The inputs and the output of each good item of a list."""

_failures: Counter[str | None] = Counter()
_kept: dict[str, Kept] = {}
_run_with_failures: str | None = None


def id_of(kind: type[io.ComfyNode]) -> str | None:
    """The id in its graph of a node that ComfyUI asks about before it runs; None outside."""
    return getattr(kind.hidden, "unique_id", None)


def failures(kind: type[io.ComfyNode]) -> int:
    """The number of runs in this process in which items of this node failed."""
    return _failures[id_of(kind)]


def note(node_id: str, run: str) -> None:
    """Note that items of the node failed in this run."""
    global _run_with_failures
    _failures[node_id] += 1
    _run_with_failures = run


def keep(node_id: str, run: str, good: Kept) -> None:
    """Keep the good items of a node, if any item failed in this run, here or in an earlier node."""
    if run == _run_with_failures:
        _kept[node_id] = good


def take(node_id: str) -> Kept:
    """Remove and return the kept items of the node's last run."""
    return _kept.pop(node_id, [])


def find(kind: type[io.ComfyNode], kept: Kept, inputs: Mapping[str, Any]) -> io.NodeOutput | None:
    """The output of a kept item that had the same inputs."""
    if not (issubclass(kind, Node) and kind.keeps_items):
        return None
    for known, output in kept:
        if _are_same(known, inputs) and kind.is_kept(output):
            return output
    return None


def _are_same(one: Any, other: Any) -> bool:
    """Text, numbers and mappings of them are compared by value, all else by identity."""
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_are_same(one[k], other[k]) for k in one)
    return type(one) is type(other) and isinstance(one, (str, int, float)) and one == other
