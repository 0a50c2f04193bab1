"""Shared by the parent and the workers: the plan of a worker, its times, and its diary."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from ....api.base.timing import Timing
from ..plan import SCALE

SERVICE = "soak"
KEY = "sk-aig-canary-0123456789abcdef"
PRICE = 0.001
"""US dollars of each request."""

RATE_LIMIT = 12
"""Requests of a window, of all workers together: fewer than they would send at once."""

TIMING = (
    Timing(rate_limit=RATE_LIMIT, first_poll=5.0)
    .scaled(SCALE)
    ._replace(
        answer_timeout=2.0,
        connect_timeout=2.0,
        ledger_timeout=4.0,
        ledger_patience=1.5,
        beat=0.5,
        lease=6.0,
        watch_lease=2.0,
        bucket_timeout=2.0,
        bucket_connect_timeout=2.0,
    )
)

real_time = time.time
"""The clock before a worker's own one is set wrong."""


class Plan(NamedTuple):
    """The work of one worker, in the folder `data` that is deleted when it ends.

    It asks for the requests that its slot has begun and not got, then for new ones until `upto` of
    its own; None means no end. It kills itself just before the `left`-th `moment`; with "" as the
    moment it writes the number of each moment into the file `moments`.

    Attributes:
        limit: of a day, US dollars.
        skew: by how many seconds its clock is wrong.
        only: these requests and no others.
        at_once: so many requests at once.
        stop_after_create: it stops itself as soon as its first row is in the ledger.
        bug: the planted one, see `mutants`.
    """

    folder: str
    data: str
    base_url: str
    ledger_url: str
    store_url: str
    slot: int
    slots: int
    limit: float
    skew: float = 0.0
    upto: int | None = None
    only: tuple[int, ...] = ()
    at_once: int = 3
    moment: str | None = None
    left: int = 0
    stop_after_create: bool = False
    bug: str = ""

    @property
    def path(self) -> Path:
        return Path(self.folder)

    def number(self, index: int) -> int:
        """The request of this slot with this index; three of ten are asked for by all slots."""
        return index if index % 10 in (2, 5, 8) else 10_000 * (self.slot + 1) + index


def prompt(number: int) -> str:
    """Some submits are charged and never answered."""
    return f"request {number}{' sandbox:drop' if number % 9 == 4 else ''}"


def number_of(prompt: str) -> int:
    return int(prompt.split()[1])
