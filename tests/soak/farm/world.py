"""The servers of a run: PostgreSQL, a pooler for half of the workers, gateway, bucket, proxies."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...buckets import SECRET, BucketServer, serving
from ...postgres_server import (
    Postgres,
    running_pooler,
    running_postgres,
    url_at,
)
from ...sandbox_process import SandboxProcess, sandbox_process
from ..processes import COMMAND
from .plan import KEY


class Proxies:
    """The process of `proxy.py`, with one proxy for each of `targets`."""

    def __init__(self, targets: list[int]) -> None:
        command = [sys.executable, str(COMMAND), "--proxy", json.dumps(targets)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.ports: list[int] = self._heard()

    def order(self, which: int, mode: str, seconds: float = 0.0) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([which, mode, seconds]) + "\n")
        self._process.stdin.flush()

    def hits(self) -> dict[str, int]:
        self.order(0, "report")
        return self._heard()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


class World:
    """Everything that the workers talk to; each slot has its own way to it.

    Attributes:
        ledger_url: the way without a proxy.
        secrets: what nobody may see.
    """

    def __init__(
        self,
        slots: int,
        postgres: Postgres,
        pooler: int | None,
        gateway: SandboxProcess,
        bucket: BucketServer,
    ) -> None:
        self._slots = slots
        self.postgres = postgres
        self.gateway = gateway
        self.bucket = bucket
        self.ledger_url = postgres.new_database()
        self.has_pooler = pooler is not None
        self.secrets = (KEY, SECRET, postgres.password)
        gateway_port = urlsplit(gateway.base_url).port or 0
        ways = [pooler if pooler and slot % 2 else postgres.port for slot in range(slots)]
        self.proxies = Proxies([*ways, *[gateway_port] * slots, *[bucket.port] * slots])

    def ledger_of(self, slot: int) -> str:
        database = urlsplit(self.ledger_url).path[1:]
        return url_at(self.proxies.ports[slot], self.postgres.password, database)

    def gateway_of(self, slot: int) -> str:
        port = self.proxies.ports[self._slots + slot]
        return urlsplit(self.gateway.base_url)._replace(netloc=f"127.0.0.1:{port}").geturl()

    def store_of(self, slot: int) -> str:
        return self.bucket.address(self.proxies.ports[2 * self._slots + slot])

    def delay_gateway(self, seconds: float) -> None:
        for slot in range(self._slots):
            self.proxies.order(self._slots + slot, "delay", seconds)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.ledger_url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def terminate_one(self) -> bool:
        """End one session of a worker, as an administrator does. Whether there was one."""
        return bool(
            self.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                "datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
            )
        )


@contextlib.contextmanager
def running_world(slots: int, *arguments: str) -> Iterator[World]:
    """
    Args:
        arguments: of the sandbox.
    """
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        pooler = None
        with contextlib.suppress(FileNotFoundError):
            pooler = stack.enter_context(running_pooler(postgres))
        gateway = stack.enter_context(sandbox_process(*arguments))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bucket-")))
        # The server that refuses a write where the object exists, if it is asked to.
        bucket = stack.enter_context(serving("localbucket", folder))
        world = World(slots, postgres, pooler, gateway, bucket)
        stack.callback(world.proxies.close)
        yield world
