"""The sandbox gateway as a process of its own: `python3 scripts/sandbox.py --help`.

The first line it prints is its base URL. `GET /sandbox/bill`, beside `/v1`, lists what was charged.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import io
import json
import subprocess
import sys
import threading
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sandbox.render import MusicRequest

_TONE_RATE = 8000
# A proxy from the environment is for the outside, never for this machine.
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxProcess:
    """A running sandbox; `base_url` ends in `/v1`.

    Args:
        arguments: as on the command line.

    Raises:
        OSError: it did not start; what it said is on stderr.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()
        if not self.base_url:
            self.kill()
            raise OSError("The sandbox did not start.")

    def bill(self) -> dict[str, Any]:
        """What the sandbox charged and counted, see `Sandbox.bill`."""
        return bill(self.base_url)

    def kill(self) -> None:
        """End it without giving it a chance to clean up; with `--state` another one can go on."""
        self._process.kill()
        self._process.communicate()


def get(url: str) -> bytes:
    """What is at an address on this machine."""
    with _NO_PROXY.open(url, timeout=30) as answer:
        return answer.read()


def bill(base_url: str) -> dict[str, Any]:
    """What the sandbox at `base_url` charged and counted, see `Sandbox.bill`."""
    return json.loads(get(f"{base_url.removesuffix('/v1')}/sandbox/bill"))


@contextlib.contextmanager
def sandbox_process(*arguments: str) -> Iterator[SandboxProcess]:
    """A sandbox in another process for the length of a `with` block."""
    process = SandboxProcess(*arguments)
    try:
        yield process
    finally:
        process.kill()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Serve the sandbox gateway on 127.0.0.1 until killed. Times in seconds; what "
        "is not given is as in sandbox/profile.py."
    )
    parser.add_argument("--port", type=int, default=0, help="(default: any that is free)")
    parser.add_argument("--queue", type=float, help="how long a job is queued")
    parser.add_argument("--run", type=float, help="how long a job runs")
    parser.add_argument("--run-per-second", type=float, help="and for each second of audio")
    parser.add_argument("--floor", type=float, help="a faster poll of a job gets 304")
    parser.add_argument("--window", type=float, help="over which requests are counted")
    parser.add_argument("--limit", type=int, help="requests that fit into the window")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for all of these times")
    parser.add_argument("--key", help="the only API key to accept (default: any, and none)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="to be known after a restart")
    parser.add_argument("--tone", action="store_true", help="answer with a hum, composed at once")
    parser.add_argument(
        "--no-idempotency", action="store_true", help="pay no heed to Idempotency-Key"
    )
    return parser.parse_args()


def tone(request: MusicRequest) -> bytes:
    """A small WAV, another one for each prompt, and the same one each time."""
    level = request._replace(key="").seed % 20_000 + 100
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_TONE_RATE)
        file.writeframes(level.to_bytes(2, "little") * int(request.duration * _TONE_RATE))
    return out.getvalue()


def main() -> int:
    options = arguments()
    needed = ("aiohttp",) if options.tone else ("aiohttp", "torch", "soundfile")
    if not all(map(importlib.util.find_spec, needed)):
        importlib.import_module("environment").enter("run")
    root = importlib.import_module("pack").load().__name__
    profiles = importlib.import_module(f"{root}.sandbox.profile")
    server = importlib.import_module(f"{root}.sandbox.server")
    thread = importlib.import_module(f"{root}.sandbox.thread")
    names = {"floor": "poll_floor", "run_per_second": "run_per_second", "key": "key"}
    names |= {name: name for name in ("queue", "run", "window", "limit")}
    given = {
        field: getattr(options, name)
        for name, field in names.items()
        if getattr(options, name) is not None
    }
    dialect = profiles.Dialect(honours_idempotency_key=not options.no_idempotency)
    profile = profiles.Profile(**given, dialect=dialect).scaled(options.scale)
    rendering = {"render": tone} if options.tone else {}
    sandbox = server.Sandbox(profile, state_path=options.state, **rendering)
    try:
        print(thread.SandboxThread(sandbox, options.port).base_url, flush=True)
    except OSError as error:
        sys.exit(f"The port {options.port} cannot be had ({error}): choose another one.")
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
