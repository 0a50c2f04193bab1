"""The items of one list input. ComfyUI runs them side by side; here each knows the others.

ComfyUI calls a node once for each item, and one error drops the results of all. A node can also
ask for the whole list at once, but then one blocked item blocks the whole list. So each item stays
a call, and the calls meet here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

R = TypeVar("R")

# ComfyUI starts one item in each turn of the event loop. The list ends after so many turns without
# a new item.
_QUIET_TURNS = 3
# The status line names so many failed items.
_NAMED = 3


class Item:
    """One item of a list.

    Attributes:
        label: what the item is called in a message.
        costs_nothing: nothing was sent for this item yet: an error without a `bill` of its own
            means that it is not charged.
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
        """The label, and what the item cost, as far as that is certain."""
        bill = getattr(self.error, "bill", "") or ("not charged" if self.costs_nothing else "")
        return f"{self.label}, {bill}" if bill else self.label

    @property
    def has_handed_in(self) -> bool:
        return bool(self._handed_in)

    async def together(
        self, value: Any, work: Callable[[Sequence[Any]], Awaitable[Sequence[R | BaseException]]]
    ) -> R:
        """Hand in a value. `work` runs once for all values, when every item has handed in or ended.

        Args:
            work: gets the values in the list's order, and returns a result or an error for each.

        Raises:
            Exception: the error that `work` has for this item.
        """
        self._handed_in = (value,)
        self.batch.tell()
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
        self.batch.tell()

    def end(self, output: Any = None, error: Exception | None = None) -> None:
        self.output, self.error = output, error
        self.has_ended = True
        self.batch.tell()

    async def others(self) -> None:
        """Wait until every item has ended."""
        await self.batch.until(lambda: all(item.has_ended for item in self.batch.items))

    def handed_in(self) -> Any:
        return self._handed_in[0]


class Batch:
    """The items of one node in one run. Lives in one event loop.

    Attributes:
        before: inputs and outputs of the good items of the run before, if other items failed.
        is_stopped: the user interrupted an item.
    """

    def __init__(self, before: list[tuple[Mapping[str, Any], Any]] | None = None) -> None:
        self.before = before or []
        self.items: list[Item] = []
        self.is_stopped = False
        self._is_whole = False
        self._news = asyncio.Event()
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
    def good(self) -> list[tuple[Mapping[str, Any], Any]]:
        """The inputs and outputs of the items that ended without an error."""
        return [(item.inputs, item.output) for item in self.items if item.output is not None]

    @property
    def summary(self) -> str:
        """How many items failed, which ones, and the error of the first."""
        failed = self.failed
        named = "; ".join(item.failure for item in failed[:_NAMED])
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        reason = (str(failed[0].error).splitlines() or [""])[0]
        return f"{len(failed)} of {len(self.items)} failed: {named}{more}: {reason}"

    def tell(self) -> None:
        """Wake all that wait in `until`."""
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until all items have joined and `is_so()`."""
        while not (self._is_whole and is_so()):
            await self._news.wait()

    async def shared(
        self,
        asking: Item,
        work: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]],
    ) -> dict[Item, Any]:
        """The results of `work`, which runs once for all items that have handed in a value."""
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
        self.tell()
