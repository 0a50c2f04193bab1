"""Turns an HTTP error status into a typed error with advice."""

from __future__ import annotations

import re

from ..base.errors import (
    DASHBOARD_URL,
    AuthenticationError,
    BadGatewayError,
    BudgetError,
    CreditsError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ScopeError,
    ServerError,
    StatusError,
    UnavailableError,
)
from .http import PROXY_LOGIN
from .key import ApiKey
from .protocol import ErrorBody
from .rate_limit import moment_in

_NO_LONGER = re.compile("expired|rotated|revoked")
_GAVE_UP = {
    "provider_error": "The provider of the model failed (provider_error).",
    "timeout_error": "The model did not answer the gateway in time (timeout_error).",
}
"""The gateway's names of the statuses 502 and 504. The job may exist, and may be charged."""


def status_error(
    status: int,
    body: ErrorBody,
    *,
    retry_after: float | None,
    key: ApiKey | None,
    job_id: str | None,
    request_id: str | None = None,
) -> StatusError:
    """The error of an answer with an error status.

    Args:
        retry_after: seconds, as the answer's `Retry-After` says.
        key: the key that was sent; the error names its source only.
    """
    kind, advice = _kind_and_advice(status, body.code, retry_after, key, job_id)
    stop = "" if body.reason.endswith(".") else "."
    said = f" The gateway said: “{body.reason}”{stop}" if body.reason else ""
    return kind(
        f"{advice}{said}{_support(status, request_id)}",
        status=status,
        code=body.code,
        reason=body.reason,
        retry_after=retry_after,
        job_id=job_id,
    )


def named(request_id: str | None) -> str:
    """A request id in brackets, for the gateway's support."""
    return f" (request {request_id})" if request_id else ""


def _support(status: int, request_id: str | None) -> str:
    """The request id for the gateway's support, if the error is about money or a gateway fault."""
    concerns = status == 402 or status >= 500
    return f" For support: request {request_id}." if concerns and request_id else ""


def _kind_and_advice(
    status: int, code: str, retry_after: float | None, key: ApiKey | None, job_id: str | None
) -> tuple[type[StatusError], str]:
    again = "in a minute"
    if retry_after is not None:
        is_soon = retry_after < 60
        again = f"in {retry_after:.0f} s" if is_soon else f"after {moment_in(retry_after)}"
    if status == 401:
        if key is None:
            return AuthenticationError, (
                "The gateway wants an API key, and no key is set: set one in Settings > AIgateway."
            )
        why = " (rotated or expired?)" if _NO_LONGER.search(code) else ""
        return AuthenticationError, (
            f"The gateway does not accept the API key{why}: check the one from {key.source}."
        )
    if status == 402 and code == "budget_exceeded":
        return BudgetError, (
            "The monthly budget of this API key is used up: raise its spending cap in the "
            f"dashboard ({DASHBOARD_URL}). Topping up does not help."
        )
    if status == 402:
        return CreditsError, (
            f"The account has too little credit: top up in the dashboard ({DASHBOARD_URL})."
        )
    if status == 403:
        return ScopeError, (
            "This API key is not allowed to do this: widen its models or its limit in "
            "AIgateway's dashboard, or use another key."
        )
    if status == 404:
        if job_id:
            return NotFoundError, f"The gateway does not know the job {job_id}."
        return NotFoundError, "The gateway does not know this model or address: check it."
    if status == 407:
        return RejectedError, PROXY_LOGIN
    if status == 429:
        return RateLimitError, f"The account sends too many requests: try again {again}."
    if status == 503:
        return UnavailableError, f"The gateway is not available now: try again {again}."
    if status in (502, 504):
        return BadGatewayError, _GAVE_UP.get(code, f"A proxy of the gateway gave up ({status}).")
    if status >= 500:
        return ServerError, f"The gateway had a fault ({status}): try again {again}."
    return RejectedError, f"The gateway refused the request ({status}): correct the inputs."
