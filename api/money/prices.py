"""What a track costs.

Prices come from the account's model list, kept on the disk for a day. A built-in table has those
that are known without it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...files.atomic import write_file
from ..request import DEFAULT_MODEL, MusicRequest
from ..wire.protocol import Model
from .job import is_free

# US dollars per second of audio, as of the gateway's public model pages in 2026.
BUILT_IN_PRICES = {
    DEFAULT_MODEL: 0.0002,
    "elevenlabs/elevenlabs-music": 0.80,
}
FILE_NAME = "catalogue.json"


class Catalogue:
    """The model list of one service, kept in a file that is read at each question.

    Args:
        directory: the folder of the file.
        service: the file of another service is ignored.
    """

    def __init__(self, directory: Path, service: str) -> None:
        self._path = directory / FILE_NAME
        self._service = service

    def models(self) -> list[str]:
        """The ids to choose from, the default first; never asks the network."""
        return list(dict.fromkeys([DEFAULT_MODEL, *(model.id for model in self._read()[1])]))

    def age(self) -> float:
        """Seconds since the list was fetched; infinite where there is none."""
        age = time.time() - self._read()[0]
        return age if age >= 0 else float("inf")

    def prices(self, requests: Sequence[MusicRequest]) -> list[float | None]:
        """US dollars that each track is expected to cost; None where it is not known."""
        if is_free(self._service):
            return [0.0] * len(requests)
        listed = {model.id: model.price_per_second for model in self._read()[1]}

        def price(request: MusicRequest) -> float | None:
            per_second = listed.get(request.model)
            if per_second is None:
                per_second = BUILT_IN_PRICES.get(request.model)
            return None if per_second is None else per_second * request.duration

        return [price(request) for request in requests]

    def replace(self, models: Iterable[Model]) -> None:
        """Keep `models`; an empty list keeps what is there, as if it were new."""
        kept = list(models) or self._read()[1]
        content = {"service": self._service, "fetched": time.time(), "models": kept}
        # The list can be fetched again: a full or read-only disk does not stop the work.
        with contextlib.suppress(OSError):
            write_file(self._path, json.dumps(content).encode(), durable=False)

    def _read(self) -> tuple[float, list[Model]]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["service"] != self._service:
                return 0.0, []
            models = [Model(str(id), price) for id, price in content["models"]]
            return float(content["fetched"]), models
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0, []
