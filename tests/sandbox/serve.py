"""Serve the sandbox gateway as a process of its own: `python3 tests/sandbox/serve.py --help`.

The first line of output is its base URL. `GET /sandbox/bill`, beside `/v1`, lists the charges.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import sys
import threading
import wave
from pathlib import Path

if __name__ == "__main__":
    # Continue as a module of the pack, in .venv if this Python lacks a package.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
    environment = importlib.import_module("lib.environment")
    needed = ("aiohttp",) if "--tone" in sys.argv else ("aiohttp", "torch", "soundfile")
    if not all(map(importlib.util.find_spec, needed)):
        environment.enter("run")
    pack = importlib.import_module("lib.pack")
    environment.run(lambda: pack.run("tests.sandbox.serve"))

from ...sandbox.job_book import SketchRequest
from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox, SandboxThread
from . import dialects

_TONE_RATE = 8000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Serve the sandbox gateway on 127.0.0.1 until killed. Times are in seconds; "
        "the defaults are in sandbox/profile.py."
    )
    parser.add_argument("--port", type=int, default=0, help="(default: any free port)")
    parser.add_argument("--queue", type=float, help="how long a job is queued")
    parser.add_argument("--run", type=float, help="how long a job runs")
    parser.add_argument("--run-per-second", type=float, help="and for each second of audio")
    parser.add_argument(
        "--floor", type=float, dest="poll_floor", help="a faster poll of a job gets 304"
    )
    parser.add_argument("--window", type=float, help="the time over which requests are counted")
    parser.add_argument("--limit", type=int, help="requests allowed in the window")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for all of these times")
    parser.add_argument("--key", help="the only accepted API key (default: any key, or none)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the jobs in this file")
    parser.add_argument("--tone", action="store_true", help="answer with a constant tone at once")
    parser.add_argument(
        "--dialect",
        dest="dialects",
        action="append",
        default=[],
        metavar="NAME",
        help="speak this dialect of the protocol (docs/sandbox.md lists them); may be repeated",
    )
    return parser.parse_args()


def tone(request: SketchRequest) -> bytes:
    """A small mono WAV whose sample value depends on the prompt alone."""
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
    chosen = {name: getattr(options, name, None) for name in Profile._fields}
    given = {name: value for name, value in chosen.items() if value is not None}
    unknown = [name for name in options.dialects if name not in dialects.NAMES]
    if unknown:
        sys.exit(
            f"The dialect {unknown[0]} is not known. Choose from: {', '.join(dialects.NAMES)}."
        )
    profile = dialects.speaking(Profile(**given).scaled(options.scale), options.dialects)
    rendering = {"render": tone} if options.tone else {}
    sandbox = Sandbox(profile, state_path=options.state, **rendering)
    try:
        print(SandboxThread(sandbox, options.port).base_url, flush=True)
    except OSError as error:
        sys.exit(f"Port {options.port} is not available ({error}): choose another one.")
    threading.Event().wait()
    return 0
