"""The command that runs the tests with the lowest and the newest libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ...scripts.lib import environment, pack


@pytest.mark.slow
def test_a_python_that_is_not_installed_is_one_sentence():
    if not environment.python_of(environment.VENV).exists():
        pytest.skip("no .venv with uv in it")
    command = [sys.executable, str(pack.ROOT / "scripts" / "matrix.py"), "--python", "3.99"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("Finding Python 3.99 failed (")
    assert refused.stderr.count("\n") == 1
