"""The node that runs: its ids, its log and the interrupt."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ...api.base.plain_text import plain
from ...audio.stopping import Stop, shared

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("aigateway")


def _one_plain_line(record: logging.LogRecord) -> bool:
    """Write a record on one line: names in it are foreign text, and may contain line breaks."""
    record.msg, record.args = plain(record.getMessage()), None
    return True


log.addFilter(_one_plain_line)

# ComfyUI checks the flag once a second. A person does not notice 0.1 s.
_CHECK_SECONDS = 0.1
_LONGEST_END = 1.0
# The nodes do not use the loop's own threads: ComfyUI waits for those before the next prompt.
_workers = ThreadPoolExecutor(min(32, (os.cpu_count() or 1) + 4), "aigateway-work")
_PROCESS = uuid.uuid4().hex


def executing_context() -> Any:
    """The running prompt, node and item; None if no graph runs."""
    try:
        from comfy_execution.utils import get_executing_context
    except ImportError:
        return None
    return get_executing_context()


def run_id() -> str:
    """The id of the running prompt. If no prompt runs: an id of the process."""
    context = executing_context()
    return context.prompt_id if context is not None else _PROCESS


def node_id() -> str | None:
    """The id of the running node in its graph; None if no graph runs."""
    context = executing_context()
    return None if context is None else context.node_id


async def interruptible(work: Awaitable[T], on_check: Callable[[], None] = lambda: None) -> T:
    """Await `work`, and check ComfyUI's interrupt flag until `work` ends.

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


async def in_thread(work: Callable[P, T], *values: P.args, **options: P.kwargs) -> T:
    """Do `work` in a thread. All nodes decode, measure, draw and encode with this function.

    An interrupt, or a cancel of the awaiting task, ends `work` at its next check
    (`audio.stopping`). Before this raises, the thread ends and its temporary files are removed.
    If a library call takes longer than _LONGEST_END, this does not wait for the thread's end.

    Raises:
        comfy.model_management.InterruptProcessingException: the user interrupted.
    """
    stop = Stop()

    def begin() -> T:
        with _removed_on_error():
            result = work(*values, **options)
            stop.look()
            return result

    running = _workers.submit(shared(lambda: stop.run(begin)))
    ended = asyncio.wrap_future(running)
    try:
        return await interruptible(asyncio.shield(ended))
    except BaseException:
        stop.set()
        if not running.cancel():
            await _end_of(ended)
        raise


_unfinished: ContextVar[list[Path] | None] = ContextVar("aigateway_unfinished", default=None)


def unfinished(path: Path) -> None:
    """Remove the file at `path`, whatever its suffix, if the work of `in_thread` raises."""
    paths = _unfinished.get()
    if paths is not None:
        paths.append(path)


@contextlib.contextmanager
def _removed_on_error() -> Iterator[None]:
    paths: list[Path] = []
    _unfinished.set(paths)
    try:
        yield
    except BaseException:
        # A clip is saved in its own container, so its suffix may differ.
        for file in (file for path in paths for file in path.parent.glob(f"{path.stem}.*")):
            with contextlib.suppress(OSError):
                file.unlink()
        raise


async def _end_of(work: asyncio.Future[Any]) -> None:
    """Wait at most _LONGEST_END seconds for `work`, even if this wait is cancelled again."""
    loop = asyncio.get_running_loop()
    last = loop.time() + _LONGEST_END
    while not work.done() and (left := last - loop.time()) > 0:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({work}, timeout=left)
    # Nobody waits for the result now.
    if not work.cancel() and not work.cancelled():
        work.exception()


@contextlib.contextmanager
def torch_device(size: int) -> Iterator[Any]:
    """The device that ComfyUI chooses for a network, with `size` bytes free if possible."""
    import comfy.model_management as model_management

    device = model_management.get_torch_device()
    model_management.free_memory(size, device)
    try:
        yield device
    finally:
        model_management.soft_empty_cache()


def interrupt_exception() -> type[BaseException]:
    """The exception that `interruptible` raises when the user interrupts."""
    import comfy.model_management as model_management

    return model_management.InterruptProcessingException
