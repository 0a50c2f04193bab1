"""What handlers share: reading what the browser gave, and the errors they answer with."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ...api.errors import GatewayError, InputError
from .. import host
from ..missing import explained

if TYPE_CHECKING:
    from aiohttp import web

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NotHereError(Exception):
    """No such track, or its file is not on this machine."""


def answering(handler: Handler) -> Handler:
    """Answer every error of the pack with its sentence."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        # A page of another site can post a form, but not JSON, without asking the server first.
        if request.method != "GET" and request.content_type != "application/json":
            return web.json_response({"error": "The request has to be JSON."}, status=415)
        try:
            return await handler(request)
        except NotHereError as error:
            return web.json_response({"error": str(error)}, status=404)
        except (GatewayError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        except web.HTTPException:
            raise
        except Exception as error:
            known = explained(error)
            if known is error:
                host.log.exception("The route %s failed", request.path)
                known = f"The pack had a fault ({type(error).__name__}: {error}): see the log."
            return web.json_response({"error": str(known)}, status=500)

    return answer


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises InputError for anything else."""
    given = await request.json()
    if not isinstance(given, dict):
        raise InputError("The request has to be a JSON object.")
    return given


def whole(text: str, name: str, low: int, high: int) -> int:
    """`text` as an integer from `low` to `high`. Raises InputError with the value's `name`."""
    if not text.isdecimal() or not low <= int(text) <= high:
        raise InputError(f"The {name} is “{text}”, but it has to be {low} to {high}.")
    return int(text)
