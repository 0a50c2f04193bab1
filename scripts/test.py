"""Check and test everything: `python3 scripts/test.py [--checks] [--fast] [arguments for pytest]`.

`--checks` runs the checks alone.
`--fast` is for every change: it leaves out the slow checks, the tests that are marked `slow`, and
all outside FAST_FOLDERS. A run without arguments also tests farms, measures coverage, and fails
below the bound in pyproject.toml.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

from lib import environment, pack

PRODUCT = ("api", "audio", "files", "music", "nodes", "sandbox", "scripts", "video", "__init__.py")
CHECKS = (("ruff", "check"), ("ruff", "format", "--check"))
SLOW_CHECKS = (
    ("pyright",),
    ("bandit", "-q", "-c", "pyproject.toml", "-r", *PRODUCT),
)
FAST_FOLDERS = ("api", "audio", "files", "nodes", "sandbox", "scripts")
SLOW_IMPORTS = "tests/sandbox/test_openapi.py"


def main() -> int:
    environment.enter("run", "dev")
    checks = CHECKS if "--fast" in sys.argv else (*CHECKS, *SLOW_CHECKS)
    failed = [" ".join(check) for check in checks if _module(*check)]
    failed += importlib.import_module(f"{pack.load().__name__}.tests.javascript_tools").check()
    if "--checks" in sys.argv:
        print(f"FAILED: {', '.join(failed)} (see above)." if failed else "All checks passed.")
        return int(bool(failed))
    if failed:
        print(f"FAILED: {', '.join(failed)} (see above); the tests run all the same.", flush=True)
    # A worker for each core, but few, because tests start processes of their own. Tests that share
    # a server are one group, which stays on one worker.
    workers = min(os.cpu_count() or 1, 4)
    tested = _module("pytest", "-n", str(workers), "--dist", "loadgroup", *selection(sys.argv[1:]))
    return tested or int(bool(failed))


def selection(arguments: list[str]) -> list[str]:
    """The arguments of pytest for those of this command."""
    if not arguments:
        return ["--cov", "--cov-report=term", "--farm"]
    if "--fast" not in arguments:
        return arguments
    others = [word for word in arguments if word != "--fast"]
    folders = [f"tests/{folder}" for folder in FAST_FOLDERS]
    return ["-m", "not slow", f"--ignore={SLOW_IMPORTS}", *others, *folders]


def _module(*command: str) -> int:
    return subprocess.call([sys.executable, "-m", *command], cwd=environment.ROOT)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
