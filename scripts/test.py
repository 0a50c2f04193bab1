"""Check and test everything: `python3 scripts/test.py [--checks] [--fast] [arguments for pytest]`.

`--checks` runs the checks alone.
`--fast` is for every change: it leaves out the slow checks, the tests that are marked `slow`, and
all outside FAST_FOLDERS. A run without arguments also tests farms, measures coverage, and fails
below the bound in pyproject.toml. The checks run beside the tests, and print after them.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

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
    javascript = importlib.import_module(f"{pack.load().__name__}.tests.javascript_tools")
    # Tests of the browser side need the tools too: installed once, before both need them.
    javascript.install()
    commands = CHECKS if "--fast" in sys.argv else (*CHECKS, *SLOW_CHECKS)
    if "--checks" in sys.argv:
        return report(check(commands, javascript.check))
    # Most slow tests wait for an event most of their time: two workers share a core then, and the
    # checks take the rest. Few workers in all, because tests start processes of their own, and each
    # worker imports torch. Tests that share a server are one group, which stays on one worker.
    workers = min((1 if "--fast" in sys.argv else 2) * (os.cpu_count() or 1), 6)
    with tempfile.TemporaryFile("w+") as output, ThreadPoolExecutor(1) as beside:
        checks = beside.submit(check, commands, javascript.check, output)
        tested = _module(
            "pytest", "-n", str(workers), "--dist", "loadgroup", *selection(sys.argv[1:])
        )
        failed = checks.result()
        output.seek(0)
        print(output.read(), end="")
    return report(failed) or tested


def check(
    commands: Iterable[tuple[str, ...]],
    javascript: Callable[[TextIO | None], list[str]],
    output: TextIO | None = None,
) -> list[str]:
    """Run all checks, and return the names of those that failed. They print into `output`."""
    failed = [" ".join(command) for command in commands if _module(*command, output=output)]
    return failed + javascript(output)


def report(failed: list[str]) -> int:
    """Print the checks that failed, and return the exit code."""
    print(f"FAILED: {', '.join(failed)} (see above)." if failed else "All checks passed.")
    return int(bool(failed))


def selection(arguments: list[str]) -> list[str]:
    """The arguments of pytest that follow from the arguments of this command."""
    if not arguments:
        return ["--cov", "--cov-report=term", "--farm"]
    if "--fast" not in arguments:
        return arguments
    others = [word for word in arguments if word != "--fast"]
    folders = [f"tests/{folder}" for folder in FAST_FOLDERS]
    return ["-m", "not slow", f"--ignore={SLOW_IMPORTS}", *others, *folders]


def _module(*command: str, output: TextIO | None = None) -> int:
    arguments = [sys.executable, "-m", *command]
    return subprocess.call(arguments, cwd=environment.ROOT, stdout=output, stderr=output)


if __name__ == "__main__":
    environment.run(main)
