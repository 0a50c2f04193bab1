"""The file server of the sandbox: signed addresses, ranges, and everything that can go wrong."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from typing import NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from .cards import Tally
from .jobs import SandboxJob

_CHUNK = 64 * 1024
_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}


class Signer:
    """Signs addresses with a secret of this process."""

    def __init__(self) -> None:
        self._secret = os.urandom(32)

    def query(self, job_id: str, expires: float) -> str:
        return urlencode({"expires": repr(expires), "signature": self._sign(job_id, expires)})

    def is_valid(self, job_id: str, expires: str, signature: str) -> bool:
        try:
            moment = float(expires)
        except ValueError:
            return False
        genuine = hmac.compare_digest(self._sign(job_id, moment), signature)
        return genuine and time.time() < moment

    def _sign(self, job_id: str, expires: float) -> str:
        message = f"{job_id}:{expires!r}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


class Span(NamedTuple):
    """Bytes `first` to `last`, the last one included, of a file."""

    first: int
    last: int


async def send(
    request: web.Request, job: SandboxJob, content: bytes, tally: Tally
) -> web.StreamResponse:
    """Answer with the file, or with what the job's cards make of it."""
    cards = job.cards
    if cards.has("gone"):
        return web.Response(status=410, text="gone")
    if tally.strikes(cards, "media-500", job.id):
        return web.Response(status=500, text="fault")
    if cards.has("page"):
        return web.Response(text="<!DOCTYPE html><title>Log in</title>", content_type="text/html")
    if cards.has("truncated"):
        content = content[: len(content) // 2]
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Content-Type": _TYPES[job.order.format]}
    span = None
    if not cards.has("no-range"):
        headers["Accept-Ranges"] = "bytes"
        span = _asked_span(request, etag, len(content))
    response = web.StreamResponse(status=206 if span else 200, headers=headers)
    if span:
        response.headers["Content-Range"] = f"bytes {span.first}-{span.last}/{len(content)}"
        content = content[span.first : span.last + 1]
    if cards.has("endless"):
        response.enable_chunked_encoding()
        await response.prepare(request)
        while True:
            await response.write(content)
    response.content_length = len(content)
    cut = tally.strikes(cards, "cut", job.id)
    await response.prepare(request)
    end = len(content) // 2 if cut else len(content)
    for start in range(0, end, _CHUNK):
        await response.write(content[start : min(start + _CHUNK, end)])
    if cut and request.transport is not None:
        # The half that was written has to leave before the connection goes.
        await asyncio.sleep(0)
        request.transport.close()
    return response


def _asked_span(request: web.Request, etag: str, length: int) -> Span | None:
    condition = request.headers.get("If-Range")
    if condition is not None and condition != etag:
        return None
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None or asked.start < 0 or asked.start >= length:
        return None
    return Span(asked.start, min(asked.stop or length, length) - 1)
