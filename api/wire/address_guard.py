"""Which addresses a download may reach: public ones, the gateway's own, and what the user allows.

A workflow file may come from a stranger, and its addresses are read from inside the user's
network. So a name is resolved once, every address it has is judged, and the connection goes to
an address that was judged. The same holds for each redirect.

Through a proxy the proxy resolves the name: then only the name is judged.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from ..errors import AddressError
from .allowed_hosts import (
    NO_HOSTS,
    AllowedHosts,
    IPAddress,
    is_local_name,
    is_plain_host,
    literal_address,
)

Resolve = Callable[[str, int], Awaitable[list[str]]]

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
        # Azure's platform service: every virtual machine there reaches its own.
        "168.63.129.16/32",
    )
)
# Only 2000::/3 is global unicast (RFC 4291). What is taken out of it here: protocol assignments
# with Teredo, documentation, 6to4.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# RFC 6052: the last 32 bits are an IPv4 address. Networks without IPv4 reach public servers so.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 5214: an IPv4 address behind these 32 bits is reached through a tunnel.
_ISATAP = (0x00005EFE, 0x02005EFE)


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order of the system's resolver. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True)
class AddressGuard:
    """Judges where a download may connect.

    Args:
        own: origins of the gateway that is set up (any URL of each); they may be private.
        allowed: what the user lets downloads reach besides.
        resolve: from a host and a port to IP addresses; raises OSError.
    """

    own: tuple[str, ...] = ()
    allowed: AllowedHosts = NO_HOSTS
    resolve: Resolve = resolve

    def check_url(self, url: httpx.URL) -> None:
        """Judge what the address itself says, without asking anybody.

        Raises:
            AddressError: no http or https, a user name, an odd spelling of the host, or a host
                that is not public.
        """
        host = url.raw_host.decode("ascii", "replace").lower()
        if url.scheme not in ("http", "https") or url.userinfo or not is_plain_host(host):
            raise refusal(url.host)
        if self._is_own(url) or host in self.allowed.names:
            return
        address = literal_address(host)
        if address is not None:
            self._judge(address, url.host)
        elif is_local_name(host):
            raise refusal(url.host)

    async def addresses(self, url: httpx.URL) -> list[str]:
        """The IP addresses to connect to; the name is resolved here and nowhere else.

        Raises:
            AddressError: one of the addresses is not public.
            OSError: the name has no address.
        """
        self.check_url(url)
        host = url.raw_host.decode("ascii")
        literal = literal_address(host)
        if literal is not None:
            return [str(literal)]
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await self.resolve(host, port)
        if not self._is_own(url) and host.lower() not in self.allowed.names:
            for text in found:
                try:
                    address = ipaddress.ip_address(text)
                except ValueError:
                    raise refusal(url.host) from None
                self._judge(address, url.host)
        if not found:
            raise OSError("the name has no address")
        return found

    def _is_own(self, url: httpx.URL) -> bool:
        return any(_origin(httpx.URL(own)) == _origin(url) for own in self.own)

    def _judge(self, address: IPAddress, host: str) -> None:
        if not is_public(address) and not any(
            address in network
            for network in self.allowed.networks
            if network.version == address.version
        ):
            raise refusal(host)


def is_public(address: IPAddress) -> bool:
    """Whether an address is on the public internet, and holds no IPv4 address that is not."""
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
        and (parts.port or usual) == (parsed.port or usual)
        and bool(parts.username or parts.password) == bool(parsed.userinfo)
    )


def refusal(host: str) -> AddressError:
    """The one sentence for every refused address: it does not say what is there."""
    return AddressError(
        f"The address of “{host[:80]}” is not a plain public web address, so nothing was loaded "
        "from it: if you trust it, add its host to allow_hosts in the settings file "
        "(AIGATEWAY_ALLOW_HOSTS in the environment)."
    )


def _origin(url: httpx.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host.lower(), url.port or (443 if url.scheme == "https" else 80)
