"""A node's `execute` in a list: errors under the node, and good items beside failed ones."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import ParamSpec, TypeVar, cast

from comfy_api.latest import io

from ...api.errors import GatewayError
from .. import again
from ..batch import Batch, Item
from ..error_report import report, title
from ..missing import explained
from ..said import said
from .prompt_server import running_client, tell
from .running import (
    executing_context,
    interrupt_exception,
    interruptible,
    log,
    node_id,
    run_id,
    show_status,
)

T = TypeVar("T")
P = ParamSpec("P")

_batches: dict[tuple[int, str, str], Batch] = {}
_item: ContextVar[Item] = ContextVar("aigateway_item")


def shows_errors(execute: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """`execute`, with the first line of an error under the node.

    In a list, a failed item does not stop the others: the next nodes go on with the good items, and
    this node names the failed ones. If no item is good, the node raises the error.
    """

    @functools.wraps(execute)
    async def shown(*values: P.args, **inputs: P.kwargs) -> T:
        kind = cast("type[io.ComfyNode]", values[0])
        with _batch() as batch:
            item = batch.join()
            _item.set(item)
            try:
                await batch.until(lambda: True)
                output = again.find(kind, batch.before, inputs)
                if output is None:
                    output = await execute(*values, **inputs)
                item.inputs = inputs
                item.end(output)
                return cast("T", output)
            except interrupt_exception():
                batch.is_stopped = True
                raise
            except Exception as raised:
                error = explained(raised)
                item.end(error=error)
                await interruptible(item.others())
                return cast("T", _failed(kind, item, error, raised))
            finally:
                if not item.has_ended:
                    item.end()

    return shown


def item() -> Item:
    """The running item of a list. Only for an `execute` with `shows_errors`."""
    return _item.get()


@contextlib.contextmanager
def _batch() -> Iterator[Batch]:
    """The batch of the running node. Where no graph runs, it has one item."""
    context = executing_context()
    if context is None:
        yield Batch()
        return
    key = (id(asyncio.get_running_loop()), context.prompt_id, context.node_id)
    batch = _batches.get(key)
    if batch is None:
        batch = _batches[key] = Batch(again.take(context.node_id))
    try:
        yield batch
    finally:
        if batch.has_ended:
            _batches.pop(key, None)
            again.keep(context.node_id, context.prompt_id, batch.good)


def _failed(
    kind: type[io.ComfyNode], item: Item, error: Exception, cause: Exception
) -> io.NodeOutput:
    """The outputs of a failed item beside good ones: they block the next nodes for this item."""
    batch = item.batch
    if batch.is_stopped:
        raise interrupt_exception() from error
    if len(batch.items) == 1:
        for line in str(error).splitlines()[:1]:
            show_status(title(error)._replace(text=line))
        _tell_page(error)
        raise error from (None if cause is error else cause)
    if item is batch.failed[0]:
        show_status(said("failed", text=batch.summary))
        again.note(node_id() or "", run_id())
    if isinstance(error, GatewayError):
        error = error.noting(f"This was {item.label}.")
    if len(batch.failed) == len(batch.items):
        if item is batch.failed[0]:
            _tell_page(error)
        raise error
    log.warning("%s: %s failed: %s", kind.__name__, item.label, error)
    from comfy_execution.graph_utils import ExecutionBlocker

    return io.NodeOutput(*[ExecutionBlocker(None)] * len(kind.SCHEMA.outputs))


def _tell_page(error: Exception) -> None:
    """Tell the page that queued the graph about an error of ours that ends its node."""
    if isinstance(error, GatewayError):
        place = {"node": node_id(), "prompt_id": run_id()}
        tell("aigateway_error", {**report(error), **place}, running_client())
