"""Expected prices of tracks.

They come from the charges of earlier tracks of the model. Before its first track they come from the
account's model list, which is cached on the disk for a day, or from a built-in table.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...files.atomic import write_file
from ..base.errors import GatewayError
from ..base.models import AUTO_MODEL, BASELINE_MODEL, why_unusable
from ..base.request import DEFAULT_MODEL, MusicRequest
from ..base.threads import off_loop
from ..wire.protocol import Model, dollars_of
from .job import is_free
from .ledger import Ledger
from .peers import Peers

if TYPE_CHECKING:
    from ..base.timing import Timing
    from ..wire.client import Client

# US dollars per second of audio, as of the gateway's public model pages in 2026.
BUILT_IN_PRICES = {
    DEFAULT_MODEL: 0.0002,
    "elevenlabs/elevenlabs-music": 0.80,
}
# Models that are known to cost by the second. The lists show a price by the second for models that
# cost by the minute or by the track, too: there it is the most that a track can cost.
_BY_THE_SECOND = (DEFAULT_MODEL, "fal-ai/ace-step/prompt-to-audio")
# Prices by the second that differ by no more than this share are one price.
_SAME = 0.1
# A listed price is by the second, by the minute or by the track. The lower bound of a learned price
# is half of the cheapest reading of the listed one.
_LEAST_SHARE = 0.5
_MOST_MODELS = 2000
FILE_NAME = "catalogue.json"


class Price(NamedTuple):
    """The expected price of a track in US dollars; None: not known.

    Attributes:
        is_at_most: the track may cost less.
    """

    amount: float | None
    is_at_most: bool = False


class Catalogue:
    """The model list of one service, in a file that is read at each question.

    Args:
        directory: the folder of the file.
        service: the file of another service is ignored.
        peers: the other machines, which may have a newer list.
    """

    def __init__(self, directory: Path, service: str, peers: Peers | None = None) -> None:
        self._path = directory / FILE_NAME
        self._peers = peers or Peers()
        self.service = service

    def models(self) -> list[str]:
        """The ids that make music of a prompt, the default first; never asks the network."""
        usable = [model.id for model in self._read()[1] if why_unusable(model.id) is None]
        return list(dict.fromkeys([DEFAULT_MODEL, *usable]))

    def age(self) -> float:
        """Seconds since the list was fetched; infinite without a list."""
        return _age(self._read()[0])

    def prices(self, requests: Sequence[MusicRequest]) -> list[Price]:
        """The expected price of each track by the list.

        A model that is listed twice has the higher price; an unknown one if either is unknown.
        """
        listed: dict[str, float | None] = {}
        for model, rate in self._read()[1]:
            other = listed.get(model, rate)
            listed[model] = None if rate is None or other is None else max(rate, other)

        def price(request: MusicRequest) -> Price:
            per_second = listed.get(request.model)
            if per_second is None:
                per_second = BUILT_IN_PRICES.get(request.model)
            if per_second is None:
                return Price(None)
            return Price(per_second * request.duration, request.model not in _BY_THE_SECOND)

        return [price(request) for request in requests]

    def replace(self, models: Iterable[Model]) -> None:
        """Write `models` to the file; an empty list renews the date of the old one."""
        kept = list(models)[:_MOST_MODELS] or self._read()[1]
        self._keep(kept, fetched=time.time())
        self._peers.share_catalogue(self.service, kept)

    def share(self, oldest: float) -> None:
        """Take the list of another machine if it is newer than this one and than `oldest` s."""
        shared = self._peers.catalogue(self.service)
        if shared is not None and shared[0] < min(oldest, self.age()):
            self._keep(shared[1], fetched=time.time() - shared[0])

    def _keep(self, models: Sequence[Model], *, fetched: float) -> None:
        content = {"service": self.service, "fetched": fetched, "models": models}
        # The list can be fetched again: a full or read-only disk does not stop the work.
        with contextlib.suppress(OSError):
            write_file(self._path, json.dumps(content).encode(), durable=False)

    def _read(self) -> tuple[float, list[Model]]:
        try:
            content = self._content()
            models = [Model(str(id), dollars_of(price)) for id, price in content["models"]]
            return float(content["fetched"]), models
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0, []

    def _content(self) -> dict[str, Any]:
        """Raises OSError, ValueError, KeyError, TypeError: no list for this service."""
        content = json.loads(self._path.read_text(encoding="utf-8"))
        return content if content["service"] == self.service else {}


def _age(moment: float) -> float:
    """Seconds since `moment`; infinite if the clock was ahead then, so that the list is fetched."""
    age = time.time() - moment
    return age if age >= 0 else float("inf")


class ModelList:
    """The catalogue of one account, kept new. Lives in one event loop."""

    def __init__(self, catalogue: Catalogue, client: Client, timing: Timing) -> None:
        self.catalogue = catalogue
        self._client = client
        self._longest = timing.catalogue_age
        self._renewing: asyncio.Task[None] | None = None

    async def renew(self) -> None:
        """Fetch the list if it is older than `Timing.catalogue_age`.

        Purchases that begin together share one look at its age and one request. If that fails, the
        old list stays: the submit will say what is wrong. A stopped caller does not stop the
        others.
        """
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.ensure_future(self._renew())
        await asyncio.shield(self._renewing)

    async def _renew(self) -> None:
        catalogue = self.catalogue
        if await off_loop(catalogue.age) <= self._longest:
            return
        await off_loop(catalogue.share, self._longest)
        if is_free(catalogue.service) or await off_loop(catalogue.age) <= self._longest:
            return
        try:
            models = await self._client.models()
        except GatewayError:
            models = []
        await off_loop(catalogue.replace, models)


def expected_prices(
    catalogue: Catalogue, ledger: Ledger, requests: Sequence[MusicRequest]
) -> list[Price]:
    """The expected price of each track: by earlier tracks of its model, else by the list.

    The gateway reports the charges, so a learned price is never lower than the list allows.
    """
    if is_free(catalogue.service):
        return [Price(0.0)] * len(requests)
    charges = {
        model: ledger.charges(catalogue.service, model)
        for model in {_priced_as(request).model for request in requests}
    }

    def expected(request: MusicRequest, listed: Price) -> Price:
        known = charges[request.model]
        if not known:
            return listed
        amount, is_at_most = learned(request, known)
        return Price(max(amount, _least(request, listed)), is_at_most)

    as_priced = [_priced_as(request) for request in requests]
    prices = map(expected, as_priced, catalogue.prices(as_priced))
    return [
        price._replace(is_at_most=price.is_at_most or request.model == AUTO_MODEL)
        for request, price in zip(requests, prices, strict=True)
    ]


def _priced_as(request: MusicRequest) -> MusicRequest:
    """The request whose price bounds that of `request`."""
    return request._replace(model=BASELINE_MODEL) if request.model == AUTO_MODEL else request


def _least(request: MusicRequest, listed: Price) -> float:
    """The least dollars that a track can cost by the list."""
    if listed.amount is None:
        return 0.0
    if not listed.is_at_most:
        return listed.amount
    unit = listed.amount / request.duration
    return _LEAST_SHARE * unit * min(1.0, request.duration / 60)


def learned(request: MusicRequest, charges: Sequence[tuple[float, float]]) -> tuple[float, bool]:
    """The price of a track by what earlier ones of its model cost.

    A price by the second is taken for one where the model is known to have it, or where tracks of
    different lengths show it. Else a shorter track costs no more than a longer one, and a longer
    one no more than in proportion: that holds for prices by the second and by the track.

    Args:
        charges: seconds asked for and dollars charged, at least one pair.

    Returns:
        US dollars, and whether the track may cost less.
    """
    duration = request.duration
    rates = [cost / seconds for seconds, cost in charges]
    lengths = {seconds for seconds, _ in charges}
    shows_rate = len(lengths) > 1 and max(rates) <= min(rates) * (1 + _SAME)
    if request.model in _BY_THE_SECOND or shows_rate:
        return max(rates) * duration, False
    same = [cost for seconds, cost in charges if seconds == duration]
    if same:
        return max(same), False
    return min(cost * max(1.0, duration / seconds) for seconds, cost in charges), True
