"""The key that AIgateway's own command line tool has stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from .wire.addresses import LIVE_BASE_URL, normalized_base_url
from .wire.key import ApiKey, bare_key, is_sendable

SOURCE = "AIgateway's CLI"
_MOST_BYTES = 100_000


def cli_key(environ: Mapping[str, str]) -> ApiKey | None:
    """The key in `~/.config/aigateway/config.json`; None where none is for the live gateway.

    The tool writes `{"apiKey", "baseUrl"}`. A key that it uses with another gateway stays there.
    A file that cannot be read is another program's matter: it counts as none.
    """
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if not home:
        return None
    path = Path(home, ".config", "aigateway", "config.json")
    try:
        with path.open("rb") as file:
            stored = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    value = stored.get("apiKey") if isinstance(stored, Mapping) else None
    if not isinstance(value, str) or not _is_for_live(stored.get("baseUrl")):
        return None
    key = bare_key(value)
    return ApiKey(key, SOURCE) if is_sendable(key) else None


def _is_for_live(base_url: object) -> bool:
    if base_url is None or base_url == "":
        return True
    try:
        return isinstance(base_url, str) and normalized_base_url(base_url) == LIVE_BASE_URL
    except ValueError:
        return False
