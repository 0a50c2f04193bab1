"""The wire format: every dialect of the gateway's answers.

The public sources (model page, docs, OpenAPI file, SDKs) disagree in places. This module reads each
variant that one of them documents; no other module knows of variants.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urljoin

from ..base.errors import ProtocolError
from ..base.plain_text import plain
from ..base.question import Reply

MOST_DOLLARS = 10_000.0
"""Highest price of a track and highest balance: a higher amount counts as unknown."""
LEAST_RATE = 1e-5
"""US dollars per second of audio; a lower price or charge counts as unknown. The cheapest model
costs 20 times as much."""

RECENT_ROWS = 100
"""The length of the list of recent requests that is asked for."""

# Longer values are rejected: the ledger, addresses and messages have no room for them.
_ID_LENGTH = 256
_WORD_LENGTH = 200
_URL_LENGTH = 8000
_SENTENCE_LENGTH = 1000
_LONGEST_AUDIO = 24 * 3600.0
_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_PLAIN_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)
# The words for a unit of one second. Units of a millisecond, or of ten seconds, have other words.
_A_SECOND = {"", "per", "a", "of", "usd", "audio", "music", "output", "second", "seconds"}
# A row may be dated this much before its request: clocks differ, and some write local time.
_CLOCK_SLACK = 24 * 3600.0
# A number of this size or larger is milliseconds since 1970, not seconds.
_MILLISECONDS = 1e11
_FAILED = ("failed", "error", "cancelled", "canceled", "rejected", "refused")


# --- Jobs ---------------------------------------------------------------------------------------


class JobStatus(str, Enum):
    """The state of a job. An unknown word of the gateway means RUNNING."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


_STATUS_WORDS = {
    "queued": JobStatus.QUEUED,
    "pending": JobStatus.QUEUED,
    "completed": JobStatus.COMPLETED,
    "succeeded": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
    "error": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
    "canceled": JobStatus.CANCELLED,
}


class JobRecord(NamedTuple):
    """A job as one answer describes it. `duration` in seconds of audio, `cost` in US dollars.

    `request_id` is the id of the answer: the gateway's support asks for it. `selected` is the
    model that makes the track. A transcription has a text in the place of a file.
    """

    id: str
    status: JobStatus
    result_url: str | None = None
    duration: float | None = None
    error: str | None = None
    cost: float | None = None
    request_id: str | None = None
    selected: str | None = None
    is_transcription: bool = False


def parse_job(body: object, base_url: str, headers: Mapping[str, str] = _NO_HEADERS) -> JobRecord:
    """Read a job record in any documented variant.

    Args:
        body: the decoded JSON.
        base_url: the base of a relative result URL.
        headers: the headers of the answer; they may hold the cost, the request id and the model.

    Raises:
        ProtocolError: not an object, or an object without an id that can be used.
    """
    if not isinstance(body, Mapping):
        raise ProtocolError(
            "The gateway answered with success, but the answer is not a job record "
            f"({type(body).__name__}). This is a fault of the gateway."
        )
    ids = (body.get("id"), body.get("job_id"))
    job_id = next(filter(None, map(_id, ids)), None)
    if job_id is None:
        raise ProtocolError(
            f"The gateway answered with success, but its job record has {_no_id(*ids)}. "
            "This is a fault of the gateway."
        )
    result = body.get("result")
    result = result if isinstance(result, Mapping) else {}
    url = result.get("url") or result.get("file_url") or body.get("result_url")
    status = body.get("status")
    word = status.lower() if isinstance(status, str) else ""
    return JobRecord(
        id=job_id,
        status=_STATUS_WORDS.get(word, JobStatus.RUNNING),
        result_url=_url(url, base_url),
        duration=_seconds(result.get("duration")),
        error=_error_sentence(body.get("error")),
        cost=parse_cost(body, headers),
        request_id=request_id(headers),
        selected=_selected(body, headers),
        is_transcription="transcript" in result,
    )


def parse_signed(body: object, base_url: str) -> str | None:
    """The signed address in `{"url": …}`; None if the answer has no usable one."""
    url = body.get("url") if isinstance(body, Mapping) else None
    return _url(url, base_url)


def request_id(headers: Mapping[str, str]) -> str | None:
    """The id of an answer. The gateway's support needs it to find the request."""
    text = headers.get("x-request-id", "")
    return text if _REQUEST_ID.fullmatch(text) else None


def _selected(body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The model that made the track, if the gateway tells it."""
    return _word(headers.get("x-routing-selected")) or _word(body.get("model"))


def _error_sentence(error: object) -> str | None:
    if error is None:
        return None
    code, reason = parse_error({"error": error})
    return " ".join(part for part in (reason, f"({code})" if code else "") if part) or None


def _id(value: object) -> str | None:
    """A job's id, which some gateways send as a number; None if it does not fit into an address."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64:
        return str(value)
    return None if value in (".", "..") else _word(value, _ID_LENGTH)


def _no_id(*values: object) -> str:
    """The end of a sentence about a record without a usable id."""
    texts = [value for value in values if isinstance(value, str) and value]
    if texts:
        return f"an id that cannot be used (“{plain(texts[0], 60)}”, {len(texts[0])} characters)"
    return "no id"


def _seconds(value: object) -> float | None:
    """A length of audio."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= _LONGEST_AUDIO else None


# --- Answers ------------------------------------------------------------------------------------

MOST_ANSWER = 4000
"""Characters of an answer that are used."""


def parse_reply(body: object, headers: Mapping[str, str] = _NO_HEADERS) -> Reply:
    """Read the first text of a chat answer: a text, or a list of parts with texts.

    Raises:
        ProtocolError: the answer has no text.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        content = " ".join(part for part in parts if isinstance(part, str))
    text = " ".join(plain(content, MOST_ANSWER).split()) if isinstance(content, str) else ""
    if not text or not isinstance(body, Mapping):
        raise ProtocolError(
            "The gateway answered with success, but the answer has no text. This is a fault of the "
            "gateway or of the model."
        )
    return Reply(text, parse_cost(body, headers), request_id(headers))


MOST_WORDS = 5000
"""Words of a transcription: 20 minutes of fast speech."""
_MOST_LETTERS = 60


def parse_transcription(body: object, headers: Mapping[str, str] = _NO_HEADERS) -> Reply:
    """Read the words of a transcription, each with the seconds of its start and end.

    They stand in `words`, or in the `words` of `segments`; also below `transcript` or `result`.
    Words without times, or with times out of order, are left out.

    Raises:
        ProtocolError: the answer has no list of words.
    """
    found = body
    for name in ("result", "transcript"):
        inner = found.get(name) if isinstance(found, Mapping) else None
        found = inner if isinstance(inner, Mapping) else found
    lists = [found, *_items(found, "segments")]
    words = [_items(each, "words") for each in lists if _has_list(each, "words")]
    if not isinstance(body, Mapping) or not words:
        raise ProtocolError(
            "The gateway answered with success, but the transcription has no times of words. This "
            "is a fault of the gateway or of the model."
        )
    timed: list[tuple[str, float, float]] = []
    for word in (word for some in words for word in some if isinstance(word, Mapping)):
        text, start, end = (
            word.get("word"),
            _word_time(word.get("start")),
            _word_time(word.get("end")),
        )
        if isinstance(text, str) and start is not None and end is not None and start <= end:
            timed.append((plain(text, _MOST_LETTERS).strip(), round(start, 3), round(end, 3)))
    text = json.dumps(timed[:MOST_WORDS], ensure_ascii=False, separators=(",", ":"))
    return Reply(text, parse_cost(body, headers), request_id(headers))


def _has_list(body: object, name: str) -> bool:
    return isinstance(body, Mapping) and isinstance(body.get(name), list)


def _items(body: object, name: str) -> list[Any]:
    found = body.get(name) if isinstance(body, Mapping) else None
    return found if isinstance(found, list) else []


def _word_time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < 86_400 else None


# --- Errors -------------------------------------------------------------------------------------


class ErrorBody(NamedTuple):
    """The code and the reason of an error; empty strings if the gateway sent no text."""

    code: str = ""
    reason: str = ""


def parse_error(body: object) -> ErrorBody:
    """Read an error envelope: `{"error": {…}}` with a number or a word as code, or a string."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, str):
        return ErrorBody(reason=plain(error.strip(), _SENTENCE_LENGTH))
    if not isinstance(error, Mapping):
        return ErrorBody()
    code = error.get("code")
    word = code if isinstance(code, str) and not code.isdigit() else error.get("type")
    message = error.get("message")
    return ErrorBody(
        code=_word(word) or "",
        reason=plain(message.strip(), _SENTENCE_LENGTH) if isinstance(message, str) else "",
    )


# --- Money --------------------------------------------------------------------------------------


def dollars_of(value: object, *, per_dollar: float = 1.0) -> float | None:
    """US dollars from a number or a plain decimal text; None if it is not an amount.

    Negative, infinite, NaN, absurdly high, true, `1_000`, `1e3` and digits of other scripts are not
    amounts.

    Args:
        per_dollar: how many units make a dollar: 100 for cents.
    """
    if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        amount = float(value) / per_dollar
    except OverflowError:
        return None
    return amount if math.isfinite(amount) and 0 <= amount <= MOST_DOLLARS else None


def parse_cost(body: Mapping[str, Any], headers: Mapping[str, str] = _NO_HEADERS) -> float | None:
    """The cost of a job in US dollars, from any field of an answer; None if it has no cost."""
    usage = body.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    costs = (
        dollars_of(usage.get("cost_cents"), per_dollar=100),
        dollars_of(body.get("cost_cents"), per_dollar=100),
        dollars_of(usage.get("cost")),
        dollars_of(headers.get("x-cost-cents"), per_dollar=100),
    )
    return next((cost for cost in costs if cost is not None), None)


def parse_balance(body: Mapping[str, Any]) -> float | None:
    """US dollars left on the account; None if the answer has no likely shape.

    The public sources name the route but not its answer.
    """
    data = body.get("data")
    if isinstance(data, Mapping):
        body = data
    for name in ("balance_cents", "credit_cents", "credits_cents"):
        cents = dollars_of(body.get(name), per_dollar=100)
        if cents is not None:
            return cents
    for name in ("balance", "balance_usd", "credit", "credits", "available"):
        amount = dollars_of(body.get(name))
        if amount is not None:
            return amount
    return None


# --- The list of models -------------------------------------------------------------------------


class Model(NamedTuple):
    """A model of the catalogue. The price in US dollars per second of audio, None if unknown."""

    id: str
    price_per_second: float | None = None


def parse_models(body: object) -> list[Model]:
    """Read the model list; entries without an id are skipped.

    Raises:
        ProtocolError: the answer holds no list.
    """
    data = body.get("data") if isinstance(body, Mapping) else body
    if not isinstance(data, list):
        raise ProtocolError(
            "The gateway's model list is not a list. This is a fault of the gateway."
        )
    models = []
    for entry in data:
        model = _word(entry.get("id")) if isinstance(entry, Mapping) else None
        if model:
            models.append(Model(model, _price_per_second(entry)))
    return models


def _price_per_second(entry: Mapping[str, Any]) -> float | None:
    """The highest price in an entry."""
    prices = [entry.get("price_per_second")]
    pricing = entry.get("pricing")
    if isinstance(pricing, Mapping):
        names = ("per_second", "price_per_second", "audio_second", "per_audio_second")
        prices += map(pricing.get, names)
        unit = pricing.get("unit")
        words = set(re.split(r"[\W_]+", unit.lower())) if isinstance(unit, str) else set()
        if words & {"second", "seconds"} and words <= _A_SECOND:
            prices.append(pricing.get("price"))
    known = [price for each in prices if (price := dollars_of(each)) is not None]
    return max(known, default=None)


# --- The lists of use ---------------------------------------------------------------------------
#
# `GET /usage/recent` gives rows `{request_id, model, status, cost_cents, tag, created_at}`; `GET
# /usage/by-tag` gives `{label or tag, cost_cents, requests}`. Both come in `{"data": […]}` or bare.


class Charge(NamedTuple):
    """The charge under one tag. `cost` in US dollars, None if the list does not tell it."""

    cost: float | None
    request_id: str | None = None


def charge_in_recent(body: object, tag: str, sent_id: str, *, since: float) -> Charge | None:
    """The charge of a submit in the list of recent requests; None if no row counts.

    Requests that failed do not count.

    Args:
        tag: the cost tag of the submit; "" if it had none.
        sent_id: the `X-Request-Id` of the submit. A gateway may list an id of its own instead.
        since: when the request was made, seconds since 1970.

    Raises:
        ProtocolError: the answer holds no list.
    """
    rows = [
        row
        for row in _rows(body)
        if (row.get("request_id") == sent_id or _has_tag(row, tag))
        and not _has_failed(row.get("status"))
        and (_moment(row.get("created_at")) or since) >= since - _CLOCK_SLACK
    ]
    costs = [cost for row in rows if (cost := parse_cost(row)) is not None]
    ids = [id for row in rows if (id := _request_id(row)) is not None]
    if not costs and not ids:
        return None
    return Charge(sum(costs) if costs else None, ids[0] if ids else None)


def charge_by_tag(body: object, tag: str) -> Charge | None:
    """The charge under `tag` in the sums of a month; None if the sums hold no money under it.

    Raises:
        ProtocolError: the answer holds no list.
    """
    # `requests` may include failures, so look only at the cost.
    cost = sum(parse_cost(row) or 0.0 for row in _rows(body) if _has_tag(row, tag))
    return Charge(cost) if cost > 0 else None


def _has_tag(row: Mapping[str, Any], tag: str) -> bool:
    return bool(tag) and tag in (row.get("tag"), row.get("label"))


def _rows(body: object) -> list[Mapping[str, Any]]:
    rows = body.get("data") if isinstance(body, Mapping) else body
    if not isinstance(rows, list):
        raise ProtocolError(
            "The gateway's list of use is not a list. This is a fault of the gateway."
        )
    return [row for row in rows if isinstance(row, Mapping)]


def _has_failed(status: object) -> bool:
    text = str(status).lower()
    return text in _FAILED or (text.isdecimal() and int(text[:6]) >= 400)


def _request_id(row: Mapping[str, Any]) -> str | None:
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


# --- Texts --------------------------------------------------------------------------------------


def _word(value: object, limit: int = _WORD_LENGTH) -> str | None:
    """A text that can be stored and shown as it is: not empty, not long, no hidden characters."""
    if not isinstance(value, str) or not 0 < len(value) <= limit or value != value.strip():
        return None
    return value if plain(value, limit) == value else None


def _url(value: object, base_url: str) -> str | None:
    """An absolute address; None if the value is not an address."""
    text = _word(value, _URL_LENGTH)
    if text is None:
        return None
    try:
        return urljoin(base_url, text)
    except ValueError:
        return None
