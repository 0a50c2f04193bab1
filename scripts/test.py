"""Checks and tests everything: `python3 scripts/test.py [arguments for pytest]`."""

from __future__ import annotations

import os
import subprocess
import sys

import environment
import javascript

CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("pyright",),
)


def main() -> int:
    environment.enter("run", "dev")
    failed = [" ".join(check) for check in CHECKS if _module(*check)]
    failed += javascript.check()
    if failed:
        print(f"FAILED: {', '.join(failed)} (see above); the tests run all the same.", flush=True)
    # One worker a core, few enough to leave room for what the tests start themselves.
    workers = min(os.cpu_count() or 1, 4)
    # Tests that share a server are one group, which stays on one worker.
    tested = _module("pytest", "-n", str(workers), "--dist", "loadgroup", *sys.argv[1:])
    return tested or int(bool(failed))


def _module(*command: str) -> int:
    return subprocess.call([sys.executable, "-m", *command], cwd=environment.ROOT)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
