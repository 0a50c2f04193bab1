from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ...scripts.lib import pack


def test_load_is_the_same_package_every_time():
    assert pack.load() is pack.load() is importlib.import_module(pack.NAME)


def test_submodules_come_from_the_repository():
    module = importlib.import_module(f"{pack.NAME}.scripts.lib.pack")
    assert Path(module.__file__ or "") == Path(pack.__file__)


# No identifier, a folder of the pack that is a module of ComfyUI too, a module of Python, and the
# pack's own name.
FOLDERS = ["pack-1.0", "nodes", "json", pack.NAME]


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_tests_run_in_a_folder_of_any_name(tmp_path: Path, folder: str):
    root = tmp_path / folder
    for name in ("pyproject.toml", "scripts/lib/pack.py", "tests/conftest.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pack.ROOT / name, root / name)
    for package in (".", "api", "tests", "tests/api"):
        (root / package).mkdir(exist_ok=True)
        (root / package / "__init__.py").write_text("")
    (root / "api" / "thing.py").write_text("VALUE = 4\n")
    (root / "tests" / "api" / "conftest.py").write_text(
        "import pytest\nfrom ...api import thing\n\n"
        "@pytest.fixture\ndef value():\n    return thing.VALUE\n"
    )
    (root / "tests" / "api" / "test_thing.py").write_text(
        "import json, os, sys\nimport numpy\nfrom ...api import thing\nfrom . import conftest\n\n"
        "def test_value(value):\n"
        "    assert value == thing.VALUE\n"
        "    assert conftest.thing is thing\n"
        "    assert __name__ == __spec__.name == 'aigateway_music.tests.api.test_thing'\n"
        "    assert json.loads('1') == numpy.ones(1)[0]\n"
        "    assert 'nodes' not in sys.modules\n"
        "    assert 'AIGATEWAY_API_KEY' not in os.environ\n\n"
        "def test_introspection(value):\n"
        "    assert value == 5\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=root,
        env={**os.environ, "AIGATEWAY_API_KEY": "sk-aig-of-the-person"},
        capture_output=True,
        text=True,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    # pytest explains the values of a failed assertion, in tests that it imported by itself.
    assert "assert 4 == 5" in done.stdout
