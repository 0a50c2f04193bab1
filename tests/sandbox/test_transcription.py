"""The sandbox's transcription: words at the notes of its sketches, with noise, and refusals."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from ...sandbox.job_book import SketchRequest
from ...sandbox.profile import PRICES, SPEECH_PRICES, Dialect, Profile
from ...sandbox.transcription import sung_words
from ..gateway import running

MODEL = next(iter(SPEECH_PRICES))
LYRICS = """[verse]
carry the old lantern down to water let every window shine
silver birds are sleeping in harbor nobody calls my name
[chorus]
winter took our colors from mountain hold hand and walk with me"""
REQUEST = SketchRequest("piano", 20.0, LYRICS, "mp3", next(iter(PRICES)), "key")


def ogg(seconds: float) -> bytes:
    out = io.BytesIO()
    samples = np.random.default_rng(1).normal(0, 0.1, round(16000 * seconds))
    soundfile.write(out, samples, 16000, format="OGG", subtype="VORBIS")
    return out.getvalue()


async def transcribed(
    seconds: float = 20.0, lyrics: str = LYRICS, profile: Profile | None = None, **fields: str
) -> list[httpx.Response]:
    """The answers to the same sound twice, after a job with `lyrics` of 20 s."""
    song = {"prompt": "piano", "duration": 20, "lyrics": lyrics}
    data = {"model": MODEL, "response_format": "verbose_json", **fields}
    file = {"file": ("sound.ogg", ogg(seconds), "audio/ogg")}
    key = {"Idempotency-Key": "key"}
    with running(profile) as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
            (await http.post("/audio/music", json=song, headers=key)).raise_for_status()
            route = "/audio/transcriptions"
            return [await http.post(route, data=data, files=file, headers=key) for _ in "12"]


def heard(answer: httpx.Response) -> list[dict[str, Any]]:
    return answer.json()["words"]


def test_words_stand_in_order_within_the_sketch() -> None:
    words = sung_words(REQUEST, LYRICS)
    sung = LYRICS.replace("[verse]", "").replace("[chorus]", "").split()
    assert [word.word for word in words] == sung
    assert all(a.start < b.start for a, b in pairwise(words))
    assert all(0 < word.start < word.end <= 20 for word in words)


def test_more_words_than_notes_share_them() -> None:
    words = sung_words(REQUEST, "la " * 400)
    assert len(words) == 400
    assert all(a.start <= b.start for a, b in pairwise(words))


async def test_the_words_of_a_sketch_are_heard_with_noise() -> None:
    first, again = await transcribed()
    truth = {word.word: word.start for word in sung_words(REQUEST, LYRICS)}
    found = {word["word"]: word["start"] for word in heard(first)}
    errors = [abs(found[word] - truth[word]) for word in found if word in truth]
    assert len(errors) >= 24
    assert 0 < max(errors) <= 0.125
    assert first.json() == again.json()
    assert first.json()["usage"]["cost"] == pytest.approx(0.0052 / 3)


async def test_sound_of_another_length_has_no_words() -> None:
    (answer, _) = await transcribed(7.0)
    assert heard(answer) == []
    assert answer.json()["text"] == ""


async def test_without_verbose_json_there_are_no_times() -> None:
    (answer, _) = await transcribed(response_format="json")
    assert "words" not in answer.json()
    assert "silver birds" in answer.json()["text"]


async def test_an_unknown_model_is_refused() -> None:
    assert [answer.status_code for answer in await transcribed(model="deaf")] == [404, 404]


@pytest.mark.parametrize(("card", "status"), [("402", 402), ("503=1", 503), ("budget", 402)])
async def test_cards_in_the_lyrics_apply(card: str, status: int) -> None:
    (answer, _) = await transcribed(lyrics=f"{LYRICS}\nsandbox:{card}")
    assert answer.status_code == status


async def test_a_gateway_that_ignores_the_key_charges_twice() -> None:
    profile = Profile(dialect=Dialect(honours_idempotency_key=False))
    first, again = await transcribed(profile=profile)
    assert heard(first) == heard(again)


async def test_a_malformed_form_is_400() -> None:
    with running() as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
            route = "/audio/transcriptions"
            wrong: list[dict[str, Any]] = [
                {"json": {"model": MODEL}},
                {"data": {"model": MODEL}, "files": {"file": ("a.ogg", b"no sound")}},
                {"files": {"file": ("a.ogg", ogg(1.0))}},
                {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}},
            ]
            for body in wrong:
                assert (await http.post(route, **body)).status_code == 400
