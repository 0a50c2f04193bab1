"""The sandbox's answers that are not a success: errors, web pages, dropped connections."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .profile import Dialect

_REASONS = {
    400: ("invalid_request_error", "The request is malformed."),
    401: ("authentication_error", "The API key is missing, malformed or revoked."),
    402: ("insufficient_credits", "The account has too little credit for this request."),
    403: ("scope_exceeded", "The API key may not use this model."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "The method is not allowed here."),
    429: ("rate_limit_error", "Too many requests."),
    500: ("server_error", "Internal error."),
    502: ("bad_gateway", "Bad gateway."),
    503: ("service_unavailable", "The service is unavailable."),
    504: ("gateway_timeout", "Gateway time-out."),
}


class DroppedError(Exception):
    """The server closes the connection without an answer."""


def budget_exceeded(dialect: Dialect) -> web.Response:
    """The monthly budget of the key is used up, which topping up does not change."""
    return error(402, dialect, reason=("budget_exceeded", "The budget of this key is used up."))


def error(
    status: int,
    dialect: Dialect,
    *,
    wait: float | None = None,
    reason: tuple[str, str] | None = None,
) -> web.Response:
    """An error in the dialect's shape.

    Args:
        wait: the Retry-After, in seconds.
        reason: the word and the message; None takes the usual ones of the status.
    """
    word, message = reason or _REASONS.get(status, ("error", "The request failed."))
    code = status if dialect.numeric_error_code else word
    body = {"message": message, "type": word, "code": code, "param": None}
    headers = {} if wait is None else {"Retry-After": f"{max(wait, 0.001):.3f}"}
    return web.json_response({"error": body}, status=status, headers=headers)


def web_page() -> web.Response:
    """What a proxy in front of the gateway may send instead of JSON."""
    return web.Response(text="<html>We are improving</html>", content_type="text/html")


def is_from_a_page(request: web.Request) -> bool:
    """Whether a web browser sends this for a page, or under a host name that may be anybody's."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    host = request.headers.get("Host", "").rpartition(":")[0]
    return site != "none" or "Origin" in request.headers or host not in ("127.0.0.1", "localhost")


@web.middleware
async def survive_hang_ups(request: web.Request, handler: Any) -> web.StreamResponse:
    """A client may close its connection at any time: that prints no traceback."""
    try:
        return await handler(request)
    except ConnectionResetError:
        return web.Response()
