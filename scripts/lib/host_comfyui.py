"""The demo in a real ComfyUI, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from . import comfyui, environment


def host(path: str, base: Path) -> int:
    """Start the ComfyUI at `path` with its data in `base`; return the process's exit code."""
    # SIGTERM ends the server too, not only Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        folder = comfyui.checkout(path)
        interpreter = comfyui.python(folder)
        print(f"Starting ComfyUI {'.'.join(map(str, comfyui.version(folder)))} ...", flush=True)
        with comfyui.ComfyUI(folder, base, interpreter) as server:
            print(f"ComfyUI with the pack in it: {server.url}")
            print("On the page: Workflow, Browse Templates, AIgateway Music, Text to Music.")
            print(f"Its files: {base / 'output'}; its log: {server.log}")
            print("Ctrl-C ends it.", flush=True)
            return server.wait()
    except (comfyui.ComfyUIError, environment.SetupError) as failed:
        print(failed, file=sys.stderr)
        return 1
