"""Both addresses of a ledger: a file of this machine, and a database that machines share."""

from __future__ import annotations

import ast
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from ..api.base.timing import Timing
from ..api.farm.shared_addresses import LedgerUrl
from ..api.library import Library
from ..api.money.ledger import Ledger
from ..api.money.sqlite import FILE_NAME
from .postgres_server import running_postgres


class Address(NamedTuple):
    """The address of a test's ledger."""

    directory: Path
    url: LedgerUrl | None = None

    def ledger(self, timing: Timing | None = None) -> Ledger:
        return Ledger(self.directory, timing, self.url and self.url.peers())

    def library(self, timing: Timing | None = None) -> Library:
        return Library(self.directory, timing, ledger_url=self.url)

    def seen(self, query: str) -> list[tuple[Any, ...]]:
        """What another program reads from the database."""
        if self.url is None:
            code = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2])"
            command = [sys.executable, "-c", f"{code}.fetchall())"]
            path = str(self.directory / FILE_NAME)
            done = subprocess.run([*command, path, query], check=True, capture_output=True)
            return ast.literal_eval(done.stdout.decode())
        import psycopg

        with psycopg.connect(self.url.reveal()) as connection:
            return connection.execute(query.encode()).fetchall()


def new_schema(server: str) -> LedgerUrl:
    """The address of an empty schema on the server at this address."""
    import psycopg

    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    joined = "&" if "?" in server else "?"
    options = quote(f"-csearch_path={name}")
    return LedgerUrl(f"{server}{joined}options={options}", "a test")


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
