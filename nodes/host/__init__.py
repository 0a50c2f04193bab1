"""The only package that touches ComfyUI's runtime: a change of ComfyUI breaks nothing else.

ComfyUI's modules are imported where they are used: the pack also runs in hosts without a server,
which lack some of them.
"""

from __future__ import annotations

from .files import SavedFile as SavedFile
from .files import data_directory as data_directory
from .files import draft_path as draft_path
from .files import input_files as input_files
from .files import model_file as model_file
from .files import model_target as model_target
from .files import offer_sample_clip as offer_sample_clip
from .files import output_directory as output_directory
from .files import own_file as own_file
from .files import publish as publish
from .files import publish_over as publish_over
from .files import served as served
from .files import shown_file as shown_file
from .files import temporary_file as temporary_file
from .files import temporary_path as temporary_path
from .files import writes_metadata as writes_metadata
from .node_api import ADVANCED as ADVANCED
from .node_api import FIXED_AFTER_GENERATE as FIXED_AFTER_GENERATE
from .node_api import blocked_outputs as blocked_outputs
from .node_api import components_of as components_of
from .node_api import is_edited as is_edited
from .node_api import schema as schema
from .node_api import source_of as source_of
from .node_api import video_of as video_of
from .prompt_server import QueuedGraph as QueuedGraph
from .prompt_server import inputs_of as inputs_of
from .prompt_server import is_link as is_link
from .prompt_server import listening_names as listening_names
from .prompt_server import queued as queued
from .prompt_server import queued_runs as queued_runs
from .prompt_server import running_client as running_client
from .prompt_server import server_routes as server_routes
from .prompt_server import tell as tell
from .prompt_server import watch_queue as watch_queue
from .running import in_thread as in_thread
from .running import interrupt_exception as interrupt_exception
from .running import interruptible as interruptible
from .running import log as log
from .running import node_id as node_id
from .running import run_id as run_id
from .running import torch_device as torch_device
from .status import Display as Display
from .status import StatusText as StatusText
from .status import as_is as as_is
from .status import show_status as show_status
from .status import status_text as status_text
