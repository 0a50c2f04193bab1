"""Run the tests with the oldest and the newest libraries: `python3 scripts/matrix.py --help`.

A combination is a Python and a resolution. "newest" takes the newest releases that the registry
has today, and no lock file. "lowest" takes the lowest versions of the product's own libraries that
requirements.txt and requirements-farm.txt allow; the tools of the tests are the newest that go with
them. Each combination has an environment in `.venv-matrix/`, with its log beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lib import environment, locks

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
RESOLUTIONS = ("lowest", "newest")
FOLDER = environment.ROOT / ".venv-matrix"
GROUPS = ("host", "dev", "references")
PAIR = ("torch", "torchaudio")  # of the group "host"; requirements.txt must not name them
BINARIES = ("--only-binary", ":all:")


@dataclass(frozen=True)
class Combination:
    """One Python with one resolution of the requirements."""

    interpreter: Path
    python: str
    resolution: str
    overrides: tuple[str, ...]

    @property
    def name(self) -> str:
        return "-".join((self.python, self.resolution, *self.overrides))

    @property
    def venv(self) -> Path:
        return FOLDER / self.name

    def file(self, suffix: str) -> Path:
        return FOLDER / f"{self.name}.{suffix}"

    def make(self) -> dict[str, str]:
        """Resolve and install what the tests need; return the versions by package.

        Raises environment.SetupError.
        """
        FOLDER.mkdir(exist_ok=True)
        if not environment.python_of(self.venv).exists():
            place = ["--clear", "--no-project", "--python", str(self.interpreter), str(self.venv)]
            _uv(["venv", *place], f"Making {self.name}")
        bounds = []
        if self.resolution == "lowest":
            # Only the libraries that the pack itself calls: each library names the bounds of its
            # own requirements.
            self._compile("bounds", ["--resolution", "lowest-direct"])
            bounds = ["--constraints", str(self.file("bounds.txt"))]
        groups = [word for group in GROUPS for word in ("--group", group)]
        packages = self._compile("all", [*groups, *bounds])
        python = str(environment.python_of(self.venv))
        installed = ["sync", "--python", python, *BINARIES, str(self.file("all.txt"))]
        _uv(["pip", *installed], f"Installing {self.name}")
        return packages

    def _compile(self, name: str, arguments: list[str]) -> dict[str, str]:
        overrides = self.file("overrides.txt")
        overrides.write_text("".join(f"{word}\n" for word in self.overrides), "utf-8")
        output = self.file(f"{name}.txt")
        output.unlink(missing_ok=True)  # uv keeps the versions of a file that exists
        command = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", *BINARIES]
        command += ["--python", str(environment.python_of(self.venv))]
        command += ["--overrides", str(overrides), "--output-file", str(output)]
        _uv([*command, *locks.FILES, *arguments], f"Resolving {self.name}")
        return dict(re.findall(r"^([\w.-]+)==(\S+)", output.read_text("utf-8"), re.M))

    def types(self) -> str:
        """The result of pyright with these libraries, such as "0 errors"."""
        config: dict[str, object] = {
            "extends": str(environment.ROOT / "pyproject.toml"),
            "extraPaths": [str(environment.ROOT / "scripts")],
            "pythonVersion": ".".join(self.python.split(".")[:2]),
            "venvPath": str(FOLDER),
            "venv": self.name,
        }
        if self.resolution == "lowest":
            # With the types of PyAV 16 a container swallows exceptions: the tests open many.
            config["exclude"] = ["../tests", "../benchmarks"]
        file = self.file("pyright.json")
        file.write_text(json.dumps(config), "utf-8")
        python = str(environment.python_of(self.venv))
        done = self._run([python, "-m", "pyright", "--project", str(file)], "types")
        counted = re.findall(r"^\d+ errors?", done.output, re.M)
        return counted[-1] if counted else f"pyright ended with {done.code}"

    def tests(self, arguments: list[str]) -> Tests:
        """Run pytest and count its results."""
        workers = str(min(os.cpu_count() or 1, 4))
        python = str(environment.python_of(self.venv))
        command = [python, "-m", "pytest", "-n", workers, "--dist", "loadgroup", *arguments]
        done = self._run(command, "tests")
        counted = re.findall(r"^(?:=* )?(\d+ \w+.* in [\d.]+s)", done.output, re.M)
        return Tests(counted[-1] if counted else f"pytest ended with {done.code}", not done.code)

    def _run(self, command: list[str], name: str) -> Done:
        log = self.file(f"{name}.log")
        with log.open("wb") as stream:
            code = subprocess.call(command, cwd=environment.ROOT, stdout=stream, stderr=stream)
        return Done(code, log.read_text("utf-8", "replace"))


@dataclass(frozen=True)
class Done:
    """A command that ended: its exit code and its output."""

    code: int
    output: str


@dataclass(frozen=True)
class Tests:
    """The last line of pytest without its rulers, and whether all passed."""

    counts: str
    passed: bool


def main() -> int:
    options = _arguments()
    failed = False
    try:
        for combination in _combinations(options):
            packages = combination.make()
            types = combination.types() if options.types else ""
            tests = combination.tests(options.pytest)
            passed = tests.passed and types in ("", "0 errors")
            failed |= not passed
            words = [_versions(packages), f"{types} of types" if types else "", tests.counts]
            told = "; ".join(word for word in words if word)
            print(f"{'passed' if passed else 'FAILED'} {combination.name}: {told}", flush=True)
    except environment.SetupError as error:
        sys.exit(str(error))
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Run the tests with the oldest and the newest libraries, one line each."
    )
    parser.add_argument(
        "--python",
        action="append",
        metavar="PYTHON",
        help=f"a version or a path; default: each of {', '.join(PYTHONS)} that is installed",
    )
    parser.add_argument("--resolution", choices=RESOLUTIONS, action="append", help="default: both")
    parser.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="REQUIREMENT",
        help="a version to take whatever the requirements say, such as torch==2.15.0",
    )
    parser.add_argument("--types", action="store_true", help="run pyright too")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    return parser.parse_args()


def _combinations(options: argparse.Namespace) -> Iterator[Combination]:
    for word in options.python or PYTHONS:
        try:
            find = ["python", "find", "--system", "--no-python-downloads", word]
            interpreter = Path(_uv(find, f"Finding Python {word}").splitlines()[-1])
        except environment.SetupError:
            if options.python:
                raise
            continue
        ask = "import platform; print(platform.python_version())"
        version = subprocess.check_output([str(interpreter), "-c", ask], text=True).strip()
        for resolution in options.resolution or RESOLUTIONS:
            yield Combination(interpreter, version, resolution, tuple(options.override))


def _versions(packages: dict[str, str]) -> str:
    """The versions of the pack's own libraries, in the order of its requirements."""
    text = "".join((environment.ROOT / name).read_text("utf-8") for name in locks.FILES)
    names = [name.lower() for name in re.findall(r"^[\w-]+", text, re.M)]
    named = dict.fromkeys(name for name in (*PAIR, *names) if name in packages)
    return ", ".join(f"{name} {packages[name]}" for name in named)


def _uv(arguments: list[str], step: str) -> str:
    return environment.run_uv(environment.VENV, arguments, step)


if __name__ == "__main__":
    environment.run(main)
