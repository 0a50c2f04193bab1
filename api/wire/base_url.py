"""The address of a gateway."""

from __future__ import annotations

from ..errors import InputError
from .address import split_address, without_user_info

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
    if "@" in parts.netloc:
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
