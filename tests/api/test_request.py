"""A request in its one form, whatever a link, a script or another system sends."""

from __future__ import annotations

import hashlib
import unicodedata
import uuid
from typing import Any

import pytest

from ...api.account import Account
from ...api.base.errors import InputError
from ...api.base.request import MusicRequest
from ...api.settings import Settings

PIANO = MusicRequest("piano")


def with_values(**values: Any) -> MusicRequest:
    return PIANO._replace(**values)


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"take": 3.0}, "take", 3),
        ({"take": "3"}, "take", 3),
        ({"take": 2**63 - 1}, "take", 2**63 - 1),
        ({"duration": "60"}, "duration", 60.0),
        ({"duration": 240.0001}, "duration", 240.0),
        ({"duration": 60}, "duration", 60.0),
        ({"lyrics": None}, "lyrics", ""),
        ({"lyrics": "None"}, "lyrics", ""),
        ({"lyrics": " \u200b\n"}, "lyrics", ""),
        ({"format": " WAV "}, "format", "wav"),
        ({"model": " m\n"}, "model", "m"),
        ({"prompt": "\ufeffpiano\r\n"}, "prompt", "piano"),
        ({"prompt": "a\r\nb\rc"}, "prompt", "a\nb\nc"),
        ({"prompt": "cafe\u0301"}, "prompt", "café"),
        ({"prompt": "half \ud83d"}, "prompt", "half \ufffd"),
        ({"prompt": "whole \ud83c\udfb9"}, "prompt", "whole \U0001f3b9"),
        ({"prompt": "a\0b\x1bc"}, "prompt", "a\ufffdb\ufffdc"),
        ({"lyrics": "la\x07 la"}, "lyrics", "la\ufffd la"),
        ({"prompt": "a\tb"}, "prompt", "a\tb"),
        ({"prompt": "\U0001f468\u200d\U0001f469"}, "prompt", "\U0001f468\u200d\U0001f469"),
    ],
)
def test_a_value_has_one_form(values: dict[str, Any], field: str, expected: Any) -> None:
    found = getattr(with_values(**values).validated(), field)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"take": 2**64 - 1}, "18446744073709551615, and a whole number from 0"),
        ({"take": 10**5000}, "take is too large"),
        ({"take": None}, "take is missing"),
        ({"take": 2.5}, "take is 2.5"),
        ({"take": True}, "take is True"),
        ({"take": "two"}, "take is “two”"),
        ({"take": float("nan")}, "take is nan"),
        ({"duration": "6,5"}, "“6,5”.*6.5"),
        ({"duration": None}, "duration is missing"),
        ({"duration": True}, "duration is True"),
        ({"duration": 240.001}, "240.001 s, and the model makes 5 to 240"),
        ({"duration": 4.999}, "4.999 s"),
        ({"duration": float("nan")}, "duration is nan"),
        ({"duration": 10**400}, "duration is too large"),
        ({"duration": [5.0]}, "of the type list"),
        ({"prompt": None}, "prompt is missing"),
        ({"prompt": 7}, "prompt is 7, and text"),
        ({"prompt": "None"}, "prompt is empty"),
        ({"prompt": "\u200b\u200d\ufeff"}, "prompt is empty"),
        ({"prompt": "\u2800 \u3164"}, "prompt is empty"),
        ({"prompt": "\ud83d\0"}, "prompt is empty"),
        ({"lyrics": 5}, "lyrics are 5, and text"),
        ({"format": "ogg"}, "format is “ogg”"),
        ({"format": None}, "format is missing"),
        ({"format": {"format": "mp3"}}, "of the type dict"),
        ({"model": ""}, "model is empty"),
        ({"model": None}, "model is missing"),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        with_values(**values).validated()
    assert "\n" not in str(caught.value)


WORDS = "Café am Meer\nzweite Zeile"
SPELLINGS = [
    WORDS,
    WORDS.replace("\n", "\r\n"),
    f"{WORDS}\n\n  \n",
    unicodedata.normalize("NFD", WORDS),
    f"\ufeff{WORDS}",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", ["prompt", "lyrics"])
def test_the_same_words_are_the_same_request(field: str, spelling: str) -> None:
    form = with_values(**{field: spelling}).validated()
    assert form.fingerprint("s") == with_values(**{field: WORDS}).validated().fingerprint("s")
    assert form.validated() == form


def test_the_fingerprint_of_a_plain_request_is_the_one_of_older_ledgers() -> None:
    request = MusicRequest(WORDS, 30.0, "la\nla", "wav", "m", 2).validated()
    assert request == MusicRequest(WORDS, 30.0, "la\nla", "wav", "m", 2)
    assert MusicRequest("piano").fingerprint("live") == (
        "60ddeb4550c33f02091454e3ed680310e1a9390cc066143f847f526917d0d2e0"
    )


# Checked once, hashed once


async def test_a_purchase_checks_and_hashes_its_request_once(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = f"piano {uuid.uuid4().hex}"
    checks: list[str] = []
    hashes: list[bytes] = []
    sha256, normalize = hashlib.sha256, unicodedata.normalize

    def hashed(content: bytes = b"", **options: Any) -> Any:
        hashes.append(content)
        return sha256(content, **options)

    def normalized(form: Any, words: str) -> str:
        checks.append(f"{form} {words}")
        return normalize(form, words)

    monkeypatch.setattr(hashlib, "sha256", hashed)
    monkeypatch.setattr(unicodedata, "normalize", normalized)
    request = MusicRequest(prompt, 5.0, format="wav").validated()
    job = await account.submit(request, Settings(), run="run")
    await account.submit(request, Settings(), run="run")
    account.retry_of(request)
    assert checks.count(f"NFC {prompt}") == 1
    # The sandbox hashes the words too, without the name of the service.
    ours = f'["{account.name}","{prompt}"'.encode()
    assert [content.startswith(ours) for content in hashes].count(True) == 1
    assert job.fingerprint == MusicRequest(*request).fingerprint(account.name)


def test_a_copy_with_other_values_is_checked_again() -> None:
    form = PIANO.validated()
    assert form.validated() is form
    first = form.fingerprint("test")
    copy = form._replace(take="2")
    assert copy.fingerprint("test") != first
    assert copy.validated().take == 2
    with pytest.raises(InputError):
        form._replace(take=-1).validated()
