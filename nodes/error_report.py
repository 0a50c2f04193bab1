"""What the page is told of an error: its type, its sentences, and what its next step needs."""

from __future__ import annotations

from typing import Any

from ..api.errors import GatewayError
from ..api.plain_text import plain


def report(error: GatewayError) -> dict[str, Any]:
    """An error as the page reads it. The text is one line without markup and without the key."""
    return {
        "type": type(error).__name__,
        "text": plain(str(error)),
        "job_id": error.job_id,
        "local_id": getattr(error, "local_id", None),
        "setting": getattr(error, "setting", ""),
    }
