"""For all routes: check the page that sends a request, read the request, report errors.

ComfyUI's own check of the page works only on loopback addresses, and not with
`--enable-cors-header`.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from ...api.base.errors import GatewayError, InputError, SettingsError
from ...api.base.plain_text import plain
from .. import host, session
from ..error_report import explained

if TYPE_CHECKING:
    from aiohttp import web

    Handler = Callable[[web.Request], Awaitable[dict[str, Any] | web.StreamResponse]]

T = TypeVar("T")

_MAX_BODY = 1_000_000
# Seconds between two checks whether the client is still connected.
_CHECK_SECONDS = 0.2
# Encoding this number of rows does not delay the loop.
_FEW = 10
# A page of another origin must ask before it sends this header (CORS), and ComfyUI refuses.
PAGE_HEADER = "X-AIgateway-Page"


class NotHereError(Exception):
    """The track is unknown, or its file is not on this machine."""


class ForeignPageError(Exception):
    """The request is not from ComfyUI's own page."""


def answering(
    handler: Handler, *, is_file: bool = False, changes: bool = False
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Answer with a handler's dict as JSON, or with the sentence of an error of the pack.

    Args:
        is_file: an element of the page loads the answer. Such a request lacks the pack's header.
        changes: the work continues after the client has disconnected.
    """

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        try:
            await check_page(request, is_file=is_file)
        except ForeignPageError as error:
            return _error(error, 403)
        # A page of another site can post a form without asking first, but it cannot post JSON.
        if request.method != "GET" and request.content_type != "application/json":
            return web.json_response({"error": "The request has to be JSON."}, status=415)
        try:
            work = handler(request)
            made = await (work if changes else while_connected(request, work))
            answer = await _json(made) if isinstance(made, dict) else made
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
        # A page of another origin cannot load the answer as a picture or a sound.
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    return answer


async def while_connected(request: web.Request, work: Awaitable[T]) -> T:
    """The result of `work`. It is cancelled when the client disconnects.

    Raises:
        asyncio.CancelledError: the client has disconnected.
    """
    task = asyncio.ensure_future(work)
    try:
        while not task.done() and _is_connected(request):
            await asyncio.wait({task}, timeout=_CHECK_SECONDS)
    finally:
        if not task.done():
            task.cancel()
    return await task


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _json(made: dict[str, Any]) -> web.Response:
    """An answer. A long answer is encoded in a thread, row by row, so that the loop can serve other
    requests."""
    from aiohttp import web

    def written() -> bytes:
        fields = (f"{json.dumps(name)}: {_written(value)}" for name, value in made.items())
        return f"{{{', '.join(fields)}}}".encode()

    is_long = any(isinstance(value, list) and len(value) > _FEW for value in made.values())
    content = await asyncio.to_thread(written) if is_long else written()
    return web.Response(body=content, content_type="application/json", charset="utf-8")


def _written(value: Any) -> str:
    # The encoder blocks all threads until it has written a whole value.
    if isinstance(value, list):
        return f"[{', '.join(map(json.dumps, value))}]"
    return json.dumps(value)


def _error(error: Exception, status: int) -> web.Response:
    from aiohttp import web

    return web.json_response({"error": without_folder(str(error))}, status=status)


def without_folder(sentence: str) -> str:
    """A sentence as a line of text without the path of the data directory."""
    return plain(sentence).replace(f"{host.data_directory()}{os.sep}", "")


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object in the request, in UTF-8. Raises InputError: the body is not that."""
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
    """The `value` in the request's body. Raises InputError: the value is neither true nor false."""
    value = (await body(request)).get("value")
    if not isinstance(value, bool):
        raise InputError("The value has to be true or false.")
    return value


# The page that sends the request


async def check_page(request: web.Request, *, is_file: bool = False) -> None:
    """Accept a request from ComfyUI's own page only.

    Raises:
        ForeignPageError: another page sent the request, or the address bar shows a host name
            that a stranger may own (DNS rebinding), or the request lacks the page's header.
    """
    # Fetch Metadata: "none" means that a person typed the address. Old browsers send no value.
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise ForeignPageError("Only ComfyUI's own page may ask for this.")
    here = _host_of(f"//{request.headers.get('Host', '')}")
    if not await _is_known(here):
        raise ForeignPageError(
            "ComfyUI is open under a host name that the pack does not know: add the name in the "
            "address bar to page_hosts in the settings file (AIGATEWAY_PAGE_HOSTS in the "
            "environment)."
        )
    origin = request.headers.get("Origin")
    if origin is not None and not _is_same(origin, request.headers.get("Host", "")):
        raise ForeignPageError("Only ComfyUI's own page may ask for this.")
    if PAGE_HEADER not in request.headers and not (is_file and _is_from_element(request)):
        raise ForeignPageError(f"The request needs the header {PAGE_HEADER}: reload the page.")


def _is_from_element(request: web.Request) -> bool:
    """Whether an element of our page loads a file, or a person typed its address.

    On plain http a browser sends no Fetch Metadata. Another page may hide its own origin, but it
    cannot claim the origin of our page.
    """
    if "Sec-Fetch-Site" in request.headers:
        return True
    return _is_same(request.headers.get("Referer", ""), request.headers.get("Host", ""))


async def _is_known(name: str) -> bool:
    if name in host.listening_names():
        return True
    try:
        current = await asyncio.to_thread(session.settings)
    except SettingsError:
        # At least on this machine the panel must show the error in the settings.
        current = session.Settings()
    return current.knows_page_host(name)


def _is_same(origin: str, here: str) -> bool:
    """Whether an origin has the host and the port of `here`, a Host header."""
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{here}")
        usual = {"http": 80, "https": 443}.get(theirs.scheme)
        # Behind a reverse proxy that ends TLS, the Host header may lack the port, or have ours.
        ports = {theirs.port or usual, None} if ours.port is None else {theirs.port or usual}
        return usual is not None and theirs.hostname == ours.hostname and ours.port in ports
    except ValueError:
        return False


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
