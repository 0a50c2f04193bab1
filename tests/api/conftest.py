"""A sandbox gateway on loopback and a service that talks to it; the addresses of a ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ...api.account import Account
from ...sandbox.server import Sandbox
from ..gateway import account_on, running
from ..ledgers import Address, new_schema, postgres

__all__ = ["postgres"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def account(sandbox: Sandbox, tmp_path: Path) -> Iterator[Account]:
    with account_on(sandbox, tmp_path) as account:
        yield account


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.farm)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """An empty ledger of each kind."""
    if request.param == "sqlite":
        return Address(tmp_path)
    return Address(tmp_path, new_schema(request.getfixturevalue("postgres")))
