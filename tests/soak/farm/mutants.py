"""Planted bugs. A checker that never failed proves nothing: each of these must turn a run red."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ....api.base.errors import LedgerAwayError, LedgerError
from ....api.base.threads import off_loop
from ....api.base.timing import Timing
from ....api.farm import postgres
from ....api.farm.bucket import Bucket
from ....api.farm.farm import Farm
from ....api.farm.postgres import PostgresEngine
from ....api.media import stored_tracks
from ....api.money import schema
from ....api.money.job import State
from ....api.money.ledger import Ledger
from ....api.money.peers import Peers
from ....api.money.purchase import Submits
from . import plan


def plant(name: str) -> None:
    """Change this process; "" changes nothing."""
    if name:
        BUGS[name]()


def put(target: Any, /, **attributes: Any) -> None:
    """Set attributes of a class or a module; a type checker need not agree."""
    for name, value in attributes.items():
        setattr(target, name, value)


def no_lock() -> None:
    lines = postgres._BEGIN.splitlines()
    postgres._BEGIN = "\n".join(line for line in lines if "advisory" not in line)


def no_fence() -> None:
    def is_ours(ledger: Ledger, job: Any) -> bool:
        return True

    put(Ledger, _is_ours=is_ours)


def no_confirmation() -> None:
    def confirm(ledger: Ledger, job: Any) -> bool:
        return True

    put(Ledger, confirm=confirm)


def short_lease() -> None:
    """Shorter than the answer to a submit may take."""
    from . import worker

    put(Timing, longest_silence=property(lambda timing: 1e9))
    put(worker, TIMING=plan.TIMING._replace(lease=0.2))


def host_name_as_owner() -> None:
    """All containers have one name."""
    name = property(lambda engine: "comfyui", lambda engine, value: None)
    put(PostgresEngine, owner=name)


def four_byte_times() -> None:
    def short(statements: Iterable[str]) -> tuple[str, ...]:
        return tuple(text.replace("DOUBLE PRECISION", "REAL") for text in statements)

    put(schema, STEPS=tuple(map(short, schema.STEPS)))
    put(postgres, TABLES=short(postgres.TABLES))


def local_clock() -> None:
    put(PostgresEngine, now=lambda engine: time.time())


def commit_again() -> None:
    """A COMMIT without an answer counts as lost."""
    put(PostgresEngine, _is_written=lambda engine, token: False)


def swallowed_error() -> None:
    """A ledger that is away after a submit counts as one that was away before it."""

    async def written(submits: Submits, job: Any, record: Any) -> Any:
        try:
            return await off_loop(submits._ledger.answered, job, record)
        except LedgerAwayError as error:
            submits._ledger.peers.end_submit_later(job, state=State.FAILED, error=str(error))
            raise

    put(Submits, written=written)


def fall_back() -> None:
    """Without the database it buys with a ledger of its own."""

    opened = Ledger.__init__

    def opened_somehow(ledger: Ledger, directory: Path, timing: Timing, peers: Peers) -> None:
        try:
            opened(ledger, directory, timing._replace(ledger_patience=0.0), peers)
        except LedgerError:
            opened(ledger, directory, timing)

    put(Ledger, __init__=opened_somehow)


def own_pace() -> None:
    """Each worker knows its own requests only."""
    put(Farm, rate_limiter=Peers.rate_limiter)


def marked_before_it_is_sent() -> None:
    """The ledger says that the bucket has a track that is on its way."""
    sent, tasks = stored_tracks._sent, set[asyncio.Task[str]]()

    async def later(bucket: Bucket, name: str, content: bytes | memoryview) -> str:
        async def slowly() -> str:
            await asyncio.sleep(0.2)
            return await sent(bucket, name, content)

        tasks.add(asyncio.create_task(slowly()))
        return ""

    put(stored_tracks, _sent=later)


def create_only() -> None:
    """An object that exists is not written again."""
    import obstore

    put(obstore, put_async=functools.partial(obstore.put_async, mode="create"))


BUGS: dict[str, Callable[[], None]] = {
    "no lock": no_lock,
    "no fence": no_fence,
    "no confirmation": no_confirmation,
    "short lease": short_lease,
    "host name as owner": host_name_as_owner,
    "four-byte times": four_byte_times,
    "local clock": local_clock,
    "commit again": commit_again,
    "swallowed error": swallowed_error,
    "fall back": fall_back,
    "own pace": own_pace,
    "marked before it is sent": marked_before_it_is_sent,
    "create only": create_only,
}
