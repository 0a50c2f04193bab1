"""The way of a prompt: which files of the pack work between Prompt to Music and its job's id."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ..gateway import running
from .test_nodes import Node, submit

PACK = Path(__file__).resolve().parents[2]
PRODUCT = ("nodes", "api", "audio", "music", "video", "files")
MOST_FILES = 32


@pytest.fixture
def way(session: Any) -> Iterator[set[Path]]:
    """The files whose functions are called from now on, in every thread that starts later."""
    files: set[Path] = set()

    def called(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(Path(frame.f_code.co_filename))

    threading.setprofile(called)
    sys.setprofile(called)
    yield files
    sys.setprofile(None)
    threading.setprofile(None)


async def test_a_prompt_passes_few_files_on_its_way_to_a_job_id(
    node: Node, session: Any, way: set[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as sandbox:
        monkeypatch.setenv("AIGATEWAY_BASE_URL", sandbox.base_url)
        # The first one opens the ledger and the account.
        await submit(node, take=1)
        way.clear()
        await submit(node, take=2)
    # A copy: other threads still add to it.
    ours = {file.relative_to(PACK) for file in list(way) if file.is_relative_to(PACK)}
    passed = sorted(str(file) for file in ours if file.parts[0] in PRODUCT)
    assert "nodes/prompt_to_music.py" in passed
    assert "api/wire/client.py" in passed
    assert len(passed) <= MOST_FILES, "\n".join(passed)
