"""The route that says what a track costs with each model."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...api.base.models import SOUND_MODEL
from ...api.base.request import DEFAULT_MODEL, MusicRequest
from ...api.money.job import State
from ...api.money.ledger import Ledger
from ...api.money.prices import Catalogue
from ...api.wire.protocol import Model
from .test_routes import Client, client, data, get, put

__all__ = ["client", "data"]

SERVICE = "http://127.0.0.1:9/v1"
DEAREST = "elevenlabs/elevenlabs-music"


async def test_the_price_of_a_track_with_each_model(client: Client, data: Path):
    _, answer = await get(client, "model-prices", duration=30)
    assert not answer["free"]
    price = answer["models"][DEFAULT_MODEL]
    assert price == {"each": pytest.approx(0.006), "at_most": False}
    listed = [Model(DEFAULT_MODEL, 0.0002)]
    listed += [Model(DEAREST, 0.8), Model("some/song-maker", None)]
    Catalogue(data, SERVICE).replace(listed)
    _, answer = await get(client, "model-prices", duration=10)
    assert answer["models"] == {
        DEFAULT_MODEL: {"each": pytest.approx(0.002), "at_most": False},
        DEAREST: {"each": pytest.approx(8.0), "at_most": True},
        "some/song-maker": {"each": None, "at_most": False},
    }
    # What was charged for a track is known better than what the list says.
    request = MusicRequest("tune", 10.0, model=DEAREST)
    ledger = Ledger(data)
    job, _ = ledger.create(SERVICE, request, run="", price=8.0)
    ledger.update(job.local_id, state=State.COMPLETED, charged=5.0)
    ledger.close()
    _, answer = await get(client, "model-prices", duration=10)
    assert answer["models"][DEAREST] == {"each": 5.0, "at_most": False}
    await put(client, "mode", "sandbox")
    _, answer = await get(client, "model-prices", duration=10)
    assert answer["free"]
    assert all(price["each"] == 0 for price in answer["models"].values())


async def test_a_model_of_other_lengths_says_them(client: Client, data: Path):
    # The first answer makes the folder of the list.
    await get(client, "model-prices", duration=30)
    Catalogue(data, SERVICE).replace([Model(DEFAULT_MODEL, 0.0002), Model(SOUND_MODEL, 0.001)])
    _, answer = await get(client, "model-prices", duration=2)
    sounds, music = answer["models"][SOUND_MODEL], answer["models"][DEFAULT_MODEL]
    assert sounds == {"each": pytest.approx(0.002), "at_most": True, "sounds": True}
    assert music == {"each": None, "at_most": False, "lengths": [5, 240]}
    _, answer = await get(client, "model-prices", duration=60)
    assert answer["models"][SOUND_MODEL]["lengths"] == [1, 30]
    assert answer["models"][DEFAULT_MODEL]["each"] == pytest.approx(0.012)


@pytest.mark.parametrize("duration", ["", "1", "241", "nan", "1e400", "ten"])
async def test_models_have_no_price_for_a_length_that_none_makes(client: Client, duration: str):
    status, answer = await get(client, "model-prices", duration=duration)
    assert (status, "duration" in answer["error"]) == (400, True)
