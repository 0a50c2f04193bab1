"""A child process, started as a fork or as a new Python."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from .client import child
from .plan import Plan

COMMAND = Path(__file__).with_name("soak.py")


class Process(Protocol):
    """A child as the parent sees it; `wait` tells whether it ended within `seconds`."""

    def wait(self, seconds: float | None) -> bool: ...
    def kill(self) -> None: ...
    @property
    def code(self) -> int | None: ...


class Forked:
    """A child with every module loaded already: a thousand of them take minutes."""

    def __init__(self, plan: Plan) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=child, args=(plan,))
        self._process.start()

    def wait(self, seconds: float | None) -> bool:
        self._process.join(seconds)
        return self._process.exitcode is not None

    def kill(self) -> None:
        self._process.kill()

    @property
    def code(self) -> int | None:
        return self._process.exitcode


class Spawned:
    """A child in a new Python."""

    def __init__(self, plan: Plan) -> None:
        command = [sys.executable, str(COMMAND), "--child", json.dumps(plan)]
        self._process = subprocess.Popen(command)

    def wait(self, seconds: float | None) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def kill(self) -> None:
        self._process.kill()

    @property
    def code(self) -> int | None:
        return self._process.returncode
