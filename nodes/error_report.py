"""What the page is told of an error: its title, its sentences, and what its next step needs."""

from __future__ import annotations

from typing import Any

from ..api.errors import GatewayError
from ..api.plain_text import plain
from ..api.text import dollars
from .said import Said


def title(error: Exception) -> Said:
    """The words `error_<type>` in one sentence. That of a dead job names what it cost."""
    name = type(error).__name__ if isinstance(error, GatewayError) else "other"
    charge = getattr(error, "charge", 0.0)
    if charge:
        return Said(f"error_{name}_charged", {"price": dollars(charge)})
    return Said(f"error_{name}")


def report(error: GatewayError) -> dict[str, Any]:
    """An error as the page reads it. The text is one line without markup and without the key."""
    return {
        "type": type(error).__name__,
        "text": plain(str(error)),
        "job_id": error.job_id,
        "charge": getattr(error, "charge", 0.0),
        "local_id": getattr(error, "local_id", None),
        "setting": getattr(error, "setting", ""),
    }
