"""A sandbox gateway on loopback and a service that talks to it; the places of a ledger."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...api.account import Account
from ...sandbox.server import Sandbox
from ...scripts.lib.postgres import running_postgres
from ..gateway import account_on, running
from ..ledgers import Place, new_schema


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def account(sandbox: Sandbox, tmp_path: Path) -> Iterator[Account]:
    with account_on(sandbox, tmp_path) as account:
        yield account


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL: the one of AIGATEWAY_TEST_POSTGRES, else one of our own."""
    given = os.environ.get("AIGATEWAY_TEST_POSTGRES")
    if given:
        yield given
        return
    try:
        with running_postgres() as server:
            yield server.url()
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty ledger of each kind."""
    if request.param == "sqlite":
        return Place(tmp_path)
    return Place(tmp_path, new_schema(request.getfixturevalue("postgres")))
