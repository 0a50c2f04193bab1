"""The pack as an importable package, whatever its folder is called."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

NAME = "aigateway_music"
ROOT = Path(__file__).resolve().parent.parent


def load(name: str = NAME) -> ModuleType:
    """Register the repository's root as the package `name` and return it; again is harmless.

    Afterwards `importlib.import_module("aigateway_music.api")` works from anywhere, without a
    `sys.path` edit. Raises ImportError if the root holds no `__init__.py`.
    """
    if name in sys.modules:
        return sys.modules[name]
    door = ROOT / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, door, submodule_search_locations=[str(ROOT)]
    )
    if spec is None or spec.loader is None or not door.is_file():
        raise ImportError(f"{door} is missing: the pack's own folder is incomplete.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
