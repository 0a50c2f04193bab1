"""The node that runs: its ids, its status line and progress bar, and the interrupt."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ...api.plain_text import plain
from ..said import Said
from .prompt_server import running_client, tell

T = TypeVar("T")

log = logging.getLogger("aigateway")


def _one_plain_line(record: logging.LogRecord) -> bool:
    """Names in a record come from elsewhere: none of them begins another line."""
    record.msg, record.args = plain(record.getMessage()), None
    return True


log.addFilter(_one_plain_line)

# Core checks the flag once a second. A person does not notice a tenth of a second.
_LOOK_SECONDS = 0.1
_PROCESS = uuid.uuid4().hex
_MAX_STATUS = 400


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


def show_status(line: str | Said) -> None:
    """Show a line under the running node, on the page that queued the graph.

    The page gets text, never markup. It says the parts of a `Said` in its own language.
    """
    context = executing_context()
    if context is None:
        return
    is_said = isinstance(line, Said)
    status = {
        "node": context.node_id,
        "prompt_id": context.prompt_id,
        "text": plain(str(line), _MAX_STATUS),
        "parts": line.parts() if is_said else [],
        "step": line.step if is_said else "",
    }
    tell("aigateway_status", status, running_client())


class Display:
    """The status line and the progress bar of the running node. Sends changes only."""

    def __init__(self) -> None:
        self._line: str | Said = ""
        self._percent = -1

    def show(self, line: str | Said, fraction: float | None = None) -> None:
        """Show a line and the fraction that is done, 0 to 1. The bar never moves backwards."""
        if line != self._line:
            self._line = line
            show_status(line)
        percent = -1 if fraction is None else int(100 * fraction)
        if percent > self._percent:
            import comfy.utils

            self._percent = percent
            comfy.utils.ProgressBar(100, node_id=node_id()).update_absolute(percent, 100)


async def interruptible(work: Awaitable[T], on_look: Callable[[], None] = lambda: None) -> T:
    """Await `work`, and check ComfyUI's interrupt flag until it is done.

    Args:
        on_look: called at each check, in the node's context.

    Raises:
        comfy.model_management.InterruptProcessingException: the user interrupted; `work` was
            cancelled.
    """
    import comfy.model_management as model_management

    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
            # The check does not clear the flag, so the other items of a list see it too.
            if not task.done() and model_management.processing_interrupted():
                raise model_management.InterruptProcessingException
            on_look()
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
