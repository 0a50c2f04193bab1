"""The only package that touches ComfyUI's runtime: a change of ComfyUI breaks nothing else.

ComfyUI's modules are imported where they are used: the pack also runs in hosts without a server,
which lack some of them.
"""

from __future__ import annotations

from .files import (
    Slot,
    data_directory,
    draft_path,
    input_files,
    output_directory,
    own_file,
    publish,
    served,
    shown_file,
    temporary_file,
    temporary_path,
    writes_metadata,
)
from .lists import item, shows_errors
from .prompt_server import listening_names, running_client, server_routes, tell
from .queueing import QueuedGraph, inputs_of, is_link, queued, watch_queue
from .running import (
    Display,
    interrupt_exception,
    interruptible,
    log,
    node_id,
    run_id,
    show_status,
)
from .schemas import ADVANCED, FIXED_AFTER_GENERATE, schema
from .videos import components_of, video_of

__all__ = [
    "ADVANCED",
    "FIXED_AFTER_GENERATE",
    "Display",
    "QueuedGraph",
    "Slot",
    "components_of",
    "data_directory",
    "draft_path",
    "input_files",
    "inputs_of",
    "interrupt_exception",
    "interruptible",
    "is_link",
    "item",
    "listening_names",
    "log",
    "node_id",
    "output_directory",
    "own_file",
    "publish",
    "queued",
    "run_id",
    "running_client",
    "schema",
    "served",
    "server_routes",
    "show_status",
    "shown_file",
    "shows_errors",
    "tell",
    "temporary_file",
    "temporary_path",
    "video_of",
    "watch_queue",
    "writes_metadata",
]
