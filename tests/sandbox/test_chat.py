"""The sandbox's chat models: answers that depend on the picture, their price, and refusals."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from ...sandbox.profile import CHAT_PRICES, Dialect, Profile
from ..gateway import SCALE, running

MODEL = next(iter(CHAT_PRICES))


def jpeg(color: tuple[int, int, int], size: tuple[int, int] = (64, 32)) -> str:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def question(words: str = "What is it?", *pictures: str, model: str = MODEL) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": words}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return {"model": model, "messages": [{"role": "user", "content": parts}], "max_tokens": 100}


async def answers(*bodies: Any, profile: Profile | None = None) -> list[httpx.Response]:
    with running(profile) as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
            return [await http.post("/chat/completions", json=body) for body in bodies]


def text(answer: httpx.Response) -> str:
    return answer.json()["choices"][0]["message"]["content"]


async def test_the_answer_depends_on_the_picture_and_on_the_words() -> None:
    red, blue, other, none = await answers(
        question("What?", jpeg((200, 20, 20))),
        question("What?", jpeg((10, 10, 90), (20, 40))),
        question("Why?", jpeg((200, 20, 20))),
        question("What?"),
    )
    assert "64 x 32 pixels, bright and red" in text(red) or "dark and red" in text(red)
    assert "20 x 40 pixels, dark and blue" in text(blue)
    assert text(red) != text(other)
    assert "I see no picture" in text(none)


async def test_a_plain_text_is_answered_and_a_broken_picture_is_named() -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    broken = f"data:image/jpeg;base64,{base64.b64encode(b'no picture').decode()}"
    plain, odd = await answers(body, question("What?", broken))
    assert plain.status_code == 200
    assert "broken" in text(odd)


async def test_the_cost_comes_from_tokens_and_a_repeat_costs_nothing() -> None:
    with running() as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
            for key in ("one", "one", "two"):
                headers = {"Idempotency-Key": key}
                answer = await http.post("/chat/completions", json=question(), headers=headers)
        assert len(sandbox.bill()["answers"]) == 2
        cost = answer.json()["usage"]["cost"]
        assert 0 < cost < 0.001
        assert sandbox.bill()["dollars"] == pytest.approx(2 * cost, rel=0.1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (question("sandbox:402"), 402),
        (question("sandbox:budget"), 402),
        (question("sandbox:429"), 429),
        (question("sandbox:500"), 500),
        (question("sandbox:503"), 503),
        (question("sandbox:502"), 502),
        (question(model="nobody/nothing"), 404),
        (question("What?", "https://example.com/a.jpg"), 400),
        ({"model": MODEL}, 400),
        ({"model": MODEL, "messages": [{"content": 5}]}, 400),
        ([], 400),
    ],
)
async def test_refusals(body: Any, status: int) -> None:
    (answer,) = await answers(body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_a_web_page_a_long_answer_and_a_drop() -> None:
    page, long = await answers(question("sandbox:html"), question("sandbox:long"))
    assert page.text.startswith("<html>")
    assert len(long.content) > 5_000_000
    with pytest.raises(httpx.RemoteProtocolError):
        await answers(question("sandbox:drop"))


async def test_a_dialect_refuses_data_addresses() -> None:
    profile = Profile(dialect=Dialect(takes_data_addresses=False)).scaled(SCALE)
    words, picture = await answers(
        question("What?"), question("What?", jpeg((1, 2, 3))), profile=profile
    )
    assert words.status_code == 200
    assert picture.status_code == 400
    assert "https://" in picture.json()["error"]["message"]


async def test_vision_models_are_listed_apart_with_prices_of_tokens() -> None:
    with running() as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
            vision = (await http.get("/models?modality=vision")).json()["data"]
            music = (await http.get("/models?modality=music")).json()["data"]
    assert [model["id"] for model in vision] == list(CHAT_PRICES)
    assert all(model["pricing"]["input_per_million"] > 0 for model in vision)
    assert not {model["id"] for model in music} & set(CHAT_PRICES)
