"""The environments that this repository's commands run in. Standard library only.

Every step can be interrupted: a stamp is written after the last step, so the next run does what is
missing. A finished environment costs a few file reads.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from . import locks

ROOT = locks.ROOT
VENV = ROOT / ".venv"


class SetupError(Exception):
    """An environment could not be made; the message is one sentence for the user."""


def enter(*layers: str) -> None:
    """Make `.venv` ready and continue in its Python: the function returns only there.

    Ends the process with one sentence and exit code 1 if that fails.
    """
    try:
        python = ready(*layers)
    except SetupError as failed:
        sys.exit(str(failed))
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    command = [str(python), *sys.argv]
    if os.name != "nt":
        os.execv(command[0], command)
    # On Windows exec gives the console back at once: wait for the child, which answers Ctrl-C.
    child = subprocess.Popen(command)
    while True:
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            continue


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code; Ctrl-C prints no traceback."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


def ready(*layers: str) -> Path:
    """Install the lock files of these layers into `.venv`; return its Python. Raises SetupError."""
    for layer in layers:
        lock = locks.path_of(layer).read_text("utf-8")
        make(VENV, layer, locks.install_arguments(layer), [lock])
    return python_of(VENV)


def make(venv: Path, layer: str, arguments: Sequence[str], contents: Sequence[str]) -> Path:
    """Install one layer into the environment `venv`, and return its Python.

    `arguments` are those of `uv pip install`. `contents` are the texts that it reads: when one of
    them changes, the layer is installed again. Raises SetupError.
    """
    stamp = venv / f"{layer}.stamp"
    if _read(stamp) == _digest(venv, arguments, contents):
        return python_of(venv)
    started = venv / f"{layer}.unfinished"
    interrupted = started.exists()
    try:
        _install_uv(venv)
        stamp.unlink(missing_ok=True)
        started.touch()
        # A package that was half written when the last run ended looks installed.
        again = ["--reinstall"] if interrupted else []
        command = ["pip", "install", "--python", str(python_of(venv)), *again, *arguments]
        _uv(venv, command, f"Installing the layer {layer}")
        started.unlink()
        stamp.write_text(_digest(venv, arguments, contents), "utf-8")
    except OSError as error:
        raise SetupError(explain(f"Making {venv.name}", str(error))) from error
    return python_of(venv)


def run_uv(venv: Path, arguments: Sequence[str], step: str) -> str:
    """Run the `uv` of the environment `venv` and return its output. Raises SetupError.

    Makes the environment if it is missing. `step` names the step in the error.
    """
    _install_uv(venv)
    return _uv(venv, arguments, step)


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_complaint(version: tuple[int, ...], executable: str) -> str | None:
    """The sentence that refuses this Python, or None if it is new enough."""
    if tuple(version) >= locks.OLDEST:
        return None
    have, need = (".".join(str(part) for part in numbers) for numbers in (version, locks.OLDEST))
    return (
        f"Python {need} or newer is needed, this is {have} at {executable}: "
        "install a newer one and run this command again with it."
    )


def _install_uv(venv: Path) -> None:
    complaint = python_complaint(sys.version_info[:2], sys.executable)
    if complaint:
        raise SetupError(complaint)
    repair = []
    if not _runs(venv, "uv"):
        print(f"Making {venv.name} (once; it takes a few minutes) ...", flush=True)
        _make_venv(venv)
        repair = ["--force-reinstall"]
    file = str(locks.path_of("uv"))
    command = [str(python_of(venv)), "-m", "pip", "install", "--quiet", *repair]
    _run([*command, "--require-hashes", "-r", file], "Installing uv with pip")


def _uv(venv: Path, arguments: Sequence[str], step: str) -> str:
    return _run([str(python_of(venv)), "-m", "uv", *arguments], step, _uv_settings(venv))


def _make_venv(venv: Path) -> None:
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(
            f"The Python at {sys.executable} cannot make an environment, its modules venv and "
            f"ensurepip are missing: install them (on Debian and Ubuntu: apt install "
            f"python{version}-venv), then run this command again."
        )
    # Repair the environment; if that fails, make it from scratch.
    for clear in ([], ["--clear"]):
        output = _call([sys.executable, "-m", "venv", *clear, str(venv)])[1]
        if _runs(venv, "pip"):
            return
    if shutil.disk_usage(ROOT).free < 100e6:  # the module venv does not say so
        output = "No space left"
    raise SetupError(explain(f"Making {venv.name}", output))


def _runs(venv: Path, module: str) -> bool:
    probe = (
        "import runpy, sys\n"
        f"if sys.version_info < {locks.OLDEST}: sys.exit(1)\n"
        f"sys.argv = [{module!r}, '--version']\n"
        f"runpy.run_module({module!r}, run_name='__main__')"
    )
    try:
        return _call([str(python_of(venv)), "-c", probe])[0] == 0
    except OSError:
        return False


def _run(command: Sequence[str], step: str, settings: Mapping[str, str] | None = None) -> str:
    if sys.stderr.isatty():
        print(f"{step} ...", file=sys.stderr, flush=True)
    code, output = _call(command, settings)
    if code:
        raise SetupError(explain(step, output))
    return output


def _call(command: Sequence[str], settings: Mapping[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(settings or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def explain(step: str, output: str) -> str:
    """One sentence for a step that failed: which step, the cause in its output, what to do."""
    again = "then run this command again; it goes on where it stopped."
    if re.search(r"No space left|os error (28|112)\b|Errno 28|not enough space", output, re.I):
        return f"{step} failed because the disk is full: free about 6 GB, {again}"
    if re.search(
        r"dns error|name resolution|getaddrinfo|not known|NewConnection|ConnectError|proxy"
        r"|tcp connect|error sending request|timed out|unreachable|connection (refused|reset)"
        r"|from versions: none",  # a quiet pip says no more
        output,
        re.I,
    ):
        return (
            f"{step} failed because the package index cannot be reached: check the network and "
            f"pip's settings (index, proxy, certificate), {again}"
        )
    words = re.sub(r"[\s\u00d7\u2500-\u257f\u25b6]+", " ", output).strip()  # uv draws its causes
    reason = words if len(words) <= 400 else "... " + words[-400:]
    return f"{step} failed ({reason or 'it said nothing'}): correct that, {again}"


def _uv_settings(venv: Path) -> dict[str, str]:
    """The user's settings of pip as variables of uv, which does not read them itself."""
    listing = _run([str(python_of(venv)), "-m", "pip", "config", "list"], "Reading pip's settings")
    return uv_variables(listing, os.environ)


def uv_variables(listing: str, environment: Mapping[str, str]) -> dict[str, str]:
    """uv's variables for the lines of `pip config list`; a variable that exists already stays.

    Extra indexes are left out: pip takes the best file of all indexes, uv takes the first index
    that has the package. The packages here come from the main index.
    """
    told: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([\w-]+)=(.*)$", listing, re.M):
            told[name] = str(ast.literal_eval(value))
    settings: dict[str, str] = {}
    if not any(name.startswith("UV_") and "INDEX" in name for name in environment):
        if "index-url" in told:
            settings["UV_DEFAULT_INDEX"] = told["index-url"]
        if told.get("no-index", "").lower() in ("1", "true", "yes", "on"):
            settings["UV_NO_INDEX"] = "1"
    if "find-links" in told:
        settings["UV_FIND_LINKS"] = ",".join(told["find-links"].split())
    if "trusted-host" in told:
        settings["UV_INSECURE_HOST"] = " ".join(told["trusted-host"].split())
    if "cert" in told:
        settings["SSL_CERT_FILE"] = told["cert"]
    if "proxy" in told:
        settings["HTTP_PROXY"] = settings["HTTPS_PROXY"] = told["proxy"]
    return {name: value for name, value in settings.items() if name not in environment}


def _digest(venv: Path, arguments: Sequence[str], contents: Sequence[str]) -> str:
    # The real path changes when the system replaces the Python under the environment.
    python = python_of(venv)
    real = str(python.resolve()) if python.exists() else "none"
    uv = _read(locks.path_of("uv"))
    return hashlib.sha256(repr((real, uv, list(arguments), list(contents))).encode()).hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
