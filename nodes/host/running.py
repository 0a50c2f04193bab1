"""The node that runs: its ids, its log and the interrupt."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ...api.base.plain_text import plain

T = TypeVar("T")

log = logging.getLogger("aigateway")


def _one_plain_line(record: logging.LogRecord) -> bool:
    """Write a record on one line: names in it come from elsewhere, and may hold line breaks."""
    record.msg, record.args = plain(record.getMessage()), None
    return True


log.addFilter(_one_plain_line)

# Core checks the flag once a second. A person does not notice a tenth of a second.
_CHECK_SECONDS = 0.1
_PROCESS = uuid.uuid4().hex


def executing_context() -> Any:
    """The prompt, node and item that run; None where no graph runs."""
    try:
        from comfy_execution.utils import get_executing_context
    except ImportError:
        return None
    return get_executing_context()


def run_id() -> str:
    """The id of the running prompt; an id of the process where no prompt runs."""
    context = executing_context()
    return context.prompt_id if context is not None else _PROCESS


def node_id() -> str | None:
    """The id of the running node in its graph; None where no graph runs."""
    context = executing_context()
    return None if context is None else context.node_id


async def interruptible(work: Awaitable[T], on_check: Callable[[], None] = lambda: None) -> T:
    """Await `work`, and check ComfyUI's interrupt flag until it is done.

    Args:
        on_check: called at each check, in the node's context.

    Raises:
        comfy.model_management.InterruptProcessingException: the user interrupted; `work` was
            cancelled.
    """
    import comfy.model_management as model_management

    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_CHECK_SECONDS)
            # The check does not clear the flag, so the other items of a list see it too.
            if not task.done() and model_management.processing_interrupted():
                raise model_management.InterruptProcessingException
            on_check()
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


def interrupt_exception() -> type[BaseException]:
    """The exception that `interruptible` raises when the user interrupts."""
    import comfy.model_management as model_management

    return model_management.InterruptProcessingException
