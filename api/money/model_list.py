"""The account's models: the list with their prices, and whether one makes music of a prompt.

Purchases that begin at the same time share each request for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..errors import GatewayError
from ..models import AUTO_MODEL, why_unusable
from ..request import DEFAULT_MODEL
from ..timing import Timing
from ..wire.client import Client
from .job import is_free
from .off_loop import off_loop
from .prices import Catalogue

# These are known, so the usual purchase costs no request more.
_KNOWN = (DEFAULT_MODEL, AUTO_MODEL)


class ModelList:
    """The models of one account. Lives in one event loop."""

    def __init__(self, catalogue: Catalogue, client: Client, timing: Timing) -> None:
        self.catalogue = catalogue
        self._client = client
        self._timing = timing
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def renew(self) -> None:
        """Fetch the list if it is older than `Timing.catalogue_age`. Where that fails, the old one
        is still of use: the submit will say what is wrong."""
        longest = self._timing.catalogue_age
        if await off_loop(self.catalogue.age) <= longest:
            return
        await off_loop(self.catalogue.share, longest)
        is_old = await off_loop(self.catalogue.age) > longest
        if is_old and not is_free(self.catalogue.service):
            await self._once("", self._fetch)

    async def why_refused(self, model: str) -> str | None:
        """Why the model is refused before money; None where it is not.

        The gateway's schema of the model says it, where there is one; else the words in its id.
        """
        if model in _KNOWN:
            return None
        kept = await off_loop(self.catalogue.verdict, model)
        if kept is None or kept.age > self._timing.catalogue_age:
            await self._once(model, lambda: self._judge(model))
            kept = await off_loop(self.catalogue.verdict, model)
        return why_unusable(model) if kept is None else kept.why_unusable

    async def _fetch(self) -> None:
        try:
            models = await self._client.models()
        except GatewayError:
            models = []
        await off_loop(self.catalogue.replace, models)

    async def _judge(self, model: str) -> None:
        try:
            schema = await self._client.model_schema(model)
        except GatewayError:
            return
        if schema is not None:
            await off_loop(self.catalogue.judge, model, schema.why_unusable)

    async def _once(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work`, or wait for the run that is under way. A stopped caller does not stop it."""
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.ensure_future(work())
            task.add_done_callback(lambda task: self._under_way.pop(name))
        await asyncio.shield(task)
