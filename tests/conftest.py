"""What every test needs: the pack under its own name, and no way to spend the user's money."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A key or an address from the user's own shell must never reach a test.
for variable in [name for name in os.environ if name.startswith("AIGATEWAY_")]:
    if not variable.startswith("AIGATEWAY_TEST_"):
        del os.environ[variable]
# Nor a key that AIgateway's CLI has stored for the user.
os.environ["AIGATEWAY_USE_CLI_KEY"] = "false"


class PackNames(MetaPathFinder, Loader):
    """Import the modules of this folder as `aigateway_music.tests.…`, whatever name is asked for.

    pytest derives a module's name from the folders above it: `my_clone.tests.api.test_jobs`, or
    `tests.api.test_jobs` where the name of the clone is no identifier. The tests' relative imports
    need the pack as their topmost package, and the pack once. So pytest's name becomes a second
    name for one module.
    """

    def __init__(self, asked: str, real: str) -> None:
        self._asked = f"{asked}."
        self._real = f"{real}."

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(self._asked):
            return None
        module = importlib.import_module(self._real + fullname.removeprefix(self._asked))
        spec = spec_from_file_location(fullname, module.__file__, loader=self)
        if spec is not None:
            spec.loader_state = module
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module: ModuleType = spec.loader_state
        # The import system overwrites `__spec__` before it calls `exec_module`.
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


PACK: str = runpy.run_path(str(ROOT / "scripts" / "lib" / "pack.py"))["load"]().__name__
HERE, TESTS = str(__package__), f"{PACK}.tests"
if HERE != TESTS:
    sys.meta_path.insert(0, PackNames(HERE, TESTS))
    # pytest has imported the clone under the name of its folder, which may hide another module:
    # ComfyUI has a module called `nodes`.
    clone = HERE.rpartition(".")[0]
    if getattr(sys.modules.get(clone), "__file__", None) == str(ROOT / "__init__.py"):
        del sys.modules[clone]


class RootFolder:
    """Tell pytest that the root is a folder; a package would be imported by the clone's name."""

    @pytest.hookimpl
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Dir | None:
        return pytest.Dir.from_parent(parent, path=path) if path == ROOT else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--farm",
        action="store_true",
        help="run the tests of farms too: they need PostgreSQL and servers of buckets",
    )


# The tests of one module here share music or servers: they stay on one worker.
SHARING_FOLDERS, SHARING_MODULES = ("music", "sandbox"), ("test_bucket", "test_clouds")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--farm"):
        left_out = [item for item in items if item.get_closest_marker("farm")]
        items[:] = [item for item in items if not item.get_closest_marker("farm")]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        if item.path.parent.name in SHARING_FOLDERS or item.path.stem in SHARING_MODULES:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    # The longest tests first: else one worker ends long after the others.
    items.sort(key=lambda item: item.path.parent.name != "soak" and item.path.stem != "test_faults")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(
        RootFolder()
    )  # as a hook of this conftest, it would miss the root
