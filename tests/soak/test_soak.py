"""A client that is killed at random moments neither pays twice nor loses a track."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ...scripts.lib import pack

SOAK = pack.ROOT / "tests" / "soak" / "soak.py"


@pytest.mark.parametrize(
    ("kills", "arguments"),
    [(140, []), (60, ["--no-idempotency"])],
    ids=["idempotent", "not-idempotent"],
)
def test_a_client_that_is_killed_at_random(
    tmp_path: Path, kills: int, arguments: list[str]
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    command = [sys.executable, str(SOAK), f"--kills={kills}", f"--seed={seed}", *arguments]
    done = subprocess.run(
        [*command, f"--data={tmp_path / 'soak'}"], capture_output=True, text=True, check=False
    )
    output = f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    print(output)
    assert done.returncode == 0, output
    assert f"seed {seed}, {kills} kills" in done.stdout
    # It is a proof only if it was caught in every state on the way.
    caught = done.stdout.partition("by state")[2]
    for state in ("submitting", "queued", "completed", "asking: submitting"):
        assert re.search(rf"\d {state}\n", caught), output
