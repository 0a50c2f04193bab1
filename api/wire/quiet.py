"""HTTP clients whose requests appear in no log, and which keep no cookies.

httpx logs each address at the level INFO, which ComfyUI prints, and httpcore logs headers. An
address of a file may be signed: whoever reads such a line can load the file.

No route needs a cookie. One that a server set in broken text would stop every later request.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
_is_ours: ContextVar[bool] = ContextVar("aigateway_request", default=False)


def _is_of_others(record: logging.LogRecord) -> bool:
    return not _is_ours.get()


for _name in _LOGGERS:
    # Other packs in this process keep their lines.
    logging.getLogger(_name).addFilter(_is_of_others)


class QuietClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` without lines in the log and without cookies.

    Args:
        options: those of `httpx.AsyncClient`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())), **options)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        token = _is_ours.set(True)
        try:
            return await super().send(request, **options)
        finally:
            _is_ours.reset(token)
