"""FFmpeg's own programs as independent judges, where they are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Probe = Callable[[Path], dict[str, Any]]


@pytest.fixture
def ffmpeg() -> Callable[..., bytes]:
    return _program("ffmpeg")


@pytest.fixture
def speak() -> Callable[..., bytes]:
    return _program("espeak-ng")


@pytest.fixture
def probe() -> Probe:
    run = _program("ffprobe")

    def ask(path: Path) -> dict[str, Any]:
        shown = ("-show_streams", "-show_format", "-count_frames")
        return json.loads(run("-v", "error", *shown, "-of", "json", str(path)))

    return ask


def _program(name: str) -> Callable[..., bytes]:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")

    def run(*arguments: str) -> bytes:
        return subprocess.run([name, *arguments], check=True, capture_output=True).stdout

    return run
