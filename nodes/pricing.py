"""The requests that a run will make, from the nodes of a graph that buy tracks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ..api.base.errors import GatewayError, InputError
from ..api.base.request import MAX_COUNT, MAX_TAKE, MusicRequest
from . import host, session
from .cue_sheet import CUE_SHEET, items_of_output
from .error_report import report
from .shared_inputs import whole

MOST_TRACKS = 10_000
"""Tracks of a run, and runs, whose price is asked for."""

BUYERS = ("AIGatewayPromptToMusic", "AIGatewayTakes")
"""The nodes that buy tracks."""

_REFUSAL = "refusal"
_UNKNOWN = object()
"""An item that only the run decides."""


def requests_from(
    values: Mapping[str, list[Any]], count: int, start: int = 0
) -> list[MusicRequest]:
    """The requests of one node in one run.

    Args:
        values: the known inputs, each with the items that it gets one after the other.
        count: the least number of items.
        start: the number of requests of the nodes before. An unknown request gets a take that no
            other has.
    """
    longest = max(map(len, values.values()), default=1)
    if max(longest, count) > MOST_TRACKS:
        raise InputError(f"The run has {max(longest, count)} tracks: the most is {MOST_TRACKS}.")
    known = longest if "prompt" in values else 0
    requests = []
    for index in range(max(count, longest)):
        item = {name: items[min(index, len(items) - 1)] for name, items in values.items()}
        takes = item.pop("takes", 1)
        # The price does not depend on the prompt, which may be empty still.
        item["prompt"] = str(item.get("prompt") or "").strip() or "…"
        if index >= known:
            item["take"] = MAX_TAKE - MAX_COUNT * (start + index + 1)
        requests += MusicRequest(**item).takes(takes)
    return requests


def requests_of_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[MusicRequest]:
    """The requests of the nodes of one run, as the page describes them.

    Args:
        nodes: the inputs of a `MusicRequest` and `takes`, each a value, a list or a cue sheet
            (`table`, `file` and `output`); `count` is the least number of items.

    Raises:
        InputError: a value is out of range, or a row of a cue sheet cannot be used.
    """
    requests: list[MusicRequest] = []
    for node in nodes:
        names = [*MusicRequest._fields, "takes"]
        values = {name: _listed(node[name]) for name in names if name in node}
        count = whole(str(node.get("count", 1)), "count", 1, MOST_TRACKS)
        requests += requests_from(values, count, len(requests))
    return requests


def _listed(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        output = whole(str(value.get("output")), "output", 0, MOST_TRACKS)
        value = items_of_output(output, value)
    return value if isinstance(value, list) and value else [value]


async def refusal_at_queue(prompt: str | None, node_id: str | None) -> str:
    """Why a node that buys may not be queued; "" where it may. The page is told once.

    What is known of the whole graph is priced at once, by the code that a purchase asks.

    Args:
        prompt: what is typed into the node, None where another node gives it. ComfyUI shows an
            error of `validate_inputs` at each input that it takes, so it takes one. The schema has
            the limits of the others, and `execute` checks values from other nodes.
    """
    graph = host.queued()
    try:
        if prompt is not None:
            MusicRequest(prompt).validated()
    except InputError as error:
        if graph is not None:
            host.tell("aigateway_error", {**report(error), "node": node_id}, graph.client)
        return str(error)
    if graph is None:
        return ""
    if _REFUSAL not in graph.notes:
        error = await _refusal(graph)
        graph.notes[_REFUSAL] = str(error or "")
        if error is not None:
            host.tell("aigateway_error", report(error), graph.client)
    return graph.notes[_REFUSAL]


async def _refusal(graph: host.QueuedGraph) -> GatewayError | None:
    requests = await asyncio.to_thread(requests_of_graph, graph)
    if not requests:
        return None
    try:
        quote = await (await session.library()).quote(requests, session.settings())
        quote.check(requests[0].model)
    except GatewayError as error:
        return error
    return None


def requests_of_graph(graph: host.QueuedGraph) -> list[MusicRequest]:
    """The requests that a graph is certain to make; fewer than it makes where a link hides some.

    A node whose length only the run decides is not among them. `web/js/price_request.js` reads the
    graph on the canvas in the same way: `tests/price_cases` has graphs for both.
    """
    found: list[MusicRequest] = []
    for name in graph.certain_nodes():
        node = graph.nodes[name]
        if node.get("class_type") not in BUYERS:
            continue
        links: dict[tuple[str, int], list[Any]] = {}
        given = {
            title: _items(graph, value, links) for title, value in host.inputs_of(node).items()
        }
        takes = given.get("count", [1])
        items = {title: given[title] for title in MusicRequest._fields if title in given}
        known = {title: values for title, values in items.items() if _UNKNOWN not in values}
        if "duration" not in known:
            continue
        if len(known) < len(items):
            # Only a whole request can be found among those that were bought before.
            known.pop("prompt", None)
        count = max(map(len, [*items.values(), takes]))
        # The node makes so many takes of each request; at least one, where a link hides it.
        known["takes"] = [1] if _UNKNOWN in takes else takes
        try:
            found += requests_from(known, count, len(found))
        except InputError:
            # Its own node reports the fault.
            continue
    return found


def _items(
    graph: host.QueuedGraph, value: Any, links: dict[tuple[str, int], list[Any]]
) -> list[Any]:
    """The items that an input gets one after the other; `_UNKNOWN` where only the run decides.

    `links` has the items of the links that were followed before.
    """
    if not host.is_link(value):
        return [value]
    link = str(value[0]), int(value[1])
    if link not in links:
        # Nodes that are linked in a circle end here.
        links[link] = [_UNKNOWN]
        links[link] = _items_of_output(graph, *link, links)
    return links[link]


def _items_of_output(
    graph: host.QueuedGraph, name: str, slot: int, links: dict[tuple[str, int], list[Any]]
) -> list[Any]:
    node = graph.nodes.get(name)
    kind = str(node.get("class_type")) if isinstance(node, Mapping) else ""
    inputs = {title: _items(graph, value, links) for title, value in host.inputs_of(node).items()}
    if kind.startswith("Primitive"):
        return next(iter(inputs.values()), [_UNKNOWN])
    if kind == CUE_SHEET:
        return _cue_items(slot, inputs)
    if kind == "CreateList":
        return [item for items in inputs.values() for item in items] or [_UNKNOWN]
    if graph.gives_list(name, slot) or graph.takes_lists(name):
        return [_UNKNOWN]
    return [_UNKNOWN] * max(map(len, inputs.values()), default=1)


def _cue_items(output: int, inputs: Mapping[str, list[Any]]) -> list[Any]:
    # A list of tables, or a table that only the run makes, is no sheet that can be read now.
    if any(len(items) != 1 or _UNKNOWN in items for items in inputs.values()):
        return [_UNKNOWN]
    try:
        items = items_of_output(output, {title: items[0] for title, items in inputs.items()})
    except InputError:
        # The sheet's own node reports the fault.
        return [_UNKNOWN]
    return [_UNKNOWN] if items is None else items
