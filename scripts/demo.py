"""Turn a prompt into music with one command: `python3 scripts/demo.py --help`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from lib import environment, pack

WORKFLOW = pack.ROOT / "example_workflows" / "Text to Music.json"
DATA = pack.ROOT / ".comfyui"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Run the example workflow's nodes without ComfyUI and without a key, or open "
        "it in a real ComfyUI. The defaults are in the workflow file."
    )
    parser.add_argument("--prompt", help="a description of the music")
    parser.add_argument("--lyrics", help="the words to sing; empty for an instrumental")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="5 to 240")
    parser.add_argument("--format", help="the format of the file: flac, wav, mp3 or opus")
    parser.add_argument("--take", type=int, help="another number makes another piece of music")
    parser.add_argument(
        "--output", type=Path, default=pack.ROOT / "output", help="the folder for files"
    )
    parser.add_argument(
        "--live", action="store_true", help="ask AIgateway; this uses your key and costs money"
    )
    parser.add_argument(
        "--comfyui",
        metavar="PATH",
        default=os.environ.get("COMFYUI_PATH"),
        help="start the ComfyUI in this folder with the pack in it (default: COMFYUI_PATH)",
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    # A key in the environment must not be enough to spend money.
    os.environ["AIGATEWAY_MODE"] = "live" if options.live else "sandbox"
    if options.comfyui:
        complaint = environment.python_complaint(sys.version_info[:2], sys.executable)
        if complaint:
            sys.exit(complaint)
        return _module("comfyui").host(options.comfyui, DATA)
    environment.enter("run")
    headless_demo = _module("headless_demo")
    chosen: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("prompt", "lyrics", "duration", "take")
        if getattr(options, name) is not None
    }
    return headless_demo.play(WORKFLOW, chosen, options.format, options.output.resolve(), DATA)


def _module(name: str) -> Any:
    return importlib.import_module(f"{pack.load().__name__}.scripts.lib.{name}")


if __name__ == "__main__":
    environment.run(main)
