"""What a track costs.

Prices come from what the gateway charged for earlier tracks of the model. Before the first one they
come from the account's model list, kept on the disk for a day, or from a built-in table.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...files.atomic import write_file
from ..models import AUTO_MODEL, BASELINE_MODEL, why_unusable
from ..request import DEFAULT_MODEL, MusicRequest
from ..wire.protocol import Model, dollars_of
from .job import is_free
from .ledger import Ledger
from .peers import Peers

# US dollars per second of audio, as of the gateway's public model pages in 2026.
BUILT_IN_PRICES = {
    DEFAULT_MODEL: 0.0002,
    "elevenlabs/elevenlabs-music": 0.80,
}
# Models that are known to cost by the second. The lists show a price by the second for models that
# cost by the minute or by the piece, too: there it is the most that a track can cost.
_BY_THE_SECOND = (DEFAULT_MODEL, "fal-ai/ace-step/prompt-to-audio")
# Prices by the second that differ by no more than this share are one price.
_SAME = 0.1
# A listed price is by the second, by the minute or by the piece. Half of what the cheapest of these
# kinds would make is the least that a track is believed to cost.
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
        """Seconds since the list was fetched; infinite where there is none."""
        return _age(self._read()[0])

    def prices(self, requests: Sequence[MusicRequest]) -> list[Price]:
        """What each track is expected to cost by the list.

        A model that is listed twice has the higher price, and none where one of them is not known.
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
        """Keep `models`; an empty list keeps what is there, as if it were new."""
        kept = list(models)[:_MOST_MODELS] or self._read()[1]
        self._keep(kept, fetched=time.time())
        self._peers.share_catalogue(self.service, kept)

    def share(self, oldest: float) -> None:
        """Take the list of another machine, where it is newer than this one and than `oldest` s."""
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
        """Raises OSError, ValueError, KeyError, TypeError: there is none for this service."""
        content = json.loads(self._path.read_text(encoding="utf-8"))
        return content if content["service"] == self.service else {}


def _age(moment: float) -> float:
    """Seconds since then; infinite where the clock was ahead then, so that it is read again."""
    age = time.time() - moment
    return age if age >= 0 else float("inf")


def expected_prices(
    catalogue: Catalogue, ledger: Ledger, requests: Sequence[MusicRequest]
) -> list[Price]:
    """What each track is expected to cost: by earlier tracks of its model, else by the list.

    What was learned is never lower than the list allows: the gateway reports it.
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
    one no more than in proportion: that holds for prices by the second and by the piece.

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
