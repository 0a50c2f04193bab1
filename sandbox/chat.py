"""Answers at once: `POST /v1/chat/completions`, with words and pictures.

The answer depends on the pictures: a client that sends none, or another one, gets other words. The
cards of `cards` apply to the words of the question.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from aiohttp import web
from PIL import Image

from .cards import Cards
from .profile import CHAT_PRICES, Profile, now

_PREFIX = "data:image/jpeg;base64,"
_PICTURE_TOKENS = 1600


class ChatRequest(NamedTuple):
    """A question: its words, and JPEG files."""

    model: str
    words: str
    pictures: tuple[bytes, ...]
    has_addresses: bool
    most_tokens: int
    key: str

    @property
    def cards(self) -> Cards:
        return Cards.of(self.words)


async def read_chat(request: web.Request) -> ChatRequest | None:
    """The question in the body of a request; None if the body is malformed."""
    try:
        body = await request.json()
        words: list[str] = []
        addresses: list[str] = []
        for message in body["messages"]:
            content = message["content"]
            is_text = isinstance(content, str)
            parts: list[Any] = [{"type": "text", "text": content}] if is_text else content
            words += [part["text"] for part in parts if part["type"] == "text"]
            addresses += [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        pictures = tuple(
            base64.b64decode(address.removeprefix(_PREFIX), validate=True)
            for address in addresses
            if address.startswith(_PREFIX)
        )
        if len(pictures) != len(addresses) or not any(words):
            return None
        return ChatRequest(
            model=str(body["model"]),
            words="\n".join(words),
            pictures=pictures,
            has_addresses=bool(addresses),
            most_tokens=int(body.get("max_tokens", 1000)),
            key=request.headers.get("Idempotency-Key", ""),
        )
    except (
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
        binascii.Error,
    ):  # fmt: skip
        return None


class Chat:
    """The questions of one account, and what they cost."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._answers: dict[str, dict[str, Any]] = {}
        self._charges: list[tuple[ChatRequest, float]] = []

    @property
    def dollars(self) -> float:
        """US dollars of all answers."""
        return sum(cost for _, cost in self._charges)

    def charged(self) -> list[dict[str, Any]]:
        """The key and the words of each question that was charged."""
        return [{"key": asked.key, "words": asked.words} for asked, _ in self._charges]

    def refusal(self, asked: ChatRequest) -> tuple[int, tuple[str, str] | None]:
        """The status and the reason of a refusal; 0 if the question is answered."""
        if asked.model not in CHAT_PRICES:
            return 404, None
        if asked.has_addresses and not self._profile.dialect.takes_data_addresses:
            message = "image_url.url: only https:// addresses are accepted."
            return 400, ("invalid_request_error", message)
        return 0, None

    def answer(self, asked: ChatRequest, shape: Callable[[bytes], str]) -> dict[str, Any]:
        """The answer. A repeat with the same key costs nothing, if the dialect honours the key."""
        honours = self._profile.dialect.honours_idempotency_key
        known = self._answers.get(asked.key) if asked.key and honours else None
        if known is not None:
            return known
        text = "; ".join(map(shape, asked.pictures)) or "I see no picture"
        seed = hashlib.sha256("".join([asked.words, text]).encode()).hexdigest()[:6]
        text = f"A brief from what the sheet shows: {text}. Idea {seed}."
        tokens = len(asked.words) // 4 + _PICTURE_TOKENS * len(asked.pictures), len(text) // 4
        prices = CHAT_PRICES[asked.model]
        cost = sum(count * price for count, price in zip(tokens, prices, strict=True)) / 1e6
        self._charges.append((asked._replace(pictures=()), cost))
        made = {
            "id": f"chatcmpl-{secrets.token_hex(8)}",
            "object": "chat.completion",
            "created": int(now()),
            "model": asked.model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text},
                }
            ],
            "usage": {
                "prompt_tokens": tokens[0],
                "completion_tokens": tokens[1],
                "total_tokens": sum(tokens),
                "cost": cost,
            },
        }
        self._answers[asked.key] = made
        return made


def described(picture: bytes) -> str:
    """The size, the light and the colour of a JPEG file, in words."""
    try:
        with Image.open(io.BytesIO(picture), formats=["JPEG"]) as image:
            small = image.convert("RGB").resize((1, 1))
            size = image.size
    except (OSError, ValueError):
        return "a picture that is broken"
    red, green, blue = small.tobytes()[:3]
    light = "dark" if red + green + blue < 240 else "bright"
    strongest = max((red, "red"), (green, "green"), (blue, "blue"))
    is_grey = strongest[0] - min(red, green, blue) < 16
    return f"{size[0]} x {size[1]} pixels, {light} and {'grey' if is_grey else strongest[1]}"
