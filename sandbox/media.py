"""The file server of the sandbox: signed addresses, ranges, and the faults of the cards."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web

from .cards import Tally
from .job_book import SandboxJob
from .profile import Profile, now

_CHUNK = 64 * 1024
_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}


class Addresses:
    """Addresses of files: signed with a secret of this process, or behind the API key."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._secret = os.urandom(32)
        self._issued: set[str] = set()

    def fresh(self, job: SandboxJob, root: str) -> str:
        """A new address of the job's file under `root`, a URL without a slash at its end."""
        if self._profile.dialect.files.wants_key:
            return f"{root}/v1/files/jobs/{job.id}/{job.filename}"
        return self.signed(job, root)

    def signed(self, job: SandboxJob, root: str) -> str:
        """A new signed address, which needs no key."""
        expires = now()
        if not job.cards.has("expire") or job.id in self._issued:
            expires += self._profile.url_lifetime
        self._issued.add(job.id)
        query = {"expires": repr(expires), "signature": self._sign(job.id, expires)}
        return f"{root}/media/{job.id}/{job.filename}?{urlencode(query)}"

    def is_valid(self, job: SandboxJob, query: Mapping[str, str]) -> bool:
        """Whether this sandbox issued the address for this job, and the address is still valid."""
        try:
            expires = float(query.get("expires", ""))
        except ValueError:
            return False
        genuine = hmac.compare_digest(
            self._sign(job.id, expires).encode(),
            query.get("signature", "").encode("utf-8", "replace"),
        )
        return genuine and now() < expires

    def _sign(self, job_id: str, expires: float) -> str:
        message = f"{job_id}:{expires!r}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


async def send(
    request: web.Request, job: SandboxJob, content: bytes, tally: Tally
) -> web.StreamResponse:
    """Answer with the file, or with the fault that the job's cards request."""
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
    headers = {"ETag": etag, "Content-Type": _TYPES[job.request.format]}
    part: range | None = None
    if not cards.has("no-range"):
        headers["Accept-Ranges"] = "bytes"
        part = _asked_range(request, etag, len(content))
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    if part:
        response.headers["Content-Range"] = f"bytes {part[0]}-{part[-1]}/{len(content)}"
        content = content[part.start : part.stop]
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
        # Send the first half before closing the connection.
        await asyncio.sleep(0)
        request.transport.close()
    return response


def _asked_range(request: web.Request, etag: str, length: int) -> range | None:
    """The range of bytes that the client requests; None means the whole file."""
    condition = request.headers.get("If-Range")
    if condition is not None and condition != etag:
        return None
    try:
        asked = request.http_range
    except ValueError:
        return None
    if asked.start is None or asked.start < 0 or asked.start >= length:
        return None
    return range(asked.start, min(asked.stop or length, length))
