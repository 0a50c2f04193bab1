"""Start and stop a real ComfyUI, from a checkout, with this pack in it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from . import environment, locks, pack

PATH = "COMFYUI_PATH"
PYTHON = "COMFYUI_PYTHON"
FRONTEND = "COMFYUI_FRONTEND"
"""Names a folder with another frontend than the checkout's own, such as the folder `static` of
another version of the package `comfyui-frontend-package`."""
READY_WITHIN = 300.0


class ComfyUIError(Exception):
    """ComfyUI could not be found or started; the message is one sentence for the user."""


def checkout(path: str | Path) -> Path:
    """The ComfyUI checkout at `path`. Raises ComfyUIError if there is none."""
    folder = Path(path).expanduser().resolve()
    for candidate in (folder, folder / "ComfyUI"):  # the portable build: one level down
        if (candidate / "main.py").is_file() and (candidate / "comfyui_version.py").is_file():
            return candidate
    raise ComfyUIError(
        f"{folder} is not a ComfyUI checkout, it has no main.py and comfyui_version.py: "
        "give the folder that has them."
    )


def version(folder: Path) -> tuple[int, ...]:
    """The version of a checkout, as numbers to compare."""
    text = (folder / "comfyui_version.py").read_text("utf-8")
    found = re.search(r"__version__ = \"(\d+)\.(\d+)\.(\d+)", text)
    if found is None:
        raise ComfyUIError(f"{folder / 'comfyui_version.py'} does not contain ComfyUI's version.")
    return tuple(int(part) for part in found.groups())


def python(folder: Path) -> Path:
    """The Python that runs a checkout: the user's, else that of `.venv-comfyui`, made here.

    Raises ComfyUIError or environment.SetupError, each with one sentence.
    """
    named = os.environ.get(PYTHON)
    if named and not Path(named).is_file():
        raise ComfyUIError(
            f"{PYTHON} names {named}, which is not a file: give the path of a Python."
        )
    own = [Path(named)] if named else []
    own += [environment.python_of(folder / name) for name in (".venv", "venv")]
    own.append(folder.parent / "python_embeded" / "python.exe")
    for candidate in own:
        if candidate.is_file():
            _check_requirements(candidate)
            return candidate
    requirements = [folder / "requirements.txt", *(pack.ROOT / name for name in locks.FILES)]
    contents = [path.read_text("utf-8") for path in (*requirements, pack.ROOT / "pyproject.toml")]
    arguments = [word for path in requirements for word in ("-r", str(path))]
    return environment.make(
        pack.ROOT / ".venv-comfyui", "run", [*arguments, "--group", "comfyui"], contents
    )


class ComfyUI:
    """A running ComfyUI with all its data in `base`, and this pack as its only custom node pack.

    It is a context manager: it starts on entry and stops on exit. `settings` are environment
    variables for it. Raises ComfyUIError if it does not start.
    """

    name = "aigateway-music"  # the pack's folder in custom_nodes

    def __init__(
        self,
        folder: Path,
        base: Path,
        interpreter: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.log = base / "comfyui.log"
        self._folder = folder
        self._base = base
        self._python = interpreter
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> ComfyUI:
        for name in ("custom_nodes", "input", "output", "temp", "user", "models"):
            (self._base / name).mkdir(parents=True, exist_ok=True)
        link = self._base / "custom_nodes" / self.name
        if not link.exists():
            _link(link, pack.ROOT)
        self._port = _free_port()
        command = [str(self._python), "main.py", "--cpu", "--disable-auto-launch"]
        command += ["--listen", "127.0.0.1", "--port", str(self._port)]
        command += ["--base-directory", str(self._base)]
        if frontend := os.environ.get(FRONTEND):
            command += ["--front-end-root", str(Path(frontend).resolve())]
        if "--database-url" in (self._folder / "comfy" / "cli_args.py").read_text("utf-8"):
            command += ["--database-url", "sqlite:///:memory:"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env={
                    **os.environ,
                    "PYTHONUNBUFFERED": "1",
                    "PYTHONUTF8": "1",
                    **self._settings,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def log_text(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def wait(self) -> int:
        """Wait until ComfyUI ends, and return its exit code."""
        return self._running().wait()

    def kill(self) -> None:
        """Kill ComfyUI without a shutdown."""
        process = self._running()
        process.kill()
        process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ComfyUIError("ComfyUI was not started: use it in a `with` block.")
        return self._process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while process.poll() is None and time.monotonic() < deadline:
            try:
                # An address of loopback.
                address = f"{self.url}/system_stats"
                with urllib.request.urlopen(address, timeout=5):  # noqa: S310  # nosec B310
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        lines = self.log_text().strip().splitlines()
        raise ComfyUIError(
            f"ComfyUI at {self._folder} did not start with {self._python}: "
            f"{lines[-1] if lines else 'it wrote no log'} (the log is {self.log})."
        )

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def host(path: str, base: Path) -> int:
    """Run the ComfyUI at `path` with its data in `base` until Ctrl-C; return the exit code."""
    # SIGTERM ends the server too, not only Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        folder = checkout(path)
        interpreter = python(folder)
        print(f"Starting ComfyUI {'.'.join(map(str, version(folder)))} ...", flush=True)
        with ComfyUI(folder, base, interpreter) as server:
            print(f"ComfyUI with the pack in it: {server.url}")
            print("On the page: Workflow, Browse Templates, AIgateway Music, Text to Music.")
            print(f"Its files: {base / 'output'}; its log: {server.log}")
            print("Ctrl-C ends it.", flush=True)
            return server.wait()
    except (ComfyUIError, environment.SetupError) as failed:
        print(failed, file=sys.stderr)
        return 1


def _check_requirements(interpreter: Path) -> None:
    """Name the packages that the user's environment lacks; nothing is installed into it."""
    file = pack.ROOT / "requirements.txt"
    unconditional = [line for line in file.read_text("utf-8").splitlines() if ";" not in line]
    names = [re.split(r"[^\w.-]", line)[0] for line in unconditional]
    probe = (
        "import sys\nfrom importlib.metadata import distributions\n"
        "have = {d.metadata['Name'].lower() for d in distributions() if d.metadata['Name']}\n"
        "print(*(name for name in sys.argv[1:] if name and name.lower() not in have))"
    )
    found = subprocess.run(
        [str(interpreter), "-c", probe, *names], capture_output=True, text=True, check=False
    )
    missing = found.stdout.split()
    if missing:
        raise ComfyUIError(
            f"ComfyUI's Python lacks what this pack needs ({', '.join(missing)}): run "
            f'"{interpreter}" -m pip install -r "{file}", then this command again.'
        )


def _link(link: Path, target: Path) -> None:
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(target), str(link))  # a symlink needs special rights
    else:
        link.symlink_to(target, target_is_directory=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
