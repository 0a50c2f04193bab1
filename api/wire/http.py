"""What all HTTP clients of the pack share."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from .address import is_loopback

USER_AGENT = "ComfyUI-AIgateway-Music"


def options_for(url: str) -> dict[str, Any]:
    """The options of an `httpx.AsyncClient` that asks the host of `url`."""
    return {
        # A proxy from the environment is for the outside, never for this machine.
        "trust_env": not is_loopback(url),
        "verify": ssl_context(),
    }


def ssl_context() -> ssl.SSLContext:
    """One context for all clients of the process: making one costs some forty milliseconds."""
    global _context
    if _context is None:
        _context = httpx.create_ssl_context()
    return _context


_context: ssl.SSLContext | None = None


def cause(error: Exception) -> str:
    """What an httpx error says; its type's name where it says nothing."""
    return str(error) or type(error).__name__
