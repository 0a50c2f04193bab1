"""ComfyUI's server: its routes, its events to the page, and the graphs that it queues."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from aiohttp import web


def server_routes() -> web.RouteTableDef | None:
    """The table for more routes in ComfyUI's server; None if the host has no server."""
    from server import PromptServer

    routes = getattr(PromptServer.instance, "routes", None)
    # In a host without a server, this name may refer to another object.
    return routes if type(routes).__name__ == "RouteTableDef" else None


def listening_names() -> frozenset[str]:
    """The addresses and names that ComfyUI was told to listen on."""
    from comfy.cli_args import args

    listen = str(getattr(args, "listen", "") or "")
    return frozenset(each.strip().lower() for each in listen.split(",") if each.strip())


def tell(event: str, data: Mapping[str, Any], client: str | None = None) -> None:
    """Send an event to the page of a client, or to all pages. Without a server, do nothing.

    Safe to call from any thread.
    """
    from server import PromptServer

    send = getattr(PromptServer.instance, "send_sync", None)
    if send is not None:
        send(event, dict(data), client)


def running_client() -> str | None:
    """The page that queued the running graph; None if a script queued it."""
    from server import PromptServer

    return getattr(PromptServer.instance, "client_id", None)


# ComfyUI receives and validates a graph in one task, so a context variable can hold the graph.
_queued: ContextVar[QueuedGraph | None] = ContextVar("aigateway_queued", default=None)


class QueuedGraph:
    """A graph in ComfyUI's API format: nodes by their ids.

    Attributes:
        run: the id that its run will have.
        client: the page that sent it, None for a script.
        targets: the output nodes that run; None means all of them.
        notes: facts about this graph that its nodes share.
    """

    def __init__(self, sent: Mapping[str, Any]) -> None:
        prompt = sent.get("prompt")
        self.nodes: Mapping[str, Any] = prompt if isinstance(prompt, Mapping) else {}
        self.run = str(sent.get("prompt_id", ""))
        self.client: str | None = sent.get("client_id")
        self.targets: Sequence[str] | None = sent.get("partial_execution_targets")
        self.notes: dict[str, Any] = {}

    def certain_nodes(self) -> list[str]:
        """The ids of the nodes that certainly run, in the graph's order.

        ComfyUI may skip a node behind a lazy input, so this list does not contain it.
        """
        found: set[str] = set()
        lazy_inputs: dict[Any, set[str]] = {}
        open_ids = [
            name
            for name, node in self.nodes.items()
            if getattr(_class_of(node), "OUTPUT_NODE", False)
            and (self.targets is None or name in self.targets)
        ]
        while open_ids:
            name = open_ids.pop()
            if name in found or name not in self.nodes:
                continue
            found.add(name)
            node = self.nodes[name]
            kind = _class_of(node)
            # Some nodes read a folder to define their inputs.
            if kind not in lazy_inputs:
                lazy_inputs[kind] = _lazy_inputs(kind)
            lazy = lazy_inputs[kind]
            for title, value in inputs_of(node).items():
                if is_link(value) and title not in lazy:
                    open_ids.append(str(value[0]))
        return [name for name in self.nodes if name in found]

    def gives_list(self, name: str, slot: int) -> bool:
        """Whether an output of a node is a list whose length is known only in the run."""
        are_lists = getattr(_class_of(self.nodes.get(name)), "OUTPUT_IS_LIST", None) or ()
        return slot < len(are_lists) and bool(are_lists[slot])

    def takes_lists(self, name: str) -> bool:
        """Whether a node runs once and gets its whole lists."""
        return bool(getattr(_class_of(self.nodes.get(name)), "INPUT_IS_LIST", False))


def is_link(value: Any) -> TypeGuard[list[Any]]:
    """Whether the value of an input is the output of another node: its id, and the slot."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], int)


def inputs_of(node: Any) -> Mapping[str, Any]:
    inputs = node.get("inputs") if isinstance(node, Mapping) else None
    return inputs if isinstance(inputs, Mapping) else {}


def watch_queue(arrived: Callable[[QueuedGraph], object] = lambda graph: None) -> None:
    """Remember each graph that is sent to ComfyUI's queue, for `queued`.

    Args:
        arrived: called with each graph before ComfyUI validates it, in the server's event loop.
    """
    from server import PromptServer

    add = getattr(PromptServer.instance, "add_on_prompt_handler", None)

    def note(sent: dict[str, Any]) -> dict[str, Any]:
        # ComfyUI takes the id of a client, or makes one later.
        if sent.get("prompt_id") is None:
            sent["prompt_id"] = str(uuid.uuid4())
        graph = QueuedGraph(sent)
        _queued.set(graph)
        arrived(graph)
        return sent

    if add is not None:
        add(note)


def queued_runs() -> set[str]:
    """The ids of the runs that wait in ComfyUI's queue or are running."""
    from server import PromptServer

    queue = getattr(PromptServer.instance, "prompt_queue", None)
    if queue is None:
        return set()
    going, waiting = queue.get_current_queue_volatile()
    return {str(item[1]) for item in (*going, *waiting)}


def queued() -> QueuedGraph | None:
    """The graph that ComfyUI validates now; None outside validation."""
    return _queued.get()


def _class_of(node: Any) -> Any:
    import nodes

    return nodes.NODE_CLASS_MAPPINGS.get(node.get("class_type")) if isinstance(node, dict) else None


def _lazy_inputs(kind: Any) -> set[str]:
    if not hasattr(kind, "check_lazy_status"):
        return set()
    groups = kind.INPUT_TYPES()
    return {
        name
        for group in ("required", "optional")
        for name, spec in groups.get(group, {}).items()
        if len(spec) > 1 and isinstance(spec[1], dict) and spec[1].get("lazy")
    }
