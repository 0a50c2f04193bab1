"""From inputs of nodes that buy tracks to the requests that a run will make."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..api.errors import GatewayError, InputError
from ..api.request import MAX_COUNT, MAX_TAKE, MusicRequest
from . import host, session
from .cue_sheet import CUE_SHEET, items_of_output
from .error_report import report

MOST_TRACKS = 10_000
"""Tracks of a run, and runs, whose price is asked for."""

BUYERS = ("AIGatewayPromptToMusic", "AIGatewayTakes")
"""The nodes that buy tracks."""

_REFUSAL = "refusal"


def requests_from(
    values: Mapping[str, list[Any]], count: int, place: int = 0
) -> list[MusicRequest]:
    """The requests of one node in one run.

    Args:
        values: the known inputs, each with the items that it gets one after the other.
        count: the least number of items.
        place: how many requests the nodes before make. A request that is not known gets a take
            that no other has.
    """
    longest = max(map(len, values.values()), default=1)
    if longest > MOST_TRACKS:
        raise InputError(f"The run has {longest} tracks: the most is {MOST_TRACKS}.")
    known = longest if "prompt" in values else 0
    requests = []
    for index in range(max(count, longest)):
        item = {name: items[min(index, len(items) - 1)] for name, items in values.items()}
        takes = item.pop("takes", 1)
        # The price does not depend on the prompt, which may be empty still.
        item["prompt"] = str(item.get("prompt") or "").strip() or "…"
        if index >= known:
            item["take"] = MAX_TAKE - MAX_COUNT * (place + index + 1)
        requests += MusicRequest(**item).takes(takes)
    return requests


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

    A node whose length only the run decides is not among them.
    """
    found: list[MusicRequest] = []
    for name in graph.certain_nodes():
        node = graph.nodes[name]
        if node.get("class_type") not in BUYERS:
            continue
        inputs = host.inputs_of(node)
        known = {
            title: items
            for title in MusicRequest._fields
            if title in inputs and (items := _items(graph, inputs[title])) is not None
        }
        if "duration" not in known:
            continue
        if any(title in inputs and title not in known for title in MusicRequest._fields):
            # Only a whole request can be found among those that were bought before.
            known.pop("prompt", None)
        if "count" in inputs:
            # The node makes so many takes of each request; at least one, where a link hides it.
            known["takes"] = _items(graph, inputs["count"]) or [1]
        try:
            found += requests_from(known, 1, len(found))
        except InputError:
            # Its own node says what is wrong with it.
            continue
    return found


def _items(graph: host.QueuedGraph, value: Any, depth: int = 0) -> list[Any] | None:
    """The items that an input gets one after the other; None where only the run decides them."""
    if not host.is_link(value):
        return [value]
    origin = graph.nodes.get(str(value[0]))
    if origin is None or depth > len(graph.nodes):
        return None
    kind, inputs = str(origin.get("class_type")), host.inputs_of(origin)
    if kind == CUE_SHEET and not any(map(host.is_link, inputs.values())):
        return _cue_items(int(value[1]), inputs)
    if kind.startswith("Primitive") and inputs:
        return _items(graph, next(iter(inputs.values())), depth + 1)
    if kind == "CreateList":
        lists = [_items(graph, each, depth + 1) for each in inputs.values()]
        whole = [items for items in lists if items is not None]
        return [each for items in whole for each in items] if len(whole) == len(lists) else None
    return None


def _cue_items(output: int, inputs: Mapping[str, Any]) -> list[Any] | None:
    try:
        return items_of_output(output, inputs)
    except InputError:
        # The sheet's own node says what is wrong with it.
        return None
