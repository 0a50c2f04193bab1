"""Workers that share a ledger and are shot at neither pay twice nor lose a job, and a bug shows."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ..postgres_server import programs
from .farm.mutants import BUGS
from .processes import COMMAND

FIXED_SEED = 20261125
pytestmark = [
    pytest.mark.farm,
    pytest.mark.skipif(sys.platform != "linux", reason="workers are forked, stopped and killed"),
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
]


def shot(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of a run, and its output."""
    command = [sys.executable, str(COMMAND), "--farm=4", f"--data={folder}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    output = f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    print(output)
    return done.returncode, output


@pytest.mark.parametrize(
    ("seed", "arguments"),
    [
        (FIXED_SEED, ["--kills=40", "--crashes=2"]),
        (None, ["--kills=40", "--crashes=2", "--no-idempotency"]),
    ],
    ids=["fixed seed, idempotent", "random seed, not idempotent"],
)
def test_a_farm_that_is_shot_at(tmp_path: Path, seed: int | None, arguments: list[str]) -> None:
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    code, output = shot(tmp_path / "farm", *arguments, f"--seed={seed}")
    assert code == 0, output
    # It is a proof only if the faults have hit.
    for fault in ("any moment", "database crash", "swallow", "asleep before a submit"):
        assert f" {fault}\n" in output, output


@pytest.mark.skipif(
    not os.environ.get("AIGATEWAY_TEST_BUGS"),
    reason="each planted bug takes a minute: set AIGATEWAY_TEST_BUGS",
)
@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_planted_bug_is_found(tmp_path: Path, bug: str) -> None:
    arguments = ("--kills=16", "--crashes=1", "--seed=3", "--no-idempotency", f"--bug={bug}")
    code, output = shot(tmp_path / "farm", *arguments)
    assert code == 1, output
    assert "WRONG: " in output, output
