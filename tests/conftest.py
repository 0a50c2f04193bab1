"""What every test needs: the pack under its own name, and no way to spend the user's money."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from pathlib import Path

from _pytest import pathlib as pytest_pathlib

ROOT = Path(__file__).resolve().parent.parent

# A key or an address from the person's own shell must never reach a test.
for variable in [name for name in os.environ if name.startswith("AIGATEWAY_")]:
    del os.environ[variable]


def _name_from_pack(path: Path, **options: bool) -> tuple[Path, str]:
    """pytest's own, but for this pack: tests are `aigateway_music.tests...` in any folder.

    pytest names the root package by its folder, which fails for `pack-1.0` or `my-pack`, and then
    relative imports in tests fail too.
    """
    name = pytest_pathlib.compute_module_name(ROOT, path)
    if name is None:
        return _name_by_folder(path, **options)
    return Path(sys.path[0]), f"{PACK}.{name}".rstrip(".")


PACK: str = runpy.run_path(str(ROOT / "scripts" / "pack.py"))["load"]().__name__
_name_by_folder = pytest_pathlib.resolve_pkg_root_and_module_name
pytest_pathlib.resolve_pkg_root_and_module_name = _name_from_pack
importlib.import_module(f"{PACK}.tests")
