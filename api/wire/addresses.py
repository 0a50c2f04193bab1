"""Web addresses: how to read and show them, hosts that the user allows, and the gateway's own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ..base.errors import InputError, SettingsError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

LIVE_BASE_URL = "https://api.aigateway.sh/v1"

# RFC 1035, section 2.3.4: letters of a part of a host name, and of the whole name.
_LABEL_LENGTH = 63
_HOST_LENGTH = 253
_NO_HOST_CHARACTERS = frozenset(' %<>"\\^`{|}*')
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AUTHORITY_END = re.compile("[/?#]")
# Some programs fail on a percent sign without two hex digits, and on a zero byte.
_ODD_SIGNS = re.compile(r"[ \\#]|%(?![0-9A-Fa-f]{2})|%00")
_ODD_IN_A_USER = re.compile(r"[@\[\]]")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
# A host whose last part is a number is an IPv4 address in some spelling (WHATWG URL, 3.5).
_NUMBER_LAST = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
# Names that are never public: from RFC 6761, 6762, 8375, 9476, and names that home routers use.
_LOCAL_SUFFIXES = (
    ".localhost", ".local", ".localdomain", ".internal", ".intranet", ".lan", ".home", ".corp",
    ".private", ".home.arpa", ".in-addr.arpa", ".ip6.arpa", ".onion", ".alt", ".test",
)  # fmt: skip


# --- An address ---------------------------------------------------------------------------------


def split_address(url: str) -> SplitResult | None:
    """The parts of an http or https address with a usable host and port; None for other texts."""
    # `urlsplit` drops line breaks and tabs; a request with them would fail much later.
    if not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    is_web = parts.scheme in ("http", "https") and _is_host(parts.hostname or "")
    return parts if is_web else None


def ambiguity(address: str) -> str:
    """How to write an address that two programs may read differently; "" if all read it alike.

    Programs disagree on the end of a password: urllib, libpq and proxies stop at different signs of
    `@ / ? #`, and drop or refuse blanks, backslashes and broken percent signs. A message hides the
    password that one program reads, and may show the one that another reads. So such an address is
    refused first, without its text.

    Returns:
        The end of a sentence that begins with the name of the setting. It holds no part of
        `address`.

    >>> ambiguity("postgresql://me:p%40ss@db.example/music")
    ''
    """
    rest = SCHEME.sub("", address, count=1)
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    user, _, _ = authority.rpartition("@")
    is_plain = (
        address.isprintable()
        and not _ODD_SIGNS.search(address)
        # An @ after the host is likely the end of a password that has a / ? or #.
        and rest.count("@") == ("@" in authority)
        and not _ODD_IN_A_USER.search(user)
    )
    if is_plain:
        return ""
    return (
        "is an address that two programs read differently: in a user name or a password write @ as "
        "%40, / as %2F, ? as %3F, # as %23, % as %25, [ as %5B, ] as %5D, \\ as %5C and a blank as "
        "%20. Nothing was sent."
    )


def without_secrets(url: str) -> str:
    """The scheme, host, port and path of an address, for people, whatever else is wrong in it.

    The user name, password, query and fragment are left out. So is a port with other characters
    than digits: it may be a password whose host is missing.
    """
    scheme = found[0] if (found := SCHEME.match(url)) else ""
    rest = url[len(scheme) :]
    rest = re.split("[?#]", rest[rest.rfind("@") + 1 :], maxsplit=1)[0]
    if not rest.startswith("["):
        host, colon, behind = rest.partition(":")
        if colon and not behind.partition("/")[0].isdecimal():
            rest = f"{host}:…"
    return f"{scheme}{rest}"


# --- A host -------------------------------------------------------------------------------------


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = literal_address(host)
    return address is not None and address.is_loopback


def literal_address(host: str) -> IPAddress | None:
    """The IP address that `host` spells; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_plain_host(host: str) -> bool:
    """Whether a host is a usual IP address, or a name that no program reads as an address."""
    if literal_address(host) is not None:
        return "%" not in host
    return bool(_NAME.fullmatch(host)) and not _NUMBER_LAST.fullmatch(host)


def is_local_name(host: str) -> bool:
    """Whether a host name is never a public one."""
    return "." not in host or host.endswith(_LOCAL_SUFFIXES)


def _is_host(host: str) -> bool:
    if ":" in host:
        return literal_address(host.partition("%")[0]) is not None
    if not _NO_HOST_CHARACTERS.isdisjoint(host):
        return False
    try:
        name = host.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return False
    labels = name.split(".")
    if labels[-1].isdigit():
        return literal_address(name) is not None
    return len(name) <= _HOST_LENGTH and all(0 < len(label) <= _LABEL_LENGTH for label in labels)


# --- Hosts that the user allows -----------------------------------------------------------------


class AllowedHosts(NamedTuple):
    """Host names and networks that the user names in a setting."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPNetwork, ...] = ()

    @classmethod
    def parse(cls, text: str | Iterable[str], setting: str = "allow_hosts") -> AllowedHosts:
        """Host names, addresses and networks, separated by commas.

        Raises:
            SettingsError: an entry has another form.
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
        """Whether the setting holds this host name, or this address in its usual spelling."""
        address = literal_address(host)
        return host in self.names or (address is not None and self.has_address(address))

    def has_address(self, address: IPAddress) -> bool:
        """Whether one of the networks holds `address`."""
        return any(address in network for network in self.networks)


NO_HOSTS = AllowedHosts()


# --- The address of a gateway -------------------------------------------------------------------


def normalized_base_url(url: str) -> str:
    """The API's base URL, ending in `/v1` whether or not `url` does.

    Raises:
        InputError: `url` is not an http or https address, or holds more than host, port and path.
    """
    trimmed = url.strip().rstrip("/")
    shown = without_secrets(trimmed)
    if "@" in trimmed:
        raise InputError(
            f"The base URL {shown} has a user name or a password before its host. The address is "
            "stored beside each track, so it must hold no secret: remove them, and set api_key."
        )
    parts = split_address(trimmed)
    if parts is None:
        raise InputError(
            f"The base URL is “{shown}”. An http or https address such as "
            "https://api.aigateway.sh is expected: correct AIGATEWAY_BASE_URL."
        )
    if parts.query or parts.fragment:
        raise InputError(
            f"The base URL {shown} has more behind its path: remove all from “?” or “#” on."
        )
    if how := ambiguity(trimmed):
        raise InputError(f"The base URL {how}")
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"


def check_encryption(base_url: str, allowed: AllowedHosts) -> None:
    """Refuse to send a key in clear text, unless the user has named the host.

    Raises:
        SettingsError: `base_url` is http, and its host is neither this machine nor allowed.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(base_url) and not allowed.has(host):
        raise SettingsError(
            f"The gateway {host} is asked without encryption, so others in the network can read "
            "the API key: give base_url with https, or name the host in allow_hosts if you trust "
            "the whole way to it. Nothing was sent."
        )
