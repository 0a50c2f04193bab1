"""What machines that share a ledger tell each other, besides the rows.

A ledger of one machine needs none of it: each of these says then what holds there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from ..errors import LedgerError
from ..timing import Timing
from ..wire.key import ApiKey
from ..wire.protocol import Model
from .engines.engine import Engine
from .job import Job, is_free
from .places import SharedPlaces


class Farm:
    """The tables of `engine` for this. Safe to use from several threads.

    Every method raises LedgerError where the ledger cannot be read or written.
    """

    def __init__(self, engine: Engine, timing: Timing) -> None:
        self._engine = engine
        self._watch_lease = timing.watch_lease
        self._watched: dict[str, float] = {}

    def bind(self, service: str, key: ApiKey | None) -> None:
        """Note that `key` buys from the service with this ledger.

        Raises:
            LedgerError: another key does. The gateway would not know its jobs by this one.
        """
        if not self._engine.is_shared or key is None or is_free(service):
            return

        def bound() -> str:
            found = self._execute("SELECT digest FROM keys WHERE service = ?", service)
            if not found:
                self._execute(
                    "INSERT INTO keys (service, digest) VALUES (?, ?)", service, key.digest
                )
            return found[0][0] if found else key.digest

        if self._engine.write(bound) != key.digest:
            raise LedgerError(
                "The ledger at ledger_url belongs to another API key, and the gateway shows a job "
                "to the key that bought it: set that key, or another database. If it is a new key "
                "of the same account, run  DELETE FROM keys  in that database. Nothing was sent."
            )

    def places(self, service: str, timing: Timing) -> SharedPlaces | None:
        """The places of the rate of the key that buys from the service with this ledger."""
        return SharedPlaces(self._engine, service, timing) if self._engine.is_shared else None

    def watch(self, job: Job) -> bool:
        """Whether this process polls the job; the others read the ledger meanwhile.

        It holds for `Timing.watch_lease`, and is renewed by the next call.
        """
        if not self._engine.is_shared:
            return True
        clock = time.monotonic()
        if self._watched.get(job.local_id, 0.0) > clock:
            return True
        is_ours = self._engine.write(lambda: self._watch(job.local_id))
        if is_ours:
            self._watched[job.local_id] = clock + self._watch_lease / 2
        return is_ours

    def _watch(self, local_id: str) -> bool:
        now = self._engine.now()
        held = self._execute(
            "SELECT 1 FROM watches WHERE local_id = ? AND owner <> ? AND until > ?",
            *(local_id, self._engine.owner, now),
        )
        if held:
            return False
        self._execute(
            "INSERT INTO watches (local_id, owner, until) VALUES (?, ?, ?) "
            "ON CONFLICT (local_id) DO UPDATE SET owner = excluded.owner, until = excluded.until",
            *(local_id, self._engine.owner, now + self._watch_lease),
        )
        return True

    def unwatch(self, job: Job) -> None:
        """This process no longer polls the job."""
        if self._watched.pop(job.local_id, None) is not None:
            self._engine.write(
                lambda: self._execute(
                    "DELETE FROM watches WHERE local_id = ? AND owner = ?",
                    *(job.local_id, self._engine.owner),
                )
            )

    def catalogue(self, service: str) -> tuple[float, list[Model]] | None:
        """The age in seconds of the model list that another machine has fetched, and the list."""
        if not self._engine.is_shared:
            return None
        found = self._execute("SELECT fetched, models FROM catalogue WHERE service = ?", service)
        if not found:
            return None
        fetched, models = found[0]
        age = max(0.0, self._engine.now() - fetched)
        return age, [Model(*values) for values in json.loads(models)]

    def share_catalogue(self, service: str, models: Iterable[Model]) -> None:
        if self._engine.is_shared:
            text = json.dumps(list(models))
            self._engine.write(
                lambda: self._execute(
                    "INSERT INTO catalogue (service, fetched, models) VALUES (?, ?, ?) "
                    "ON CONFLICT (service) DO UPDATE "
                    "SET fetched = excluded.fetched, models = excluded.models",
                    *(service, self._engine.now(), text),
                )
            )

    def _execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._engine.execute(statement, *values)
