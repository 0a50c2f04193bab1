"""HTTP clients whose requests appear in no log.

httpx logs each address at the level INFO, which ComfyUI prints, and httpcore logs headers. An
address of a file may be signed: whoever reads such a line can load the file.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
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
    """An `httpx.AsyncClient` without lines in the log."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        token = _is_ours.set(True)
        try:
            return await super().send(request, **options)
        finally:
            _is_ours.reset(token)
