"""HTTP for downloads, which connects to public addresses, the gateway's own, and allowed hosts.

A workflow file may come from a stranger, and its addresses are read from inside the user's
network. So the guard resolves a name once, checks every address of the name, and connects only to
an address that it has checked. It treats each redirect in the same way.

A proxy resolves names itself: then the guard checks the name alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from ..base.errors import AddressError
from ..base.timing import Timing
from .addresses import (
    NO_HOSTS,
    AllowedHosts,
    IPAddress,
    is_local_name,
    is_loopback,
    is_plain_host,
    literal_address,
)
from .http import proxy_for, ssl_context

MAX_REDIRECTS = 5
Resolve = Callable[[str, int], Awaitable[list[str]]]


class Connect(Protocol):
    """Makes the transport that the guard uses, with a proxy or without one."""

    def __call__(self, proxy: str | None, *, for_loopback: bool) -> httpx.AsyncBaseTransport: ...


# IANA's special-purpose registry for IPv4, with multicast (RFC 5771) and the relays of 6to4
# (RFC 7526). Listed here because Python's own lists differ between its versions.
_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # Azure's platform service: each virtual machine there can reach it.
        "168.63.129.16/32",
    )
)
# Only 2000::/3 is global unicast (RFC 4291). These networks in it are not public: protocol
# assignments with Teredo, two networks for documentation, and 6to4.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# RFC 6052: the last 32 bits are an IPv4 address. Networks without IPv4 reach servers in this way.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 5214: an IPv4 address behind these 32 bits is reached through a tunnel.
_ISATAP = (0x00005EFE, 0x02005EFE)


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order of the system's resolver. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def connect(proxy: str | None, *, for_loopback: bool) -> httpx.AsyncBaseTransport:
    """A transport that keeps no connection open: two names may have one address.

    Raises:
        SettingsError: see `ssl_context`.
    """
    return httpx.AsyncHTTPTransport(
        verify=ssl_context(for_loopback=for_loopback),
        trust_env=False,
        proxy=proxy,
        limits=httpx.Limits(max_keepalive_connections=0),
    )


@dataclass(frozen=True)
class AddressGuard:
    """Decides to which addresses a download may connect.

    Args:
        own: addresses of the gateway that is set up, one for each origin; they may be private.
        allowed: other hosts that the user allows.
        only: if it has any, hosts other than these and the gateway's are refused.
        resolve: from a host and a port to IP addresses; raises OSError.
        connect: the transport to a judged address.
    """

    own: tuple[str, ...] = ()
    allowed: AllowedHosts = NO_HOSTS
    resolve: Resolve = resolve
    connect: Connect = connect
    only: AllowedHosts = NO_HOSTS

    def check_url(self, url: httpx.URL) -> None:
        """Check the address by its text, without a request to the network.

        Raises:
            AddressError: neither http nor https, a user name, an odd spelling of the host, a host
                that is not in `only`, or one that is not public.
        """
        host = url.raw_host.decode("ascii", "replace").lower()
        if url.scheme not in ("http", "https") or url.userinfo or not is_plain_host(host):
            raise refusal(url.host)
        if self._is_own(url):
            return
        if self.only != NO_HOSTS and not self.only.has(host):
            raise AddressError(
                f"The host “{url.host[:80]}” is not in only_hosts, so nothing was loaded from it: "
                "if you trust it, add it there in the settings file (AIGATEWAY_ONLY_HOSTS in the "
                "environment)."
            )
        if host in self.allowed.names:
            return
        address = literal_address(host)
        if address is not None:
            self._judge(address, url.host)
        elif is_local_name(host):
            raise refusal(url.host)

    async def addresses(self, url: httpx.URL) -> list[str]:
        """The IP addresses to connect to. Only this method resolves the name.

        Raises:
            AddressError: one of the addresses is not public.
            OSError: the name has no address.
        """
        self.check_url(url)
        host = url.raw_host.decode("ascii")
        literal = literal_address(host)
        if literal is not None:
            return [str(literal)]
        found = await self.resolve(host, _port(url))
        if not self._is_own(url) and host.lower() not in self.allowed.names:
            for text in found:
                address = literal_address(text)
                if address is None:
                    raise refusal(url.host)
                self._judge(address, url.host)
        if not found:
            raise OSError("the name has no address")
        return found

    def _is_own(self, url: httpx.URL) -> bool:
        return any(_origin(httpx.URL(own)) == _origin(url) for own in self.own)

    def _judge(self, address: IPAddress, host: str) -> None:
        if not is_public(address) and not self.allowed.has_address(address):
            raise refusal(host)


def is_public(address: IPAddress) -> bool:
    """Whether an address is on the public internet, and holds no private IPv4 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return (
        address.scope_id is None
        and address in _GLOBAL_V6
        and not any(address in network for network in _NOT_PUBLIC_V6)
        and (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP
    )


def same_host_spelling(url: str) -> bool:
    """Whether the parsers of urllib and httpx find the same host and user in `url`.

    Raises:
        ValueError, httpx.InvalidURL: `url` cannot be parsed.
    """
    parts, parsed = urlsplit(url), httpx.URL(url)
    usual = 443 if parts.scheme == "https" else 80
    return (
        "\\" not in url
        and (parts.hostname or "") == parsed.host.lower()
        and (parts.port or usual) == _port(parsed)
        and bool(parts.username or parts.password) == bool(parsed.userinfo)
    )


def refusal(host: str) -> AddressError:
    """The one sentence for every refused address: it does not tell which servers exist."""
    return AddressError(
        f"The address of “{host[:80]}” is not a plain public web address, so nothing was loaded "
        "from it: if you trust it, add its host to allow_hosts in the settings file "
        "(AIGATEWAY_ALLOW_HOSTS in the environment)."
    )


def _origin(url: httpx.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host.lower(), _port(url)


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends each request, and each redirect, to an address that the guard has checked.

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
        # Report wrong certificates of the environment before a name is looked up.
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
            self._behind[kind] = self._guard.connect(proxy, for_loopback=kind[1])
        return self._behind[kind]
