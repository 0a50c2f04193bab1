"""A process is frozen, as a memory snapshot or a laptop's lid does, and its connections die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox, SandboxThread
from ..gateway import SAMPLE_RATE, SCALE, tone

CLIENT = Path(__file__).parent / "frozen_client.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that freeze"),
]


def gateway(folder: Path, port: int = 0) -> SandboxThread:
    """A gateway that has the jobs of an earlier one with the same folder."""
    profile = Profile(run=1.0).scaled(SCALE)
    return SandboxThread(Sandbox(profile, render=tone, state_path=folder / "jobs.json"), port)


def test_a_frozen_client_goes_on_after_its_connections_have_died(tmp_path: Path) -> None:
    first = gateway(tmp_path)
    command = [sys.executable, str(CLIENT), first.base_url, str(tmp_path / "ledger")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        os.kill(client.pid, signal.SIGSTOP)
        _, status = os.waitpid(client.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        # Every connection of the client ends while it cannot notice.
        first.stop()
        second = gateway(tmp_path, urlsplit(first.base_url).port or 0)
        assert second.base_url == first.base_url
        os.kill(client.pid, signal.SIGCONT)
        said, wrong = client.communicate("go on\n", timeout=60)
    bill = second.sandbox.bill()
    second.stop()
    assert client.returncode == 0, wrong
    assert int(said) > 5 * SAMPLE_RATE * 2
    # The track was bought once.
    assert len(bill["jobs"]) == 1
