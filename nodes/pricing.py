"""The requests of a run, read from the nodes of a graph that buy tracks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..api.base.errors import GatewayError, InputError
from ..api.base.request import MAX_COUNT, MAX_TAKE, MusicRequest
from . import host, session
from .cue_sheet import CUE_SHEET, CueSheets
from .error_report import report
from .music_length import MUSIC_LENGTH, kept_output
from .shared_inputs import whole

MOST_TRACKS = 10_000
"""Limit on the tracks of a run, and on the number of runs, in a question for a price."""
_MOST_CHARACTERS = 20_000_000
"""Limit on the characters of the inputs of all tracks of a run."""
_MOST_ITEMS = 100 * MOST_TRACKS
"""Limit on the items of all links of a graph."""

_LONGEST_TEXT = 100_000
"""Limit on the characters of a joined text: each node may double them."""

BUYERS = ("AIGatewayPromptToMusic", "AIGatewayTakes")
"""The nodes that buy tracks."""

_REFUSAL = "refusal"
_UNKNOWN = object()
"""An item whose value is known only when the graph runs."""


class RunTooLongError(InputError):
    """A run is too long for a price."""


class Run:
    """The requests of the nodes of one run. The limits apply to the sum over all nodes."""

    def __init__(self) -> None:
        self.requests: list[MusicRequest] = []
        self._characters = 0

    def add(self, values: Mapping[str, list[Any]], count: int = 1) -> None:
        """Add the requests of one node. A request with unknown inputs gets a unique take.

        Args:
            values: the known inputs, each with its items in order.
            count: the least number of items.

        Raises:
            RunTooLongError: the run has too many tracks, or too much text.
            InputError: a value is out of range.
        """
        start = len(self.requests)
        longest = max(map(len, values.values()), default=1)
        # Check the count before building any request.
        takes = [_at_least(each) for each in values.get("takes", [1])]
        rest = max(longest, count) - len(takes)
        checked_count(start + sum(takes) + rest * takes[-1])
        known = longest if "prompt" in values else 0
        for index in range(max(count, longest)):
            item = {name: items[min(index, len(items) - 1)] for name, items in values.items()}
            takes = item.pop("takes", 1)
            # The price does not depend on the prompt. The prompt may still be empty.
            item["prompt"] = str(item.get("prompt") or "").strip() or "…"
            if index >= known:
                item["take"] = MAX_TAKE - MAX_COUNT * (start + index + 1)
            self._characters += sum(len(each) for each in item.values() if isinstance(each, str))
            if self._characters > _MOST_CHARACTERS:
                raise RunTooLongError(
                    f"The tracks of the run have more than {_MOST_CHARACTERS} characters of text "
                    "together: divide it into several."
                )
            self.requests += MusicRequest(**item).takes(takes)
            checked_count(len(self.requests))


def _at_least(takes: Any) -> int:
    return takes if isinstance(takes, int) and 1 <= takes <= MAX_COUNT else 1


def checked_count(tracks: int) -> int:
    """`tracks`, if it is within the limit. Raises RunTooLongError: there are too many tracks."""
    if tracks > MOST_TRACKS:
        raise RunTooLongError(
            f"The run has more than {MOST_TRACKS} tracks: divide it into several."
        )
    return tracks


def requests_of_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[MusicRequest]:
    """The requests of the nodes of one run, as the page describes them.

    Args:
        nodes: the inputs of a `MusicRequest` and `takes`, each a value, a list or a cue sheet
            (`table`, `file` and `output`); `count` is the least number of items.

    Raises:
        InputError: a value is out of range, a row of a cue sheet cannot be used, or the run is too
            long.
    """
    run, sheets = Run(), CueSheets()
    for node in nodes:
        names = [*MusicRequest._fields, "takes"]
        values = {name: _listed(node[name], sheets) for name in names if name in node}
        run.add(values, whole(str(node.get("count", 1)), "count", 1, MOST_TRACKS))
    return run.requests


def _listed(value: Any, sheets: CueSheets) -> list[Any]:
    if isinstance(value, Mapping):
        output = whole(str(value.get("output")), "output", 0, MOST_TRACKS)
        value = sheets.items_of_output(output, value)
    return value if isinstance(value, list) and value else [value]


async def refusal_at_queue(prompt: str | None, node_id: str | None) -> str:
    """The reason why a node that buys may not be queued, else "". The page gets it once.

    The known requests of the whole graph are priced together, with the code that a purchase uses.

    Args:
        prompt: the text in the node, None if another node gives it. ComfyUI shows an error of
            `validate_inputs` at every input that this method takes, so it takes one. The schema
            limits the other inputs, and `execute` checks values from other nodes.
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
    try:
        requests = await asyncio.to_thread(requests_of_graph, graph)
        if requests:
            quote = await (await session.library()).quote(requests, session.settings())
            quote.check(requests[0].model)
    except GatewayError as error:
        return error
    return None


def requests_of_graph(graph: host.QueuedGraph, *, only_whole: bool = False) -> list[MusicRequest]:
    """The requests that a graph certainly makes. A link may hide further requests.

    A node whose length is known only in the run is not counted. `web/js/price_request.js` reads the
    graph on the canvas in the same way: `tests/price_cases` has graphs for both.

    Args:
        only_whole: leave out nodes with an input that is wrong, or known only in the run.

    Raises:
        InputError: a row of a cue sheet cannot be used, or the run is too long.
    """
    run, reader = Run(), _Reader(graph)
    for name in graph.certain_nodes():
        node = graph.nodes[name]
        if node.get("class_type") not in BUYERS:
            continue
        given = reader.inputs_of(node)
        takes = given.get("count", [1])
        items = {title: given[title] for title in MusicRequest._fields if title in given}
        known = {title: values for title, values in items.items() if _UNKNOWN not in values}
        if "duration" not in known:
            continue
        if only_whole and not _is_whole(known, items, takes):
            continue
        if len(known) < len(items):
            # Only a complete request can match an earlier purchase in the ledger.
            known.pop("prompt", None)
        count = max(map(len, [*items.values(), takes]))
        # The node buys `takes` takes of each request; at least one if a link hides the number.
        known["takes"] = [1] if _UNKNOWN in takes else takes
        start = len(run.requests)
        try:
            run.add(known, count)
        except RunTooLongError:
            raise
        except InputError:
            # The CueSheet node itself reports this error.
            if only_whole:
                del run.requests[start:]
    return run.requests


def _is_whole(
    known: Mapping[str, list[Any]], items: Mapping[str, list[Any]], takes: list[Any]
) -> bool:
    """Whether all inputs of a node are known, and its prompts are texts."""
    prompts = known.get("prompt", [])
    are_texts = all(isinstance(prompt, str) and prompt.strip() for prompt in prompts)
    return bool(prompts) and are_texts and len(known) == len(items) and _UNKNOWN not in takes


def _joined(output: int, given: Mapping[str, Any]) -> str | None:
    """The text of ComfyUI's Concatenate Text; None if an input is not known."""
    first, second, delimiter = (given.get(name) for name in ("string_a", "string_b", "delimiter"))
    if not (isinstance(first, str) and isinstance(second, str) and isinstance(delimiter, str)):
        return None
    text = f"{first}{delimiter}{second}"
    return text if len(text) <= _LONGEST_TEXT else None


# Nodes whose output follows from their inputs, by their class; None: known only in the run.
_OF_ITEMS: dict[str, Callable[[int, Mapping[str, Any]], Any]] = {
    MUSIC_LENGTH: kept_output,
    "StringConcatenate": _joined,
}


class _Reader:
    """The items that the nodes of a graph get. Each node and each link is read once."""

    def __init__(self, graph: host.QueuedGraph) -> None:
        self._graph = graph
        self._sheets = CueSheets()
        self._links: dict[tuple[str, int], list[Any]] = {}
        self._inputs: dict[str, dict[str, list[Any]]] = {}
        self._left = _MOST_ITEMS
        self._characters = 0

    def inputs_of(self, node: Any) -> dict[str, list[Any]]:
        """The items of each input, in order. An item known only in the run is `_UNKNOWN`."""
        return {title: self._items(value) for title, value in host.inputs_of(node).items()}

    def _items(self, value: Any) -> list[Any]:
        if not host.is_link(value):
            return [value]
        link = str(value[0]), int(value[1])
        if link not in self._links:
            # The recursion through nodes that are linked in a circle ends here.
            self._links[link] = [_UNKNOWN]
            items = self._links[link] = self._items_of_output(*link)
            self._left -= len(items)
            if self._left < 0:
                raise RunTooLongError("The lists of the run are too long: divide it into several.")
        return self._links[link]

    def _items_of_output(self, name: str, slot: int) -> list[Any]:
        node = self._graph.nodes.get(name)
        kind = str(node.get("class_type")) if isinstance(node, Mapping) else ""
        if name not in self._inputs:
            self._inputs[name] = {}
            self._inputs[name] = self.inputs_of(node)
        inputs = self._inputs[name]
        if kind.startswith("Primitive"):
            return next(iter(inputs.values()), [_UNKNOWN])
        if kind == CUE_SHEET:
            return self._cue_items(slot, inputs)
        if kind == "CreateList":
            # Each node may double the number of items.
            checked_count(sum(map(len, inputs.values())))
            return [item for items in inputs.values() for item in items] or [_UNKNOWN]
        if kind in _OF_ITEMS:
            return self._each(inputs, lambda given: _OF_ITEMS[kind](slot, given))
        if self._graph.gives_list(name, slot) or self._graph.takes_lists(name):
            return [_UNKNOWN]
        return [_UNKNOWN] * max(map(len, inputs.values()), default=1)

    def _each(
        self, inputs: Mapping[str, list[Any]], output: Callable[[Mapping[str, Any]], Any]
    ) -> list[Any]:
        """The output of a node for each item: ComfyUI repeats the last item of a shorter list."""
        items = []
        for index in range(max(map(len, inputs.values()), default=1)):
            made = output({name: each[min(index, len(each) - 1)] for name, each in inputs.items()})
            items.append(_UNKNOWN if made is None else made)
            self._characters += len(made) if isinstance(made, str) else 0
            if self._characters > _MOST_CHARACTERS:
                raise RunTooLongError("The texts of the run are too long: divide it into several.")
        return items

    def _cue_items(self, output: int, inputs: Mapping[str, list[Any]]) -> list[Any]:
        # Neither a list of tables nor a table from a running node can be read now.
        if any(len(items) != 1 or _UNKNOWN in items for items in inputs.values()):
            return [_UNKNOWN]
        given = {title: items[0] for title, items in inputs.items()}
        items = self._sheets.items_of_output(output, given)
        return [_UNKNOWN] if items is None else items
