"""HTTP that connects only where the address guard allows."""

from __future__ import annotations

import asyncio

import httpx

from ..timing import Timing
from .address import is_loopback
from .address_guard import AddressGuard
from .certificates import ssl_context
from .proxies import proxy_for

MAX_REDIRECTS = 5


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends each request, a redirect's too, to an address that the guard has judged.

    The certificate is still checked for the name, and the server still sees the name.
    """

    def __init__(self, guard: AddressGuard, timing: Timing) -> None:
        self._guard = guard
        self._timing = timing
        self._behind: dict[tuple[str | None, bool], httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._guard.check_url(request.url)
        proxy = proxy_for(str(request.url))
        if proxy is not None:
            return await self._behind_guard(proxy, request.url).handle_async_request(request)
        # Wrong certificates of the environment are said before a name is looked up.
        self._behind_guard(None, request.url)
        addresses = await self._addresses(request)
        for address in addresses[:-1]:
            try:
                return await self._send(request, address, self._timing.address_timeout)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(request, addresses[-1], self._timing.connect_timeout)

    async def aclose(self) -> None:
        for transport in self._behind.values():
            await transport.aclose()

    async def _addresses(self, request: httpx.Request) -> list[str]:
        try:
            return await asyncio.wait_for(
                self._guard.addresses(request.url), self._timing.connect_timeout
            )
        except asyncio.TimeoutError:
            raise httpx.ConnectTimeout("the name was not resolved in time") from None
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{request.url.host} cannot be found") from error

    async def _send(
        self, request: httpx.Request, address: str, connect_timeout: float
    ) -> httpx.Response:
        times = {**request.extensions.get("timeout", {}), "connect": connect_timeout}
        extensions = {**request.extensions, "timeout": times}
        if request.url.scheme == "https":
            extensions["sni_hostname"] = request.url.raw_host.decode("ascii")
        to_address = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions=extensions,
        )
        return await self._behind_guard(None, request.url).handle_async_request(to_address)

    def _behind_guard(self, proxy: str | None, url: httpx.URL) -> httpx.AsyncBaseTransport:
        kind = proxy, is_loopback(str(url))
        if kind not in self._behind:
            self._behind[kind] = _transport(proxy, for_loopback=kind[1])
        return self._behind[kind]


def _transport(proxy: str | None, *, for_loopback: bool) -> httpx.AsyncBaseTransport:
    # A connection is not kept: it belongs to an address, and another name may have the same one.
    return httpx.AsyncHTTPTransport(
        verify=ssl_context(for_loopback=for_loopback),
        trust_env=False,
        proxy=proxy,
        limits=httpx.Limits(max_keepalive_connections=0),
    )
