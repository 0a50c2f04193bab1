"""Run one benchmark: `python3 benchmarks/run.py NAME [--small] [arguments]`; README.md lists them.

With COMFYUI_PATH the benchmark runs in this Python, which then has ComfyUI's requirements and the
pack's. Otherwise it continues in `.venv`, which is made if this Python lacks a package.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OTHERS = {"run", "train_beats"}
"""Programs that measure nothing."""
NEEDED = ("torch", "httpx", "av", "psycopg", "pytest")


def names() -> list[str]:
    """The benchmarks: modules of this folder that have a `main`."""
    modules = {path.stem for path in HERE.glob("*.py") if "\ndef main(" in path.read_text("utf-8")}
    return sorted(modules - OTHERS)


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in names():
        print(f"Name one benchmark: {', '.join(names())}.", file=sys.stderr)
        return 2
    sys.path.insert(0, str(HERE.parent / "scripts"))
    if not os.environ.get("COMFYUI_PATH") and not all(map(importlib.util.find_spec, NEEDED)):
        importlib.import_module("lib.environment").enter("run", "dev")
    name = sys.argv.pop(1)
    return importlib.import_module("lib.pack").run(f"benchmarks.{name}")


if __name__ == "__main__":
    sys.exit(main())
