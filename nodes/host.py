"""The only file that touches ComfyUI's runtime: progress, interrupt, folders, status text.

ComfyUI's modules are imported where they are used: the pack also runs in hosts without a server,
which lack some of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, cast

from comfy_api.latest import io

from ..api.errors import GatewayError
from ..api.plain_text import plain
from ..files.atomic import rename_to_new, write_file
from ..files.sniff import SNIFF_BYTES, sniff
from . import again
from .batch import Batch, Item
from .missing import explained
from .status_text import status_text

if TYPE_CHECKING:
    from aiohttp import web

T = TypeVar("T")
P = ParamSpec("P")

CATEGORY = "AIgateway/music"
DATA_DIRECTORY_VARIABLE = "AIGATEWAY_DATA_DIR"
# Left away where ComfyUI knows only on and off: on may begin with "randomize", which costs money.
FIXED_AFTER_GENERATE = getattr(getattr(io, "ControlAfterGenerate", None), "fixed", None)
log = logging.getLogger("aigateway")


def _one_plain_line(record: logging.LogRecord) -> bool:
    """Names in a record come from elsewhere: none of them begins a line of its own."""
    record.msg, record.args = plain(record.getMessage()), None
    return True


log.addFilter(_one_plain_line)

# Core looks at the flag once a second; a person feels a tenth of one as at once.
_LOOK_SECONDS = 0.1
_PROCESS = uuid.uuid4().hex


_batches: dict[tuple[int, str, str], Batch] = {}
_item: ContextVar[Item] = ContextVar("aigateway_item")


class Slot(NamedTuple):
    """A numbered place for a file in ComfyUI's output folder."""

    path: Path
    subfolder: str


def schema(**values: Any) -> io.Schema:
    """A node's schema, without the fields that this version of ComfyUI does not know yet."""
    known = {field.name for field in fields(io.Schema)}
    given = {name: value for name, value in values.items() if name in known}
    # Its id tells `fingerprint_inputs` which node it is asked for.
    hidden = [*given.pop("hidden", ()), io.Hidden.unique_id]
    return io.Schema(category=CATEGORY, hidden=hidden, **given)


def data_directory() -> Path:
    """Where the ledger, the settings and the store lie: a folder no browser is served from."""
    # docker's `--env-file` keeps the quotes around a value.
    chosen = os.environ.get(DATA_DIRECTORY_VARIABLE, "").strip().strip("\"'")
    if chosen:
        return Path(chosen)
    import folder_paths

    return Path(folder_paths.get_system_user_directory("aigateway"))


def temporary_path(suffix: str) -> Path:
    """A new path in a folder that ComfyUI empties when it starts."""
    import folder_paths

    directory = Path(folder_paths.get_temp_directory()) / "aigateway"
    directory.mkdir(parents=True, exist_ok=True)
    return directory / f"{uuid.uuid4().hex}{suffix}"


def temporary_file(content: bytes | memoryview) -> Path:
    """A file with `content`, named by it, in a folder that ComfyUI empties when it starts.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    extension = sniff(content[:SNIFF_BYTES]).extension
    name = f"{hashlib.sha256(content).hexdigest()}.{extension}"
    path = temporary_path("").with_name(name)
    if not path.exists():
        write_file(path, content, durable=False)
    return path


def output_directory() -> Path:
    import folder_paths

    return Path(folder_paths.get_output_directory())


def draft_path(prefix: str, extension: str) -> Path:
    """Where a file without a number is written, in the folder of its later name.

    Raises whatever ComfyUI raises for a path outside output/.
    """
    import folder_paths

    folder = folder_paths.get_save_image_path(prefix, str(output_directory()))[0]
    return Path(folder) / f".aigateway-{uuid.uuid4().hex}{extension}"


def publish(draft: Path, prefix: str) -> Slot:
    """Give a finished file the next free number of its name in the output folder.

    Args:
        draft: a file at a `draft_path` of the same prefix.
        prefix: a relative path without refused characters, see `safe_prefix`.

    Raises whatever ComfyUI raises for a path outside output/.
    """
    import folder_paths

    while True:
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            prefix, str(output_directory())
        )
        path = Path(folder) / f"{name}_{counter:05}_{draft.suffix}"
        # Another node or another server may take the number in the meantime.
        with contextlib.suppress(FileExistsError):
            rename_to_new(draft, path)
            return Slot(path, subfolder)


def server_routes() -> web.RouteTableDef | None:
    """Where ComfyUI's server takes further routes; None in a host that serves no browser."""
    from server import PromptServer

    routes = getattr(PromptServer.instance, "routes", None)
    # A host without a server has something else there, or nothing.
    return routes if type(routes).__name__ == "RouteTableDef" else None


def listening_names() -> frozenset[str]:
    """The addresses and names that ComfyUI was told to listen on."""
    from comfy.cli_args import args

    listen = str(getattr(args, "listen", "") or "")
    return frozenset(each.strip().lower() for each in listen.split(",") if each.strip())


def shown_file(filename: str, subfolder: str, folder: str) -> Path | None:
    """A file in ComfyUI's output, input or temp folder; None where there is none of that name."""
    import folder_paths

    root = folder_paths.get_directory_by_type(folder)
    if root is None:
        return None
    root = Path(root).resolve()
    try:
        path = (root / subfolder / filename).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):
        # Names that no file can have: too long, or with a NUL.
        return None


def components_of(video: Any) -> Any:
    """Frames, rate and audio of a VIDEO that is held in memory; None for one in a file."""
    from comfy_api.latest import InputImpl

    in_memory = isinstance(video, InputImpl.VideoFromComponents)
    return video.get_components() if in_memory else None


def video_of(path: Path) -> Any:
    """The VIDEO in a file."""
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(path))


def run_id() -> str:
    """What a run of one graph is called; the process, where there are no such runs."""
    context = _executing_context()
    return context.prompt_id if context is not None else _PROCESS


def node_id() -> str | None:
    """The id of the running node in its graph; None where there is no graph."""
    context = _executing_context()
    return None if context is None else context.node_id


def writes_metadata() -> bool:
    """Whether the user lets files carry the workflow (ComfyUI's `--disable-metadata`)."""
    from comfy.cli_args import args

    return not getattr(args, "disable_metadata", False)


def show_status(text: str) -> None:
    """A line of text under the node that is running; see `status_text`."""
    context = _executing_context()
    if context is None:
        return
    from server import PromptServer

    server = PromptServer.instance
    if server is not None:
        server.send_progress_text(status_text(text), context.node_id)


def shows_errors(execute: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """`execute`, with an error's first line under the node, where it is read without a click.

    In a list, an item that fails leaves the others alone: what comes after the node goes on with
    them, and the node names what failed. Where nothing is good, the node raises the error.
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
    """The item of a list that is running; only in an `execute` that `shows_errors`."""
    return _item.get()


@contextlib.contextmanager
def _batch() -> Iterator[Batch]:
    """The batch of the running node; of one item where there is no graph that runs."""
    context = _executing_context()
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
    """The outputs of a failed item among good ones, which block what comes after it."""
    batch = item.batch
    if batch.is_stopped:
        raise interrupt_exception() from error
    if len(batch.items) == 1:
        for line in str(error).splitlines()[:1]:
            show_status(line)
        raise error from (None if cause is error else cause)
    if item is batch.failed[0]:
        show_status(batch.summary)
        again.note(node_id() or "", run_id())
    if isinstance(error, GatewayError):
        error = error.noting(f"This was {item.label}.")
    if len(batch.failed) == len(batch.items):
        raise error
    log.warning("%s: %s failed: %s", kind.__name__, item.label, error)
    from comfy_execution.graph_utils import ExecutionBlocker

    return io.NodeOutput(*[ExecutionBlocker(None)] * len(kind.SCHEMA.outputs))


class Display:
    """The status line and the progress bar of the running node, told only what is new."""

    def __init__(self) -> None:
        self._line = ""
        self._percent = -1

    def show(self, line: str, fraction: float | None = None) -> None:
        """Show a line, and how much is done, 0 to 1; the bar never moves backwards."""
        if line != self._line:
            self._line = line
            show_status(line)
        percent = -1 if fraction is None else int(100 * fraction)
        if percent > self._percent:
            import comfy.utils

            self._percent = percent
            context = _executing_context()
            node_id = None if context is None else context.node_id
            comfy.utils.ProgressBar(100, node_id=node_id).update_absolute(percent, 100)


async def interruptible(work: Awaitable[T], on_look: Callable[[], None] = lambda: None) -> T:
    """Await `work`, looking at ComfyUI's interrupt flag all the while.

    Args:
        on_look: called at every look, in the node's own context.

    Raises:
        comfy.model_management.InterruptProcessingException: the user interrupted; `work` was
            cancelled.
    """
    import comfy.model_management as model_management

    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
            # Looked at without clearing it, so that the other items of a list see it as well.
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
    """What `interruptible` raises when the user interrupts."""
    import comfy.model_management as model_management

    return model_management.InterruptProcessingException


def _executing_context() -> Any:
    try:
        from comfy_execution.utils import get_executing_context
    except ImportError:
        return None
    return get_executing_context()
