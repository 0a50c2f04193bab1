"""From the body of a submit to a request for music."""

from __future__ import annotations

import math

from aiohttp import web

from .profile import AUTO_MODEL, PRICES
from .render import MusicRequest


async def read_request(request: web.Request) -> MusicRequest | None:
    """The request for music; None where the body is malformed.

    The duration is clamped to the model's range.
    """
    try:
        body = await request.json()
        prompt = body["prompt"]
        duration = float(body.get("duration", 60.0))
        format = body.get("format", "mp3")
        model = body.get("model") or next(iter(PRICES))
        if model == AUTO_MODEL:
            model = body["baseline_model"]
        if request.content_type != "application/json" or not math.isfinite(duration):
            return None
        if not isinstance(prompt, str) or not prompt or format not in ("mp3", "wav"):
            return None
        return MusicRequest(
            prompt=prompt,
            duration=min(max(duration, 5.0), 240.0),
            lyrics="" if body.get("is_instrumental") is True else str(body.get("lyrics") or ""),
            format=format,
            model=str(model),
            key=request.headers.get("Idempotency-Key", ""),
        )
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None
