"""What a piece of music costs, and which of its inputs a model takes notice of.

Prices come from the account's catalogue, kept on the disk for a day; what is known without it is in
a built-in table.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from .protocol import DEFAULT_MODEL, Model, MusicRequest

# US dollars per second of audio, as of the gateway's public model pages in 2026.
BUILT_IN_PRICES = {
    DEFAULT_MODEL: 0.0002,
    "elevenlabs/elevenlabs-music": 0.80,
}
KEPT_SECONDS = 24 * 3600.0
FILE_NAME = "catalogue.json"


class Traits(NamedTuple):
    """Which inputs the models of a family pay no attention to."""

    marker: str
    ignores: tuple[str, ...]


# By a part of the model's id. MiniMax chooses a length of its own; Stable Audio does not sing.
TRAITS = (
    Traits("minimax", ("duration",)),
    Traits("stable-audio", ("lyrics",)),
)


class Catalogue:
    """The models of one account, kept in a file.

    Args:
        directory: where the file is kept; it is read again at each question.
        service: whose models these are; another service's catalogue in the file is passed over.
        now: seconds since 1970.
    """

    def __init__(self, directory: Path, service: str, now: Callable[[], float] = time.time) -> None:
        self._path = directory / FILE_NAME
        self._service = service
        self._now = now

    def models(self) -> list[str]:
        """The ids to choose from, the default first; never asks the network."""
        known = [model.id for model in self._read()[1]]
        return list(dict.fromkeys([DEFAULT_MODEL, *known]))

    @property
    def is_stale(self) -> bool:
        fetched, _ = self._read()
        return not 0 <= self._now() - fetched < KEPT_SECONDS

    def replace(self, models: Iterable[Model]) -> None:
        """Keep `models` for a day; an empty list keeps what was known before for that day."""
        kept = list(models) or self._read()[1]
        content = {"service": self._service, "fetched": self._now(), "models": kept}
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        # The catalogue can be had again: a full or read-only disk is no reason to stop.
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(content), encoding="utf-8")
            os.replace(temporary, self._path)

    def price(self, request: MusicRequest) -> float | None:
        """US dollars that the request is expected to cost; None where not known."""
        per_second = {model.id: model.price_per_second for model in self._read()[1]}.get(
            request.model
        )
        if per_second is None:
            per_second = BUILT_IN_PRICES.get(request.model)
        return None if per_second is None else per_second * request.duration

    def _read(self) -> tuple[float, list[Model]]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["service"] != self._service:
                return 0.0, []
            models = [Model(str(id), price) for id, price in content["models"]]
            return float(content["fetched"]), models
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0, []


def ignored_inputs(request: MusicRequest) -> list[str]:
    """The inputs that were set and that the model is known to pay no attention to."""
    ignored = {
        name for traits in TRAITS if traits.marker in request.model for name in traits.ignores
    }
    given = {"duration": True, "lyrics": bool(request.lyrics)}
    return sorted(name for name in ignored if given[name])
