"""Hosts that the user names in the settings, and how a host is spelled."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import SettingsError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
# A host whose last part is a number is an IPv4 address in some spelling (WHATWG URL, 3.5).
_NUMBER_LAST = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")


# Names that are never public: RFC 6761, 6762, 8375, 9476, and what home routers use.
_LOCAL_SUFFIXES = (
    ".localhost", ".local", ".localdomain", ".internal", ".intranet", ".lan", ".home", ".corp",
    ".private", ".home.arpa", ".in-addr.arpa", ".ip6.arpa", ".onion", ".alt", ".test",
)  # fmt: skip


class AllowedHosts(NamedTuple):
    """Host names and networks that the user names in a setting."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPNetwork, ...] = ()

    @classmethod
    def parse(cls, text: str | Iterable[str], setting: str = "allow_hosts") -> AllowedHosts:
        """Host names, addresses and networks, separated by commas.

        Raises:
            SettingsError: an entry is neither.
        """
        entries = text.split(",") if isinstance(text, str) else [str(each) for each in text]
        names, networks = set(), []
        for entry in filter(None, (each.strip().lower() for each in entries)):
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                if not is_plain_host(entry):
                    raise SettingsError(
                        f"The setting {setting} has “{entry[:80]}”. A host name, an IP address "
                        "or a network such as 192.168.1.0/24 is expected: correct it."
                    ) from None
                names.add(entry)
        return cls(frozenset(names), tuple(networks))

    def has(self, host: str) -> bool:
        """Whether a host name or an address in its usual spelling is named."""
        address = literal_address(host)
        return host in self.names or (
            address is not None and any(address in network for network in self.networks)
        )


NO_HOSTS = AllowedHosts()


def literal_address(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_plain_host(host: str) -> bool:
    """Whether a host is an IP address in its usual spelling, or a name that is not one."""
    literal = literal_address(host)
    if literal is not None:
        return "%" not in host
    return bool(_NAME.fullmatch(host)) and not _NUMBER_LAST.fullmatch(host)


def is_local_name(host: str) -> bool:
    """Whether a host name is never a public one."""
    return "." not in host or host.endswith(_LOCAL_SUFFIXES)
