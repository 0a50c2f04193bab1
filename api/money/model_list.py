"""The account's list of models and prices: purchases that begin together ask for it once."""

from __future__ import annotations

import asyncio

from ..errors import GatewayError
from ..timing import Timing
from ..wire.client import Client
from .job import is_free
from .off_loop import off_loop
from .prices import Catalogue


class ModelList:
    """The models of one account. Lives in one event loop."""

    def __init__(self, catalogue: Catalogue, client: Client, timing: Timing) -> None:
        self.catalogue = catalogue
        self._client = client
        self._timing = timing
        self._fetching: asyncio.Task[None] | None = None

    async def renew(self) -> None:
        """Fetch the list if it is older than `Timing.catalogue_age`.

        If that fails, the old list stays: the submit will say what is wrong. A stopped caller does
        not stop the request, which others may wait for.
        """
        longest = self._timing.catalogue_age
        if await off_loop(self.catalogue.age) <= longest:
            return
        await off_loop(self.catalogue.share, longest)
        is_old = await off_loop(self.catalogue.age) > longest
        if is_old and not is_free(self.catalogue.service):
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.ensure_future(self._fetch())
            await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            models = await self._client.models()
        except GatewayError:
            models = []
        await off_loop(self.catalogue.replace, models)
