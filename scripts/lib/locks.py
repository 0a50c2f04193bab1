"""The lock files in requirements/: what they are made from, and how they are installed.

Standard library only: this runs before any package is installed.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "requirements"
OLDEST = (3, 10)
FILES = ("requirements.txt", "requirements-farm.txt")

# Arguments of `uv pip compile` by lock file, in the order in which the files are made.
SOURCES: dict[str, list[str]] = {
    "uv": ["--group", "uv"],
    "run": ["requirements.txt", "--group", "host"],
    "dev": [
        *("--constraints", "requirements/run.txt", "requirements-farm.txt"),
        *("--group", "dev", "--group", "references"),
    ],
}


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.txt"


def compile_arguments(name: str, upgrade: bool) -> list[str]:
    """Arguments of `uv` that resolve one lock file for every platform and Python.

    The result names no index and no file of this machine. With `upgrade` every version is the
    newest one that fits, else versions stay where they still fit.
    """
    return [
        *("pip", "compile", "--quiet", *SOURCES[name]),
        *("--universal", "--python-version", ".".join(map(str, OLDEST))),
        *("--generate-hashes", "--only-binary", ":all:"),
        *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"),
        *(["--upgrade"] if upgrade else []),
        *("--output-file", str(path_of(name).relative_to(ROOT))),
    ]


def install_arguments(name: str) -> list[str]:
    """Arguments of `uv pip install` that install one lock file, and nothing that it lacks."""
    file = str(path_of(name).relative_to(ROOT))
    return ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirements", file]


def sign(name: str) -> None:
    """Write into a lock file which sources it was made from."""
    path = path_of(name)
    path.write_text(f"{_signature()}\n{_without_comments(path.read_text('utf-8'))}", "utf-8")


def outdated() -> list[str]:
    """The lock files whose sources have changed since."""
    first_lines = {name: path_of(name).read_text("utf-8").partition("\n")[0] for name in SOURCES}
    return [name for name, line in first_lines.items() if line != _signature()]


def _signature() -> str:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    # Read without a TOML parser: the standard library has none before Python 3.11.
    groups = re.search(r"^\[dependency-groups\]$.*?(?=^\[|\Z)", pyproject, re.M | re.S)
    files = [(ROOT / name).read_text("utf-8") for name in FILES]
    sources = "".join(files) + (groups.group() if groups else "")
    digest = hashlib.sha256(_without_comments(sources).encode()).hexdigest()
    return f"# `python3 scripts/lock.py` wrote this file from sources with the SHA-256 {digest}."


def _without_comments(text: str) -> str:
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return "".join(f"{line}\n" for line in lines)
