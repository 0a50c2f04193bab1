"""The wire format: what is sent to AIgateway, and every dialect of what comes back.

The public sources (model page, docs, OpenAPI file, SDKs) disagree in places; each variant that any
of them documents is read here, and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import urljoin

from .errors import InputError, ProtocolError

DEFAULT_MODEL = "ace-step/ace-step-prompt-to-audio"
MIN_DURATION = 5.0
MAX_DURATION = 240.0
FORMATS = ("mp3", "wav")


class JobStatus(str, Enum):
    """Where a job is. The gateway's words map onto these; an unknown word means RUNNING."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


class MusicRequest(NamedTuple):
    """One piece of music, as asked for. The same request with the same take is bought once."""

    prompt: str
    duration: float = 30.0
    lyrics: str = ""
    format: str = "mp3"
    model: str = DEFAULT_MODEL
    take: int = 1

    def validated(self) -> MusicRequest:
        """The request with surrounding blanks removed.

        Raises:
            InputError: an empty prompt or model, a duration outside 5 to 240 s, another format.
        """
        prompt, model = self.prompt.strip(), self.model.strip()
        if not prompt:
            raise InputError(
                "The prompt is empty: describe the music, for example "
                "“warm lo-fi piano, 80 bpm”, and queue again."
            )
        if not math.isfinite(self.duration) or not MIN_DURATION <= self.duration <= MAX_DURATION:
            raise InputError(
                f"The duration is {self.duration:g} s, but the model makes {MIN_DURATION:g} to "
                f"{MAX_DURATION:g} s: set a duration in that range."
            )
        if self.format not in FORMATS:
            raise InputError(
                f"The format is “{self.format}”, but the gateway delivers "
                f"{' or '.join(FORMATS)}: choose one of them."
            )
        if not model:
            raise InputError(f"The model is empty: choose one, for example “{DEFAULT_MODEL}”.")
        return self._replace(
            prompt=prompt,
            model=model,
            lyrics=self.lyrics.strip(),
            duration=round(float(self.duration), 3),
        )

    def body(self) -> dict[str, Any]:
        """The JSON body of the submit. The gateway has no seed, so `take` is not in it."""
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": self.prompt,
            "duration": self.duration,
            "format": self.format,
        }
        if self.lyrics:
            body["lyrics"] = self.lyrics
        else:
            # Some models write lyrics of their own unless they are told not to.
            body["is_instrumental"] = True
        return body

    def fingerprint(self, service: str) -> str:
        """SHA-256, in hex, of the service and every field: the same piece has the same one."""
        fields = json.dumps([service, *self], ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(fields.encode()).hexdigest()


class JobRecord(NamedTuple):
    """A job as the gateway last described it. Times in seconds, prices in US dollars."""

    id: str
    status: JobStatus
    result_url: str | None = None
    duration: float | None = None
    error: str | None = None
    cost: float | None = None


class Model(NamedTuple):
    """A music model of the account's catalogue; `price_per_second` is None where not known."""

    id: str
    price_per_second: float | None = None


class ErrorBody(NamedTuple):
    """What the gateway said about an error; empty strings where it said nothing."""

    code: str = ""
    reason: str = ""


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


def parse_job(body: object, base_url: str) -> JobRecord:
    """Read a job record in any documented dialect.

    Args:
        body: the decoded JSON.
        base_url: what a relative result URL is relative to.

    Raises:
        ProtocolError: not an object, or an object without an id.
    """
    if not isinstance(body, Mapping):
        raise ProtocolError(
            "The gateway answered with success, but with something that is no job record "
            f"({type(body).__name__}); this is a fault on its side."
        )
    job_id = body.get("id") or body.get("job_id")
    if not isinstance(job_id, str) or not job_id:
        raise ProtocolError(
            "The gateway answered with success, but its job record has no id; "
            "this is a fault on its side."
        )
    result = body.get("result")
    result = result if isinstance(result, Mapping) else {}
    url = result.get("url") or result.get("file_url") or body.get("result_url")
    usage = body.get("usage")
    cents = _number(usage.get("cost_cents")) if isinstance(usage, Mapping) else None
    status = body.get("status")
    return JobRecord(
        id=job_id,
        status=_STATUS_WORDS.get(str(status).lower(), JobStatus.RUNNING),
        result_url=urljoin(base_url, url) if isinstance(url, str) and url else None,
        duration=_number(result.get("duration")),
        error=_error_sentence(body.get("error")),
        cost=None if cents is None else cents / 100,
    )


def parse_error(body: object) -> ErrorBody:
    """Read an error envelope: `{"error": {…}}` with a number or a word as code, or a string."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(error, str):
        return ErrorBody(reason=error.strip())
    if not isinstance(error, Mapping):
        return ErrorBody()
    code = error.get("code")
    word = code if isinstance(code, str) and not code.isdigit() else error.get("type")
    message = error.get("message")
    return ErrorBody(
        code=word if isinstance(word, str) else "",
        reason=message.strip() if isinstance(message, str) else "",
    )


def parse_models(body: object) -> list[Model]:
    """Read the catalogue; entries without an id are passed over.

    Raises:
        ProtocolError: no list of models in the answer.
    """
    data = body.get("data") if isinstance(body, Mapping) else body
    if not isinstance(data, list):
        raise ProtocolError("The gateway's catalogue is not a list; this is a fault on its side.")
    models = []
    for entry in data:
        if isinstance(entry, Mapping) and isinstance(entry.get("id"), str) and entry["id"]:
            models.append(Model(entry["id"], _price_per_second(entry)))
    return models


def parse_balance(body: Mapping[str, Any]) -> float | None:
    """US dollars left, in whichever of the likely shapes; None where none of them fits.

    The public sources name the route but not its answer.
    """
    data = body.get("data")
    if isinstance(data, Mapping):
        body = data
    for name in ("balance_cents", "credit_cents", "credits_cents"):
        cents = _number(body.get(name))
        if cents is not None:
            return cents / 100
    for name in ("balance", "balance_usd", "credit", "credits", "available"):
        amount = _number(body.get(name))
        if amount is not None:
            return amount
    return None


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by `Retry-After` (RFC 9110, section 10.2.3): a number or an HTTP date."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    number = _number(value)
    if number is not None:
        return max(0.0, number)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - (now or datetime.now(timezone.utc))).total_seconds())


def normalized_base_url(url: str) -> str:
    """The API's base URL, ending in `/v1` whether or not the given one does.

    Raises:
        InputError: no http or https URL.
    """
    trimmed = url.strip().rstrip("/")
    scheme, separator, rest = trimmed.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.strip("/"):
        raise InputError(
            f"The base URL is “{url}”, but it has to be an http or https address such as "
            "https://api.aigateway.sh: correct AIGATEWAY_BASE_URL."
        )
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"


def _error_sentence(error: object) -> str | None:
    if error is None:
        return None
    code, reason = parse_error({"error": error})
    return " ".join(part for part in (reason, f"({code})" if code else "") if part) or None


def _price_per_second(entry: Mapping[str, Any]) -> float | None:
    pricing = entry.get("pricing")
    if isinstance(pricing, Mapping):
        for name in ("per_second", "price_per_second", "audio_second", "per_audio_second"):
            price = _number(pricing.get(name))
            if price is not None:
                return price
        unit = pricing.get("unit")
        if isinstance(unit, str) and "second" in unit:
            return _number(pricing.get("price"))
    return _number(entry.get("price_per_second"))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
