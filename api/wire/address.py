"""Check web addresses, and show them without secrets."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

# RFC 1035, section 2.3.4: letters of a part of a host name, and of the whole name.
_LABEL_LENGTH = 63
_HOST_LENGTH = 253
_NO_HOST_CHARACTERS = frozenset(' %<>"\\^`{|}*')


def split_address(url: str) -> SplitResult | None:
    """The parts of an http or https address with a usable host and port; None for all else."""
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


def without_user_info(url: str) -> str:
    """`url` as it may be shown: without a user name and password, whatever else is wrong in it."""
    head, separator, rest = url.partition("://")
    if not separator:
        head, rest = "", url
    authority = rest.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]
    # A password may itself hold a slash: all up to the last @ goes then.
    end = rest.rfind("@") if "@" in rest and "@" not in authority else authority.rfind("@")
    return f"{head}{separator}{rest[end + 1 :]}"


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_host(host: str) -> bool:
    if ":" in host:
        return _is_ip_address(host.partition("%")[0])
    if not _NO_HOST_CHARACTERS.isdisjoint(host):
        return False
    try:
        name = host.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return False
    labels = name.split(".")
    if labels[-1].isdigit():
        return _is_ip_address(name)
    return len(name) <= _HOST_LENGTH and all(0 < len(label) <= _LABEL_LENGTH for label in labels)


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
