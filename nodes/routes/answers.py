"""What handlers share: they read a request, and answer with an error's sentence."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ...api.errors import GatewayError, InputError
from ...api.plain_text import plain
from .. import host
from ..missing import explained
from . import own_page

if TYPE_CHECKING:
    from aiohttp import web

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


_MAX_BODY = 1_000_000


class NotHereError(Exception):
    """The track is unknown, or its file is not on this machine."""


def answering(handler: Handler) -> Handler:
    """Answer every error of the pack with its sentence."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        try:
            await own_page.check(request)
        except own_page.ForeignPageError as error:
            return _error(error, 403)
        # A page of another site can post a form without asking the server first, but not JSON.
        if request.method != "GET" and request.content_type != "application/json":
            return web.json_response({"error": "The request has to be JSON."}, status=415)
        try:
            answer = await handler(request)
        except NotHereError as error:
            return _error(error, 404)
        except (GatewayError, ValueError) as error:
            return _error(error, 400)
        except web.HTTPException:
            raise
        except Exception as error:
            known = explained(error)
            if known is error:
                host.log.exception("The route %s failed", request.path)
                fault = f"The pack failed ({type(error).__name__}: {error}): see ComfyUI's log."
                known = RuntimeError(fault)
            return _error(known, 500)
        # A page of another origin cannot use it as a picture or a sound.
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    return answer


def _error(error: Exception, status: int) -> web.Response:
    from aiohttp import web

    return web.json_response({"error": without_folder(str(error))}, status=status)


def without_folder(sentence: str) -> str:
    """A sentence as a line of text without the path of the data directory."""
    return plain(sentence).replace(f"{host.data_directory()}{os.sep}", "")


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object in the request, in UTF-8. Raises InputError: it is something else."""
    sent = bytearray()
    async for chunk in request.content.iter_any():
        sent += chunk
        if len(sent) > _MAX_BODY:
            raise InputError(f"The request is longer than {_MAX_BODY} bytes: shorten it.")
    try:
        given = json.loads(sent.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InputError("The request is not JSON.") from None
    if not isinstance(given, dict):
        raise InputError("The request has to be a JSON object.")
    return given


async def switch(request: web.Request) -> bool:
    """The `value` in the request's body. Raises InputError: it is neither true nor false."""
    value = (await body(request)).get("value")
    if not isinstance(value, bool):
        raise InputError("The value has to be true or false.")
    return value


def whole(text: str, name: str, low: int, high: int) -> int:
    """`text` as an integer from `low` to `high`. Raises InputError with the value's `name`."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(high))
    if not is_number or not low <= int(text) <= high:
        raise InputError(f"The {name} is “{text[:80]}”: set a whole number from {low} to {high}.")
    return int(text)
