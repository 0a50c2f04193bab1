"""What happens when a graph runs again after items of a list failed: only they run again.

ComfyUI keeps the outputs of a node as a whole. A node some of whose items failed has to run again,
and its good items hand out what they came to before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from comfy_api.latest import io


class Node(io.ComfyNode):
    """A node that runs again after a run in which items of its list failed."""

    keeps_items = False
    """Whether a good item of such a run hands out its output again, without running."""

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        return str(failures(cls))

    @classmethod
    def is_kept(cls, output: io.NodeOutput) -> bool:
        """Whether what an output names is still there."""
        return True


Kept = list[tuple[Mapping[str, Any], io.NodeOutput]]
"""Good items of a list: their inputs, and what they came to."""

_failures: Counter[str | None] = Counter()
_kept: dict[str, Kept] = {}
_run_with_failures: str | None = None


def failures(kind: type[io.ComfyNode]) -> int:
    """In how many runs items of this node's list failed, in this process."""
    return _failures[getattr(kind.hidden, "unique_id", None)]


def note(node_id: str, run: str) -> None:
    """Items of the node's list failed in this run."""
    global _run_with_failures
    _failures[node_id] += 1
    _run_with_failures = run


def keep(node_id: str, run: str, good: Kept) -> None:
    """Good items of a node, which are kept if items failed in this run, here or before it."""
    if run == _run_with_failures:
        _kept[node_id] = good


def take(node_id: str) -> Kept:
    """The kept items of the node's last run; they are forgotten."""
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
    """Equal text, numbers and mappings of them; of everything else the very same object."""
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_are_same(one[k], other[k]) for k in one)
    return type(one) is type(other) and isinstance(one, (str, int, float)) and one == other
