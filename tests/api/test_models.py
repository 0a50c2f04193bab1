"""Models that are offered, that are refused before money, and that the gateway chooses."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from pathlib import Path

import pytest

from ...api.account import Account
from ...api.base.errors import InputError
from ...api.base.models import (
    AUTO_MODEL,
    BASELINE_MODEL,
    SOUND_MODEL,
    lengths_of,
    makes_sounds,
    why_unusable,
)
from ...api.base.request import MusicRequest
from ...api.money.prices import Catalogue, ModelList
from ...api.settings import Settings
from ...api.wire.client import Client
from ...api.wire.protocol import Model
from ...sandbox.profile import OTHER_MODELS, PRICES
from ...sandbox.server import Sandbox
from ..gateway import TIMING, rows_of

PIANO = MusicRequest("piano", 5.0, format="wav")


@pytest.mark.parametrize("model", [*PRICES, AUTO_MODEL, "minimax/music-2.0", "suno/chirp-v5"])
def test_a_model_for_music_is_usable(model: str) -> None:
    assert why_unusable(model) is None


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("elevenlabs/elevenlabs-tts-multilingual-v2", "speech"),
        ("stability-ai/stable-audio-3-medium-audio-inpaint", "exists already"),
        ("fal-ai/demucs", "exists already"),
        ("sony-ai/mmaudio-v2-video-to-audio", "sound of a picture"),
        ("fal-ai/stable-audio-25/audio-to-audio", "exists already"),
        ("openai/whisper-large", "listens"),
    ],
)
def test_a_model_for_something_else_says_what_it_does(model: str, why: str) -> None:
    assert why in str(why_unusable(model))


@pytest.mark.parametrize(
    ("model", "sounds"),
    [
        (SOUND_MODEL, True),
        ("fal-ai/MMAudio-v2/text-to-audio", True),
        ("elevenlabs/elevenlabs-sound-effects-v2", True),
        ("stability/sfx_small", True),
        ("some/foley", True),
        (BASELINE_MODEL, False),
        (AUTO_MODEL, False),
        ("some/soundtrack-effects", False),
        ("some/sound-of-music", False),
    ],
)
def test_the_words_of_a_model_say_whether_it_makes_sounds(model: str, sounds: bool) -> None:
    assert makes_sounds(model) == sounds
    assert why_unusable(model) is None
    assert tuple(lengths_of(model)) == ((1, 30) if sounds else (5, 240))


@pytest.mark.parametrize(
    ("model", "good", "bad"),
    [
        (SOUND_MODEL, [1, 2.5, 30], [0.999, 30.001, 240]),
        (BASELINE_MODEL, [5, 240], [1, 4.999, 241]),
    ],
)
def test_the_length_is_that_of_the_model(model: str, good: list[float], bad: list[float]) -> None:
    for seconds in good:
        assert MusicRequest("a door", seconds, model=model).validated().duration == seconds
    low, high = lengths_of(model)
    for seconds in bad:
        with pytest.raises(InputError, match=f"and the model makes {low:g} to {high:g} s"):
            MusicRequest("a door", seconds, model=model).validated()


async def test_a_short_sound_is_bought_at_its_price(account: Account, sandbox: Sandbox) -> None:
    request = MusicRequest("a door", 2.5, format="wav", model=SOUND_MODEL)
    job = await account.submit(request, Settings(), run="run")
    assert job.price == pytest.approx(0.0025)
    done = await account.wait(job, timeout=60.0, progress=lambda progress: None)
    assert done.result_duration == pytest.approx(2.5, abs=0.1)
    assert done.charged == pytest.approx(0.0025)
    assert request._replace(lyrics="la").ignored_inputs() == ["lyrics"]


async def test_only_models_for_music_are_offered(account: Account, tmp_path: Path) -> None:
    await account.submit(PIANO, Settings(), run="run")
    offered = Catalogue(tmp_path, "test").models()
    assert offered[0] == BASELINE_MODEL
    assert set(offered) == {*PRICES, AUTO_MODEL}


@pytest.mark.slow
@pytest.mark.parametrize("model", OTHER_MODELS)
async def test_another_model_is_refused_before_money(
    account: Account, sandbox: Sandbox, model: str
) -> None:
    rules = Settings(allow_unknown_price=True)
    other = PIANO._replace(model=model)
    jobs = await account.submit_all([other, PIANO], rules, run="run")
    assert isinstance(jobs[0], InputError)
    why = "makes speech" if "tts" in model else "changes audio that exists already"
    assert f"The model {model} {why}" in str(jobs[0])
    assert "choose another model" in str(jobs[0])
    # The other item of the list is bought.
    assert [row.model for row in rows_of(account)] == [PIANO.model]
    assert len(sandbox.bill()["jobs"]) == 1
    assert model not in account.library.catalogue(account.name).models()


async def test_purchases_that_begin_together_ask_for_the_list_once(
    account: Account, sandbox: Sandbox
) -> None:
    other = PIANO._replace(model="fal-ai/ace-step/prompt-to-audio")
    requests = [other._replace(take=take) for take in range(1, 9)]
    buy = [account.submit(request, Settings(), run="run") for request in requests]
    await asyncio.gather(*buy)
    asked = Counter(seen.path for seen in sandbox.seen)
    assert asked["/v1/audio/music"] == len(requests)
    assert asked["/v1/models"] == 1
    # The ids tell which models make music of a prompt: single models are not asked for.
    assert not [path for path in asked if path.startswith("/v1/models/")]


async def test_a_purchase_never_acts_on_an_age_from_before_another_one_fetched_the_list(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    calls, one_has_ended = itertools.count(), threading.Event()

    class Slow(Catalogue):
        """Its fourth answer comes when one of two purchases has the list."""

        def age(self) -> float:
            found = super().age()
            if next(calls) == 3:
                assert one_has_ended.wait(10)
            return found

    client = Client(sandbox.base_url, None, TIMING)
    models = ModelList(Slow(tmp_path, "test"), client, TIMING)
    both = [asyncio.ensure_future(models.renew()) for _ in range(2)]
    for one in both:
        one.add_done_callback(lambda _: one_has_ended.set())
    await asyncio.gather(*both)
    await client.close()
    assert [seen.path for seen in sandbox.seen] == ["/v1/models"]


async def test_the_gateways_own_choice_costs_no_more_than_the_baseline(account: Account) -> None:
    request = PIANO._replace(model=AUTO_MODEL)
    rules = Settings(base_url="http://127.0.0.1:9/v1")
    account.library.catalogue(rules.service).replace([Model(BASELINE_MODEL, 0.0004)])
    quote = await account.library.quote([request], rules)
    assert (quote.each, quote.is_at_most) == (pytest.approx(0.002), True)
    # The sandbox refuses a request for it without a baseline.
    job = await account.submit(request, Settings(), run="run")
    assert (job.model, job.selected) == (AUTO_MODEL, BASELINE_MODEL)
    assert account.library.ledger.get(job.local_id).selected == BASELINE_MODEL
