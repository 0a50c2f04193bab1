"""Expected prices of tracks.

A price comes from the charges of earlier tracks of the model. Before the first charge it comes from
the account's model list, which is cached on the disk for a day, and from a built-in table. The
higher price counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...files.atomic import write_file
from ..base.errors import GatewayError
from ..base.models import AUTO_MODEL, BASELINE_MODEL, SOUND_MODEL, why_unusable
from ..base.request import DEFAULT_MODEL, MusicRequest
from ..base.threads import off_loop
from ..wire.protocol import LEAST_RATE, Model, dollars_of
from .job import is_free
from .ledger import Ledger
from .peers import Peers

if TYPE_CHECKING:
    from ..base.timing import Timing
    from ..wire.client import Client

# US dollars per second of audio, as of the gateway's public model pages in 2026.
BUILT_IN_PRICES = {
    DEFAULT_MODEL: 0.0002,
    "fal-ai/ace-step/prompt-to-audio": 0.0002,
    "elevenlabs/elevenlabs-music": 0.80,
    SOUND_MODEL: 0.001,
}
# Models that are known to cost by the second. The lists also show a price by the second for models
# that cost by the minute or by the track: for those it is the highest possible price.
_BY_THE_SECOND = (DEFAULT_MODEL, "fal-ai/ace-step/prompt-to-audio")
# Prices by the second that differ by no more than this share are one price.
_SAME = 0.1
# The user is told if a listed price falls below this share of the last track's cost.
_FALL = 0.1
# A listed price is by the second, by the minute or by the track. The lower bound of a learned price
# is half of the cheapest reading of the listed one.
_LEAST_SHARE = 0.5
_MOST_MODELS = 2000
FILE_NAME = "catalogue.json"


class Price(NamedTuple):
    """The expected price of a track in US dollars; None if the price is not known.

    Attributes:
        is_at_most: the track may cost less.
    """

    amount: float | None
    is_at_most: bool = False


class Fall(NamedTuple):
    """A fall of a price, in US dollars per second: the listed price now, and the last track's."""

    listed: float
    last: float


class Catalogue:
    """The model list of one service, in a file that is read at each call.

    Args:
        directory: the folder of the file.
        service: a file of another service is ignored.
        peers: the other machines, which may have a newer list.
    """

    def __init__(self, directory: Path, service: str, peers: Peers | None = None) -> None:
        self._path = directory / FILE_NAME
        self._peers = peers or Peers()
        self.service = service

    def models(self) -> list[str]:
        """The ids of models that take a prompt, the default first. Sends no request."""
        usable = [model.id for model in self._read()[1] if why_unusable(model.id) is None]
        return list(dict.fromkeys([DEFAULT_MODEL, *usable]))

    def age(self) -> float:
        """Seconds since the list was fetched; infinite if there is no list."""
        return _age(self._read()[0])

    def prices(self, requests: Sequence[MusicRequest]) -> list[Price]:
        """The expected price of each track: the higher one of the list and the built-in table."""
        listed = self.listed()

        def price(request: MusicRequest) -> Price:
            rates = listed.get(request.model, ())
            counted = _counted(request.model, rates)
            if counted is None:
                return Price(None)
            is_lower = any(rate is not None and LEAST_RATE <= rate < counted for rate in rates)
            return Price(
                counted * request.duration, is_lower or request.model not in _BY_THE_SECOND
            )

        return [price(request) for request in requests]

    def listed(self) -> Mapping[str, Sequence[float | None]]:
        """The prices of each model in US dollars per second, as the list gives them."""
        rates = defaultdict(list)
        for model, rate in self._read()[1]:
            rates[model].append(rate)
        return rates

    def replace(self, models: Iterable[Model]) -> None:
        """Write `models` to the file. If there are none, the old list gets a new date."""
        newest = list(models)[:_MOST_MODELS] or self._read()[1]
        self._write(newest, fetched=time.time())
        self._peers.share_catalogue(self.service, newest)

    def share(self, oldest: float) -> None:
        """Use the list of another machine if it is newer than this one and than `oldest` s."""
        shared = self._peers.catalogue(self.service)
        if shared is not None and shared[0] < min(oldest, self.age()):
            self._write(shared[1], fetched=time.time() - shared[0])

    def _write(self, models: Sequence[Model], *, fetched: float) -> None:
        content = {"service": self.service, "fetched": fetched, "models": models}
        # The list can be fetched again, so a full or read-only disk does not stop the work.
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


def _counted(model: str, rates: Sequence[float | None]) -> float | None:
    """The price of a second that limits count, in US dollars; None if the price is not known.

    The price is never below the built-in price. Without a built-in price, one unknown price among
    several of a model makes the result unknown.

    Args:
        rates: the prices of the model in the list.
    """
    built_in = BUILT_IN_PRICES.get(model)
    known = [rate for rate in rates if rate is not None and rate >= LEAST_RATE]
    if built_in is not None:
        return max(built_in, *known, 0.0)
    return max(known) if known and len(known) == len(rates) else None


def _age(moment: float) -> float:
    """Seconds since `moment`; infinite if the clock was ahead then, so that the list is fetched."""
    age = time.time() - moment
    return age if age >= 0 else float("inf")


class ModelList:
    """The model list of one account, which this class renews. Lives in one event loop."""

    def __init__(self, catalogue: Catalogue, client: Client, timing: Timing) -> None:
        self.catalogue = catalogue
        self._client = client
        self._longest = timing.catalogue_age
        self._renewing: asyncio.Task[None] | None = None

    async def renew(self) -> None:
        """Fetch the list if it is older than `Timing.catalogue_age`.

        Purchases that begin together share one check of its age and one request. If the request
        fails, the old list stays: the submit will report the fault. A cancelled caller does not
        stop the other callers.
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
    """The expected price of each track: from earlier tracks of its model, else from the list.

    The gateway reports the charges, so a learned price is never lower than the list and the
    built-in price allow.
    """
    if is_free(catalogue.service):
        return [Price(0.0)] * len(requests)
    as_priced = [request._replace(model=_priced_as(request.model)) for request in requests]
    models = {request.model for request in [*requests, *as_priced]}
    charges = {model: ledger.charges(catalogue.service, model) for model in models}

    def expected(request: MusicRequest, listed: Price) -> Price:
        known = charges[request.model]
        if not known:
            return listed
        amount, is_at_most = learned(request, known)
        least = _least(request, listed)
        return Price(max(amount, least), is_at_most or least > amount * (1 + _SAME))

    def bounded(request: MusicRequest, price: Price) -> Price:
        if request.model != AUTO_MODEL or price.amount is None:
            return price
        # A charge may show that the gateway exceeds its own bound.
        seen = [
            cost * max(1.0, request.duration / seconds) for seconds, cost in charges[AUTO_MODEL]
        ]
        return Price(max(price.amount, *seen, 0.0), is_at_most=True)

    prices = map(expected, as_priced, catalogue.prices(as_priced))
    return list(map(bounded, requests, prices))


def _priced_as(model: str) -> str:
    """The model whose price limits the price of `model`."""
    return BASELINE_MODEL if model == AUTO_MODEL else model


def _least(request: MusicRequest, listed: Price) -> float:
    """The lowest dollars that a track can cost, by the list and the built-in price."""
    if listed.amount is None:
        return 0.0
    if request.model in _BY_THE_SECOND:
        return listed.amount
    unit = listed.amount / request.duration
    return _LEAST_SHARE * unit * min(1.0, request.duration / 60)


def price_fall(catalogue: Catalogue, ledger: Ledger, model: str) -> Fall | None:
    """The fall, if a model's listed price is below a tenth of what its last track cost."""
    if is_free(catalogue.service):
        return None
    model = _priced_as(model)
    rates = [rate for rate in catalogue.listed().get(model, ()) if rate is not None]
    last = ledger.last_cost(catalogue.service, model)
    if not rates or last is None:
        return None
    seconds, cost = last
    fall = Fall(max(rates), cost / seconds)
    return fall if fall.listed < fall.last * _FALL else None


def learned(request: MusicRequest, charges: Sequence[tuple[float, float]]) -> tuple[float, bool]:
    """The price of a track, from the cost of earlier tracks of its model.

    A model costs by the second if it is known to, or if tracks of different lengths show it.
    Otherwise only two bounds are known: a shorter track costs at most as much as a longer one, and
    a longer one at most in proportion to its length. That holds for prices by the second and by the
    track.

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
