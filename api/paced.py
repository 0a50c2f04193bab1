"""The client's calls, each in its turn: nothing leaves outside the account's rate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from .client import Client
from .errors import RateLimitError
from .pacing import Pacer
from .protocol import JobRecord, Model, MusicRequest
from .timing import Timing

T = TypeVar("T")

COST_TAG = "comfyui-aigateway-music"


class PacedClient:
    """`Client` with a schedule. Its calls raise what `Client`'s raise.

    A 429 costs a turn, and none of the caller's patience, for as long as `Timing.blip_patience`.

    Args:
        clock: seconds, monotonic, of the event loop that all of this lives in.
    """

    def __init__(
        self, client: Client, pacer: Pacer, timing: Timing, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._pacer = pacer
        self._timing = timing
        self.clock = clock
        self._asked: dict[str, float] = {}

    async def submit(self, request: MusicRequest, *, idempotency_key: str) -> JobRecord:
        return await self._in_turn(
            lambda: self._client.submit(request, idempotency_key=idempotency_key, tag=COST_TAG)
        )

    async def get(self, job_id: str, due: float | None = None) -> JobRecord | None:
        """Ask for a job's record at `due`, and no earlier than the floor after the last time."""
        due = self.clock() if due is None else due
        asked = self._asked.get(job_id)
        if asked is not None:
            due = max(due, asked + self._timing.poll_floor)
        try:
            return await self._in_turn(
                lambda: self._client.get(job_id), due=due, is_poll=True, is_first=asked is None
            )
        finally:
            self._asked[job_id] = self.clock()

    async def cancel(self, job_id: str) -> JobRecord:
        return await self._in_turn(lambda: self._client.cancel(job_id))

    async def models(self) -> list[Model]:
        return await self._in_turn(self._client.models)

    async def balance(self) -> Mapping[str, Any]:
        return await self._in_turn(self._client.balance)

    async def _in_turn(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        due: float | None = None,
        is_poll: bool = False,
        is_first: bool = False,
    ) -> T:
        due = self.clock() if due is None else due
        give_up = due + self._timing.blip_patience
        while True:
            async with self._pacer.turn(due=due, is_poll=is_poll, is_first=is_first):
                try:
                    return await call()
                except RateLimitError:
                    if self.clock() >= give_up:
                        raise
            due = self.clock() + (self._timing.poll_floor if is_poll else 0.0)
