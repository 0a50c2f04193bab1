"""Draw the pictures of the example workflows: `python3 scripts/pictures.py --help`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import Any

from lib import environment, pack


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Run each example workflow in a real ComfyUI with the sandbox, and draw its "
        "results into the JPEG that ComfyUI's template browser shows."
    )
    parser.add_argument("names", nargs="*", help="titles of examples (default: all)")
    parser.add_argument(
        "--comfyui",
        metavar="PATH",
        default=os.environ.get("COMFYUI_PATH"),
        help="the folder of a ComfyUI (default: COMFYUI_PATH)",
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if not options.comfyui:
        sys.exit("No ComfyUI is named: give --comfyui PATH, or set COMFYUI_PATH.")
    environment.enter("run")
    drawing: Any = importlib.import_module(f"{pack.load().__name__}.tests.comfyui.example_pictures")
    return drawing.draw_all(options.comfyui, options.names)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
