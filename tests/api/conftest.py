"""A sandbox gateway on loopback and a service that talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...api.account import Account
from ...sandbox.server import Sandbox
from ..gateway import account_on, running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def account(sandbox: Sandbox, tmp_path: Path) -> Iterator[Account]:
    with account_on(sandbox, tmp_path) as account:
        yield account
