"""Settings that all HTTP clients of the pack share."""

from __future__ import annotations

from typing import Any

import httpx

from .address import is_loopback
from .certificates import ssl_context
from .proxies import EnvironmentTransport, proxy_for

USER_AGENT = "ComfyUI-AIgateway-Music"


def options_for(url: str, limits: httpx.Limits | None = None) -> dict[str, Any]:
    """The options of an `httpx.AsyncClient` that asks the host of `url`.

    Raises:
        SettingsError: a variable of the environment about proxies or certificates is wrong.
    """
    # Checked now, before anything is written down for a request that cannot leave.
    proxy_for(url)
    context = ssl_context(for_loopback=is_loopback(url))
    return {
        "trust_env": False,
        "transport": EnvironmentTransport(context, limits or httpx.Limits()),
    }


def cause(error: Exception) -> str:
    """What an httpx error says; its type's name where it says nothing."""
    return str(error) or type(error).__name__
