"""The proxy for a request, from the environment or the system, chosen for each request.

httpx reads the same variables itself, but one that it cannot use (GNOME's `socks://`, a NO_PROXY
with `[::1]`) ends every client, also one that asks this machine only.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ..errors import SettingsError
from .address import is_loopback, without_user_info

# GNOME's word and curl's: httpcore lets the proxy resolve the host in each case.
_SOCKS_5 = ("socks", "socks5", "socks5h")


class EnvironmentTransport(httpx.AsyncBaseTransport):
    """Sends each request directly or through its proxy; a redirect may lead to another one."""

    def __init__(self, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._context = context
        self._limits = limits
        self._transports: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(str(request.url))
        if proxy not in self._transports:
            self._transports[proxy] = httpx.AsyncHTTPTransport(
                verify=self._context, limits=self._limits, proxy=proxy
            )
        return await self._transports[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()


def proxy_for(url: str) -> str | None:
    """The address of the proxy for `url`; None: no proxy. This machine never has one.

    Raises:
        SettingsError: the proxy cannot be used. The message names the variable.
    """
    if is_loopback(url):
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    kind = next((kind for kind in (parts.scheme, "all") if proxies.get(kind)), None)
    if kind is None or proxy_bypass(host) or _is_excepted(host, proxies.get("no", "")):
        return None
    return _usable(proxies[kind].strip(), kind)


def _is_excepted(host: str, exceptions: str) -> bool:
    """Whether NO_PROXY holds the IP address `host`, alone or in a network such as 10.0.0.0/8."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for entry in exceptions.split(","):
        try:
            network = ipaddress.ip_network(entry.strip().strip("[]"), strict=False)
        except ValueError:
            continue
        if address in network:
            return True
    return False


def _usable(proxy: str, kind: str) -> str:
    address = proxy if "://" in proxy else f"http://{proxy}"
    scheme, _, rest = address.partition("://")
    scheme = scheme.lower()
    is_socks = scheme in _SOCKS_5
    address = f"{'socks5' if is_socks else scheme}://{rest}"
    named = f"{_source(kind)} names the proxy {without_user_info(proxy)}"
    if not is_socks and scheme not in ("http", "https"):
        raise SettingsError(
            f"{named}, and proxies of the kind {scheme}:// are not supported: set the address of "
            "an HTTP or SOCKS 5 proxy, or remove it, and restart ComfyUI. Nothing was sent."
        )
    try:
        valid = bool(httpx.Proxy(address).url.host)
    except (httpx.InvalidURL, ValueError):
        valid = False
    if not valid:
        raise SettingsError(
            f"{named}, which is not an address: correct it, or remove it, and restart ComfyUI. "
            "Nothing was sent."
        )
    if is_socks and importlib.util.find_spec("socksio") is None:
        raise SettingsError(
            f"{named}, and the package socksio for SOCKS proxies is not installed: install it "
            "into ComfyUI's Python (pip install socksio), or remove the variable, and restart "
            "ComfyUI. Nothing was sent."
        )
    return address


def _source(kind: str) -> str:
    """What sets the proxy. A variable in small letters comes first, as in `getproxies`."""
    small = f"{kind}_proxy"
    for name in (small, small.upper()):
        if os.environ.get(name):
            return f"The environment variable {name}"
    return "The system's setting"
