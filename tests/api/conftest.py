"""A sandbox gateway on loopback and a service that talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...api.service import Service
from ...sandbox.server import Sandbox
from ..gateway import running, service_on


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def service(sandbox: Sandbox, tmp_path: Path) -> Iterator[Service]:
    with service_on(sandbox, tmp_path) as service:
        yield service
