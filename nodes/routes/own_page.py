"""Whether a request comes from ComfyUI's own page, and not from a page of somebody else.

ComfyUI's own check holds on loopback addresses alone, and not with `--enable-cors-header`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...api.errors import SettingsError
from .. import host, session

if TYPE_CHECKING:
    from aiohttp import web

# A page of another origin cannot send it without a question first, which ComfyUI answers with no.
PAGE_HEADER = "X-AIgateway-Page"


class ForeignPageError(Exception):
    """The request is not from ComfyUI's own page."""


async def check(request: web.Request) -> None:
    """
    Raises:
        ForeignPageError: another page sent the request, or the address bar shows a host name
            that may belong to anybody (DNS rebinding), or a change lacks the page's header.
    """
    # Fetch Metadata: "none" is an address that a person typed. Old browsers send nothing.
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
    if request.method not in ("GET", "HEAD") and PAGE_HEADER not in request.headers:
        raise ForeignPageError(f"A change needs the header {PAGE_HEADER}: reload the page.")


async def _is_known(name: str) -> bool:
    if name in host.listening_names():
        return True
    try:
        current = await asyncio.to_thread(session.settings)
    except SettingsError:
        # The panel has to say what is wrong with the settings, on this machine at least.
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
