"""The pack as an importable package, whatever its folder is called."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

NAME = "aigateway_music"
ROOT = Path(__file__).resolve().parents[2]


def load(name: str = NAME) -> ModuleType:
    """Register the repository's root as the package `name`, once, and return the package.

    Afterwards `importlib.import_module("aigateway_music.api")` works without a change of
    `sys.path`. Raises ImportError if the root has no `__init__.py`.
    """
    if name in sys.modules:
        return sys.modules[name]
    door = ROOT / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, door, submodule_search_locations=[str(ROOT)]
    )
    if spec is None or spec.loader is None or not door.is_file():
        raise ImportError(f"{door} is missing: get a complete copy of the pack.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def run(module: str) -> int:
    """Run `main` of a module of the pack, such as `benchmarks.jobs`; return its exit code."""
    return importlib.import_module(f"{load().__name__}.{module}").main()
