"""The address of a gateway."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import InputError, SettingsError
from .address import is_loopback, split_address, without_user_info
from .allowed_hosts import AllowedHosts

LIVE_BASE_URL = "https://api.aigateway.sh/v1"


def normalized_base_url(url: str) -> str:
    """The API's base URL, ending in `/v1` whether or not `url` does.

    Raises:
        InputError: `url` is not an http or https address, or holds more than host, port and path.
    """
    trimmed = url.strip().rstrip("/")
    shown = without_user_info(url.strip())
    parts = split_address(trimmed)
    if parts is None:
        raise InputError(
            f"The base URL is “{shown}”. An http or https address such as "
            "https://api.aigateway.sh is expected: correct AIGATEWAY_BASE_URL."
        )
    # A password may itself hold a slash: then the rest of it is in the path.
    if "@" in parts.netloc or "@" in parts.path:
        raise InputError(
            f"The base URL {shown} has a user name or a password before its host. The address is "
            "stored beside each track, so it must hold no secret: remove them, and set api_key."
        )
    if parts.query or parts.fragment:
        raise InputError(
            f"The base URL {trimmed.partition('?')[0].partition('#')[0]} has more behind its "
            "path: remove all from “?” or “#” on."
        )
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"


def check_encryption(base_url: str, allowed: AllowedHosts) -> None:
    """
    Raises:
        SettingsError: a key for `base_url` would cross a network readable, and the user has not
            named its host.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(base_url) and not allowed.has(host):
        raise SettingsError(
            f"The gateway {host} is asked without encryption, so others in the network can read "
            "the API key: give base_url with https, or name the host in allow_hosts if you trust "
            "the whole way to it. Nothing was sent."
        )
