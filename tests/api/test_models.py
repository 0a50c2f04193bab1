"""Models that are offered, that are refused before money, and that the gateway chooses."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...api.account import Account
from ...api.errors import InputError
from ...api.models import AUTO_MODEL, BASELINE_MODEL, why_unusable
from ...api.money.prices import Catalogue
from ...api.request import MusicRequest
from ...api.settings import Settings
from ...api.wire.model_schema import parse_schema
from ...api.wire.protocol import Model
from ...sandbox.profile import COVER_MODEL, OTHER_MODELS, PRICES, Dialect, Profile, SchemaShape
from ...sandbox.server import Sandbox
from ..gateway import SCALE, account_on, rows_of, running

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
        ("fal-ai/stable-audio-25/audio-to-audio", "exists already"),
        ("openai/whisper-large", "listens"),
    ],
)
def test_a_model_for_something_else_says_what_it_does(model: str, why: str) -> None:
    assert why in str(why_unusable(model))


async def test_only_models_for_music_are_offered(account: Account, tmp_path: Path) -> None:
    await account.submit(PIANO, Settings(), run="run")
    offered = Catalogue(tmp_path, "test").models()
    assert offered[0] == BASELINE_MODEL
    # Nothing but its schema tells what the last one needs.
    assert set(offered) == {*PRICES, AUTO_MODEL, COVER_MODEL}


@contextlib.contextmanager
def bench(folder: Path, shape: SchemaShape) -> Iterator[tuple[Account, Sandbox]]:
    profile = Profile(dialect=Dialect(schema=shape)).scaled(SCALE)
    with running(profile) as sandbox, account_on(sandbox, folder) as account:
        yield account, sandbox


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "shape"),
    [
        *itertools.product(OTHER_MODELS, SchemaShape),
        (COVER_MODEL, SchemaShape.FIELDS),
        (COVER_MODEL, SchemaShape.JSON_SCHEMA),
    ],
)
async def test_another_model_is_refused_before_money(
    tmp_path: Path, model: str, shape: SchemaShape
) -> None:
    with bench(tmp_path, shape) as (account, sandbox):
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


async def test_a_schema_is_read_once_a_day_and_not_for_the_default_model(tmp_path: Path) -> None:
    with bench(tmp_path, SchemaShape.FIELDS) as (account, sandbox):
        other = "fal-ai/ace-step/prompt-to-audio"
        for take in (1, 2):
            await account.submit(PIANO._replace(take=take), Settings(), run="run")
            await account.submit(PIANO._replace(model=other, take=take), Settings(), run="run")
        schemas = [seen.path for seen in sandbox.seen if seen.path.endswith("/schema")]
        assert schemas == [f"/v1/models/{other}/schema"]


async def test_purchases_that_begin_together_ask_for_each_list_once(tmp_path: Path) -> None:
    with bench(tmp_path, SchemaShape.FIELDS) as (account, sandbox):
        other = PIANO._replace(model="fal-ai/ace-step/prompt-to-audio")
        requests = [other._replace(take=take) for take in range(1, 9)]
        buy = [account.submit(request, Settings(), run="run") for request in requests]
        await asyncio.gather(*buy)
        asked = Counter(seen.path for seen in sandbox.seen)
        assert asked["/v1/audio/music"] == len(requests)
        assert asked["/v1/models"] == 1
        assert asked[f"/v1/models/{other.model}/schema"] == 1


async def test_a_schema_comes_before_the_words_of_an_id(account: Account) -> None:
    catalogue = account.library.catalogue(account.name)
    catalogue.replace([Model("some/voice-of-the-forest")])
    assert "some/voice-of-the-forest" not in catalogue.models()
    catalogue.judge("some/voice-of-the-forest", None)
    assert "some/voice-of-the-forest" in catalogue.models()
    # The list is renewed, and what is known stays.
    catalogue.replace([Model("some/voice-of-the-forest", 0.001)])
    assert "some/voice-of-the-forest" in catalogue.models()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"endpoint": "https://api.aigateway.sh/v1/audio/music"}, None),
        ({"endpoints": ["/v1/audio/speech", "/v1/audio/music/"]}, None),
        ({"endpoint": "POST /v1/audio/speech"}, "makes speech"),
        ({"endpoint": "/v1/audio/transcriptions"}, "listens to audio"),
        ({"endpoint": "/v1/videos"}, "is not for /audio/music, but for /v1/videos"),
        ({"fields": {"audio": {"required": True}}}, "changes audio"),
        ({"parameters": [{"name": "reference_audio_url", "required": True}]}, "changes audio"),
        ({"schema": {"required": ["prompt", "voice_id"]}}, "makes speech"),
        ({"fields": [{"name": "audio_url"}, {"name": "audio_format", "required": True}]}, None),
    ],
)
def test_a_schema_says_what_a_model_is_for(body: object, why: str | None) -> None:
    schema = parse_schema(body)
    assert schema is not None
    assert (schema.why_unusable or "").startswith(why or "")
    assert (schema.why_unusable is None) == (why is None)


@pytest.mark.parametrize("body", [None, [], "no", {}, {"endpoint": 5}, {"data": {"quirks": []}}])
def test_an_answer_that_is_no_schema_says_nothing(body: object) -> None:
    assert parse_schema(body) is None


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
