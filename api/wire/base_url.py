"""The address of a gateway."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import InputError

LIVE_BASE_URL = "https://api.aigateway.sh/v1"


def normalized_base_url(url: str) -> str:
    """The API's base URL, ending in `/v1` whether or not `url` does.

    Raises:
        InputError: `url` is no http or https address.
    """
    trimmed = url.strip().rstrip("/")
    scheme, separator, rest = trimmed.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.strip("/"):
        raise InputError(
            f"The base URL is “{url}”. An http or https address such as "
            "https://api.aigateway.sh is expected: correct AIGATEWAY_BASE_URL."
        )
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")
