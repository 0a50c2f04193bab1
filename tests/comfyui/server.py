"""A real ComfyUI for tests: the checkout at COMFYUI_PATH, its data in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ...scripts.lib import comfyui

OLDEST = (0, 8, 0)


def checkout() -> Path:
    """The checkout to test with; skips the test where there is none."""
    path = os.environ.get(comfyui.PATH)
    if not path:
        pytest.skip("COMFYUI_PATH names no ComfyUI checkout")
    return comfyui.checkout(path)


def supported() -> Path:
    """A checkout that the pack supports; skips the test where it is too old."""
    folder = checkout()
    if comfyui.version(folder) < OLDEST:
        pytest.skip("the ComfyUI checkout is older than the pack supports")
    return folder


@contextmanager
def running(folder: Path, base: Path, settings: Mapping[str, str]) -> Iterator[comfyui.ComfyUI]:
    with comfyui.ComfyUI(folder, base, comfyui.python(folder), settings) as server:
        yield server


def lines_about(log: str, *words: str) -> list[str]:
    """The lines of a log that hold one of the words, in any case."""
    return [line for line in log.splitlines() if any(word in line.lower() for word in words)]
