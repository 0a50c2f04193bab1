"""Hints before money: what they say, when, and that they never refuse anything."""

from __future__ import annotations

from typing import Any

import pytest

from ...api.account import Account
from ...api.base.hints import hints_for
from ...api.base.request import MusicRequest
from ...api.settings import Settings
from ...sandbox.composer.form import TAGS

SONG = "[verse]\n" + "a line to sing\n" * 8 + "\n[chorus]\n" + "another line\n" * 6


def said(prompt: str = "piano", lyrics: str = "", seconds: float = 240.0, **changes: Any):
    request = MusicRequest(prompt, seconds, lyrics, **changes)
    return [hint.sentence for hint in hints_for(request.validated())]


def test_words_need_time() -> None:
    sentence = "the lyrics need about 55 to 85 s (lines to sing: 14); the length is 30 s"
    assert said(lyrics=SONG, seconds=30) == [sentence]
    assert said(lyrics=SONG, seconds=55) == []
    sentence = "the lyrics need about 15 to 20 s (lines to sing: 1); the length is 5 s"
    assert said(lyrics="la", seconds=5) == [sentence]
    assert said(lyrics="la", seconds=15) == []
    assert said(lyrics=SONG, seconds=30, model="fal-ai/stable-audio-25/text-to-audio") == []
    assert said(lyrics=SONG, seconds=30, words="instrumental") == []


@pytest.mark.parametrize("tag", ["vrese", "", "7", "合唱"])
def test_an_unknown_section_is_named(tag: str) -> None:
    (sentence,) = said(lyrics=f"[{tag}]\nla\n[{tag}]\nla")
    assert sentence.startswith(f"the section tag [{tag}] is unknown")


@pytest.mark.parametrize(
    "tag",
    [
        *(word for words in TAGS.values() for word in words.split("|")),
        *("Verse 1", "Pre-Chorus", "CHORUS: loud", "guitar solo", "post-chorus", "Instrumental"),
    ],
)
def test_a_known_section_is_not(tag: str) -> None:
    assert said(lyrics=f"[{tag}]\nla\n【{tag}】\nla") == []


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [("warm piano, " * 86, 258), ("钢琴" * 129, 258), ("piano " * 129 + "钢琴" * 70, 269)],
)
def test_a_style_that_the_model_cuts_is_named(prompt: str, tokens: int) -> None:
    # The comma and the blank at the end are trimmed or counted alike.
    (sentence,) = said(prompt)
    assert sentence == f"the prompt has about {tokens} tokens, and the model reads 256 of them"
    assert said(prompt, model="minimax/music-2.0") == []


@pytest.mark.parametrize("prompt", ["warm piano, " * 80, "钢琴" * 120])
def test_a_style_that_fits_is_not(prompt: str) -> None:
    assert said(prompt) == []


async def bought(account: Account, request: MusicRequest) -> None:
    job = await account.submit(request, Settings(), run="run")
    done = await account.wait(job, timeout=60, progress=lambda progress: None)
    audio = await account.open(done.result_url or "", Settings())
    with audio.reader:
        await account.download(audio)
        path, _ = await account.store(audio, Settings())
    assert path is not None


@pytest.mark.slow
async def test_takes_that_are_the_same_file_are_named(account: Account) -> None:
    library = account.library
    honest = MusicRequest("piano", 5.0, format="wav")
    cached = MusicRequest("piano sandbox:same", 5.0, format="wav")
    for request in (honest, cached):
        for take in (1, 2):
            await bought(account, request._replace(take=take))
    assert await library.hints([honest._replace(take=3)], account.name) == []
    (hint,) = await library.hints([cached, cached._replace(take=3)], account.name)
    assert hint.values == {"takes": "1, 2"}
    assert "a fault of the gateway" in hint.sentence
    # Another request, and another service, have nothing to do with it.
    assert await library.hints([cached._replace(duration=6.0)], account.name) == []
    assert await library.hints([cached], "elsewhere") == []
