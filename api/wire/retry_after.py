"""`Retry-After`: how long a server wants no requests, in seconds and in words."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

# A later date helps nobody, and some systems cannot show it.
_LONGEST = 365 * 24 * 3600.0


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by `Retry-After`, a number or a date (RFC 9110, section 10.2.3).

    A date is measured against the answer's own `Date`: the clock of this machine may be wrong.

    Args:
        now: the time of an answer without a `Date`; this machine's time by default.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        moment = _date(value)
        if moment is None:
            return None
        said = _date(headers.get("date", "")) or now or datetime.now(timezone.utc)
        seconds = (moment - said).total_seconds()
    return min(max(0.0, seconds), _LONGEST) if math.isfinite(seconds) else None


def moment_in(seconds: float) -> str:
    """The time of day in so many seconds, for people; with its day if that is another one."""
    now = time.time()
    then = time.localtime(now + seconds)
    is_today = then[:3] == time.localtime(now)[:3]
    return time.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M", then)


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
