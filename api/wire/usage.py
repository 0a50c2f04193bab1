"""What the gateway lists of an account's use: single requests, and sums for each cost tag.

`GET /usage/recent` gives rows `{request_id, model, status, cost_cents, tag, created_at}`; `GET
/usage/by-tag` gives `{label or tag, cost_cents, requests}`. Both come in `{"data": […]}` or bare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..errors import ProtocolError
from .protocol import parse_cost, request_id

RECENT_ROWS = 100
# A row may be dated this much before its request: clocks differ, and some write local time.
_CLOCK_SLACK = 24 * 3600.0
# From here on a number counts milliseconds since 1970, not seconds.
_MILLISECONDS = 1e11
_FAILED = ("failed", "error", "cancelled", "canceled", "rejected", "refused")


class Charge(NamedTuple):
    """What is listed under one tag. `cost` in US dollars, None where it is not told."""

    cost: float | None
    request_id: str | None = None


def charge_in_recent(body: object, tag: str, *, since: float) -> Charge | None:
    """What the list of recent requests has under `tag`; None where it has nothing.

    Requests that failed do not count.

    Args:
        since: when the request was made, seconds since 1970.

    Raises:
        ProtocolError: the answer holds no list.
    """
    rows = [
        row
        for row in _tagged(body, tag)
        if not _has_failed(row.get("status"))
        and (_moment(row.get("created_at")) or since) >= since - _CLOCK_SLACK
    ]
    costs = [cost for row in rows if (cost := parse_cost(row)) is not None]
    ids = [id for row in rows if (id := _id(row)) is not None]
    if not costs and not ids:
        return None
    return Charge(sum(costs) if costs else None, ids[0] if ids else None)


def charge_by_tag(body: object, tag: str) -> Charge | None:
    """What the sums have under `tag`; None where that is nothing.

    Raises:
        ProtocolError: the answer holds no list.
    """
    # The count of requests may have those that failed, so only money counts.
    cost = sum(parse_cost(row) or 0.0 for row in _tagged(body, tag))
    return Charge(cost) if cost > 0 else None


def _tagged(body: object, tag: str) -> Iterator[Mapping[str, Any]]:
    rows = body.get("data") if isinstance(body, Mapping) else body
    if not isinstance(rows, list):
        raise ProtocolError(
            "The gateway's list of use is not a list. This is a fault of the gateway."
        )
    for row in rows:
        if isinstance(row, Mapping) and tag in (row.get("tag"), row.get("label")):
            yield row


def _has_failed(status: object) -> bool:
    text = str(status).lower()
    return text in _FAILED or (text.isdecimal() and int(text[:6]) >= 400)


def _id(row: Mapping[str, Any]) -> str | None:
    given = row.get("request_id")
    return request_id({"x-request-id": given}) if isinstance(given, str) else None


def _moment(value: object) -> float | None:
    """Seconds since 1970, from seconds, milliseconds or ISO 8601."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value / 1000 if value > _MILLISECONDS else float(value)
