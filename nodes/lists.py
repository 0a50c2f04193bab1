"""The items of a node's list input: they run side by side, and a failed one stops no other.

ComfyUI calls a node once for each item, and one error drops the results of all items. A node can
also ask for the whole list at once, but then one blocked item blocks the whole list. So ComfyUI
still makes one call for each item, and the calls exchange their values here.

ComfyUI caches the outputs of a node as a whole, so a node with failed items runs again as a whole.
Its good items return their outputs from the previous run.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from comfy_api.latest import io

from ..api.base.errors import GatewayError
from ..api.base.request import MusicRequest
from . import host
from .error_report import explained, report, title
from .host import status_text
from .shared_inputs import checked

T = TypeVar("T")
P = ParamSpec("P")

GoodItems = list[tuple[Mapping[str, Any], Any]]
"""The inputs and the output of each item of a list that did not fail."""

# ComfyUI starts one item in each turn of the event loop. The list is complete after this number of
# turns without a new item.
_QUIET_TURNS = 3
# The status line names at most this number of failed items.
_NAMED = 3


# The items of one node in one run


class Item:
    """One item of a list.

    Attributes:
        label: the item's name in a message.
        costs_nothing: the node has sent no request for this item yet. An error without its own
            `bill` then means that the item is not charged.
        inputs, output: set when the item ends without an error.
        error: why the item failed, else None.
    """

    def __init__(self, batch: Batch, number: int) -> None:
        self.batch = batch
        self.label = f"item {number}"
        self.costs_nothing = False
        self.inputs: Mapping[str, Any] = {}
        self.output: Any = None
        self.error: Exception | None = None
        self.has_ended = False
        self.has_passed = False
        self._handed_in: tuple[Any, ...] = ()

    @property
    def failure(self) -> str:
        """The label of the item, and its cost if the cost is certain."""
        bill = getattr(self.error, "bill", "") or ("not charged" if self.costs_nothing else "")
        return f"{self.label}, {bill}" if bill else self.label

    @property
    def has_handed_in(self) -> bool:
        return bool(self._handed_in)

    async def together(
        self, value: Any, work: Callable[[Sequence[Any]], Awaitable[Sequence[T | BaseException]]]
    ) -> T:
        """Add a value. `work` runs once for all values, after every item has added one or ended.

        Args:
            work: gets the values in the list's order, and returns a result or an error for each.

        Raises:
            Exception: the error that `work` returned for this item.
        """
        self._handed_in = (value,)
        self.batch.wake()
        await self.batch.until(
            lambda: all(item.has_handed_in or item.has_ended for item in self.batch.items)
        )
        results = await self.batch.shared(self, work)
        result = results[self]
        if isinstance(result, BaseException):
            raise result
        return result

    async def turn(self) -> None:
        """Wait until each item before this one has called `passed`, or has ended."""
        items = self.batch.items
        before = items[: items.index(self)]
        await self.batch.until(lambda: all(item.has_passed or item.has_ended for item in before))

    def passed(self) -> None:
        """Let the next item take its turn."""
        self.has_passed = True
        self.batch.wake()

    def end(self, output: Any = None, error: Exception | None = None) -> None:
        self.output, self.error = output, error
        self.has_ended = True
        self.batch.wake()

    async def others(self) -> None:
        """Wait until every item has ended."""
        await self.batch.until(lambda: all(item.has_ended for item in self.batch.items))

    def handed_in(self) -> Any:
        return self._handed_in[0]


class Batch:
    """The items of one node in one run. Lives in one event loop.

    Attributes:
        before: the good items of the previous run, if other items failed in it.
        is_stopped: the user interrupted an item.
        written: files that the items have saved, which no other item replaces.
        listed: files that an item has listed in its results, which no other item lists again.
    """

    def __init__(self, before: GoodItems | None = None) -> None:
        self.before = before or []
        self.items: list[Item] = []
        self.is_stopped = False
        self.written: set[Path] = set()
        self.listed: set[Path] = set()
        self._is_whole = False
        self._changed = asyncio.Event()
        self._counting: asyncio.Task[None] | None = None
        self._shared: asyncio.Task[dict[Item, Any]] | None = None

    def join(self) -> Item:
        """Add the next item of the list."""
        item = Item(self, len(self.items) + 1)
        self.items.append(item)
        if self._counting is None:
            self._counting = asyncio.ensure_future(self._count())
        return item

    @property
    def has_ended(self) -> bool:
        return all(item.has_ended for item in self.items)

    @property
    def failed(self) -> list[Item]:
        return [item for item in self.items if item.error is not None]

    @property
    def good(self) -> GoodItems:
        return [(item.inputs, item.output) for item in self.items if item.output is not None]

    @property
    def summary(self) -> str:
        """The number and the labels of the failed items, and the error of the first one."""
        failed = self.failed
        named = "; ".join(item.failure for item in failed[:_NAMED])
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        reason = (str(failed[0].error).splitlines() or [""])[0]
        return f"{len(failed)} of {len(self.items)} failed: {named}{more}: {reason}"

    def wake(self) -> None:
        """Wake all items that wait in `until`."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until all items have joined and `is_so()` returns True."""
        while not (self._is_whole and is_so()):
            await self._changed.wait()

    async def shared(
        self,
        asking: Item,
        work: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]],
    ) -> dict[Item, Any]:
        """The results of `work`, which runs once for all items that have added a value."""
        if self._shared is None:
            items = [item for item in self.items if item.has_handed_in]

            async def run() -> dict[Item, Any]:
                results = await work([item.handed_in() for item in items])
                return dict(zip(items, results, strict=True))

            self._shared = asyncio.ensure_future(run())
        results = await asyncio.shield(self._shared)
        if asking not in results:
            # This item joined after `work` had started.
            (result,) = await work([asking.handed_in()])
            return {asking: result}
        return results

    async def _count(self) -> None:
        count, quiet = 0, 0
        while quiet < _QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = quiet + 1 if count == len(self.items) else 0
            count = len(self.items)
        self._is_whole = True
        self.wake()


# A node's `execute` for one item

_batches: dict[tuple[int, str, str], Batch] = {}
_item: ContextVar[Item] = ContextVar("aigateway_item")


def shows_errors(execute: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Wrap `execute`: check its numbers, and show the first line of an error under the node.

    In a list, a failed item does not stop the others: the next nodes go on with the good items, and
    this node names the failed ones. If no item is good, the node raises the error.
    """

    numbers = {
        name: found.annotation == "int"
        for name, found in inspect.signature(execute).parameters.items()
        # `MusicRequest` checks its own numbers.
        if found.annotation in ("int", "float") and name not in (*MusicRequest._fields, "count")
    }

    @functools.wraps(execute)
    async def shown(*values: P.args, **inputs: P.kwargs) -> T:
        kind = cast("type[io.ComfyNode]", values[0])
        with _batch() as batch:
            item = batch.join()
            _item.set(item)
            try:
                await batch.until(lambda: True)
                given = dict(inputs)
                for name in numbers.keys() & inputs.keys():
                    given[name] = checked(name, inputs[name], is_whole=numbers[name])
                output = _output_before(kind, batch.before, inputs)
                if output is None:
                    output = await cast("Any", execute)(*values, **given)
                item.inputs = inputs
                item.end(output)
                return cast("T", output)
            except host.interrupt_exception():
                batch.is_stopped = True
                raise
            except Exception as raised:
                error = explained(raised)
                item.end(error=error)
                await host.interruptible(item.others())
                return cast("T", _failed(kind, item, error, raised))
            finally:
                if not item.has_ended:
                    item.end()

    return shown


def running_item() -> Item:
    """The running item of a list. Only for an `execute` with `shows_errors`."""
    return _item.get()


@contextlib.contextmanager
def _batch() -> Iterator[Batch]:
    """The batch of the running node. If no graph runs, the batch has one item."""
    node = host.node_id()
    if node is None:
        yield Batch()
        return
    run = host.run_id()
    key = (id(asyncio.get_running_loop()), run, node)
    batch = _batches.get(key)
    if batch is None:
        batch = _batches[key] = Batch(_good_items.pop(node, []))
    try:
        yield batch
    finally:
        if batch.has_ended:
            _batches.pop(key, None)
            # An item failed in this run, here or in an earlier node.
            if run == _run_with_failures:
                _good_items[node] = batch.good


def _failed(
    kind: type[io.ComfyNode], item: Item, error: Exception, cause: Exception
) -> io.NodeOutput:
    """The outputs of a failed item, if other items are good: the next nodes skip this item."""
    batch = item.batch
    if batch.is_stopped:
        raise host.interrupt_exception() from error
    if len(batch.items) == 1:
        for line in str(error).splitlines()[:1]:
            host.show_status(title(error)._replace(text=line))
        _tell_page(error)
        raise error from (None if cause is error else cause)
    if item is batch.failed[0]:
        host.show_status(status_text("failed", text=batch.summary))
        note_failure()
    if isinstance(error, GatewayError):
        error = error.noting(f"This was {item.label}.")
    if len(batch.failed) == len(batch.items):
        if item is batch.failed[0]:
            _tell_page(error)
        raise error
    host.log.warning("%s: %s failed: %s", kind.__name__, item.label, error)
    return host.blocked_outputs(kind)


def _tell_page(error: Exception) -> None:
    """Send an error of the pack, which ends the node, to the page that queued the graph."""
    if isinstance(error, GatewayError):
        ids = {"node": host.node_id(), "prompt_id": host.run_id()}
        host.tell("aigateway_error", {**report(error), **ids}, host.running_client())


# The next run after a run with failed items

_failures: Counter[str | None] = Counter()
_good_items: dict[str, GoodItems] = {}
_run_with_failures: str | None = None


class ListNode(io.ComfyNode):
    """A node that runs again after a run in which items of its list failed."""

    returns_good_items = False
    """Whether a good item returns its output from that run, instead of running again."""

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        return str(failures(cls))

    @classmethod
    def is_still_there(cls, output: io.NodeOutput) -> bool:
        """Whether the files that an output names still exist."""
        return True


def id_of(kind: type[io.ComfyNode]) -> str | None:
    """A node's id in its graph when ComfyUI asks the node before its run; else None."""
    return getattr(kind.hidden, "unique_id", None)


def failures(kind: type[io.ComfyNode]) -> int:
    """The number of runs in this process in which items of this node failed."""
    return _failures[id_of(kind)]


def note_failure() -> None:
    """Note that items of the running node failed in this run."""
    global _run_with_failures
    _failures[host.node_id() or ""] += 1
    _run_with_failures = host.run_id()


def _output_before(
    kind: type[io.ComfyNode], good: GoodItems, inputs: Mapping[str, Any]
) -> io.NodeOutput | None:
    """The output of the good item in the previous run that had the same inputs."""
    if not (issubclass(kind, ListNode) and kind.returns_good_items):
        return None
    for known, output in good:
        if _are_same(known, inputs) and kind.is_still_there(output):
            return output
    return None


def _are_same(one: Any, other: Any) -> bool:
    """Compare text, numbers and mappings of them by value, and other objects by identity."""
    if one is other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_are_same(one[k], other[k]) for k in one)
    return type(one) is type(other) and isinstance(one, (str, int, float)) and one == other
