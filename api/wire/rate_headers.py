"""The account's request rate, as the headers of an answer tell it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

from .rate_limit import Rate
from .retry_after import retry_after

# No account has more requests in a window.
_MOST_REQUESTS = 1_000_000


def rate_of(status: int, headers: Mapping[str, str]) -> Rate:
    """The rate in an answer. A header that is negative or no number says nothing.

    A reset that lies beyond any window, such as a date in seconds since 1970, is left to
    `RateLimiter`, which waits for no longer than its window.
    """

    def number(name: str) -> float | None:
        try:
            value = float(headers[name])
        except (KeyError, ValueError):
            return None
        return value if math.isfinite(value) and value >= 0 else None

    def count(name: str) -> int | None:
        value = number(name)
        return None if value is None else int(min(value, _MOST_REQUESTS))

    return Rate(
        limit=count("x-ratelimit-limit-requests"),
        remaining=count("x-ratelimit-remaining-requests"),
        reset=number("x-ratelimit-reset-requests"),
        exceeded=status == HTTPStatus.TOO_MANY_REQUESTS,
        retry_after=retry_after(headers),
    )
