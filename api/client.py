"""AIgateway's HTTP API: one method a call, one request a method, no retries.

Whether a failed request may be repeated depends on what it would cost, so that is decided by the
caller; what this module owes the caller is a typed error that says what certainly did not happen.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpx

from .errors import (
    DASHBOARD_URL,
    AuthenticationError,
    BadGatewayError,
    CreditsError,
    NoAnswerError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    ScopeError,
    ServerError,
    StatusError,
    UnavailableError,
    UnreachableError,
)
from .protocol import (
    ErrorBody,
    JobRecord,
    JobStatus,
    Model,
    MusicRequest,
    parse_error,
    parse_job,
    parse_models,
    retry_after,
)
from .settings import ApiKey

USER_AGENT = "ComfyUI-AIgateway-Music"

# In these the connection was not made or the request did not leave whole, so nothing was created.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Rate(NamedTuple):
    """The account's request rate as one answer told it; None where it said nothing.

    `limit` and `remaining` count requests of a window, `reset` and `retry_after` are seconds;
    `exceeded` is whether the answer was a 429.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    exceeded: bool = False
    retry_after: float | None = None


class Client:
    """A client bound to one event loop, one gateway and one key.

    Args:
        base_url: the API's base, ending in `/v1`.
        api_key: sent as a bearer token to `base_url`'s host and nowhere else; None sends none.
        observe: called with every answer's rate headers.
        timeout: seconds until a silent gateway counts as gone.
    """

    def __init__(
        self,
        base_url: str,
        api_key: ApiKey | None,
        *,
        observe: Callable[[Rate], None] = lambda rate: None,
        timeout: float = 60.0,
    ) -> None:
        self.base_url = base_url
        self._key = api_key
        self._observe = observe
        options: dict[str, Any] = {
            "timeout": httpx.Timeout(timeout, connect=min(timeout, 15.0)),
            "headers": {"User-Agent": USER_AGENT, "Accept": "application/json"},
            # A proxy from the environment is for the outside, never for this machine.
            "trust_env": not is_loopback(base_url),
            "verify": ssl_context(),
        }
        self._http = httpx.AsyncClient(**options)
        # A submit gets a new connection: on a kept one that the server is just closing it would
        # fail in a way that cannot be told from a submit that was charged.
        self._submit_http = httpx.AsyncClient(
            limits=httpx.Limits(max_keepalive_connections=0), **options
        )

    async def close(self) -> None:
        await self._http.aclose()
        await self._submit_http.aclose()

    async def submit(
        self, request: MusicRequest, *, idempotency_key: str, tag: str | None = None
    ) -> JobRecord:
        """Ask for a piece of music: `POST /audio/music`.

        Raises:
            UnreachableError, RateLimitError, ServerError (500), UnavailableError, RejectedError,
            AuthenticationError, CreditsError, ScopeError, NotFoundError: nothing was created.
            NoAnswerError, BadGatewayError, ProtocolError: it may have been created and charged.
        """
        headers = {"Idempotency-Key": idempotency_key}
        if tag:
            headers["x-aig-tag"] = tag[:64]
        answer = await self._send(
            self._submit_http, "POST", "/audio/music", json=request.body(), headers=headers
        )
        return parse_job(self._json(answer), self.base_url)

    async def get(self, job_id: str) -> JobRecord | None:
        """The job's record, or None where there is no news (304, asked within 3 s).

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError: with the job's id.
        """
        answer = await self._send(self._http, "GET", f"/jobs/{_path(job_id)}", job_id=job_id)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None
        return parse_job(self._json(answer, job_id), self.base_url)

    async def cancel(self, job_id: str) -> JobRecord:
        """Ask for the job to be cancelled; the record says what became of it.

        A queued job is cancelled; one that runs or has ended stays as it is and is answered with
        its state. `DELETE /jobs/{id}` first, then `POST /jobs/{id}/cancel` where that is unknown.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError: with the job's id.
        """
        path = f"/jobs/{_path(job_id)}"
        try:
            answer = await self._send(self._http, "DELETE", path, job_id=job_id)
        except (NotFoundError, RejectedError) as error:
            if error.status not in (404, 405):
                raise
            answer = await self._send(self._http, "POST", f"{path}/cancel", job_id=job_id)
        if not answer.content:
            return JobRecord(job_id, JobStatus.CANCELLED)
        return parse_job(self._json(answer, job_id), self.base_url)

    async def models(self) -> list[Model]:
        """The account's music models: `GET /models?modality=music`.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError.
        """
        answer = await self._send(self._http, "GET", "/models", params={"modality": "music"})
        return parse_models(self._json(answer))

    async def balance(self) -> Mapping[str, Any]:
        """What `GET /balance` answers; its shape is not documented.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError.
        """
        body = self._json(await self._send(self._http, "GET", "/balance"))
        if not isinstance(body, Mapping):
            raise ProtocolError("The gateway's balance is not an object; a fault on its side.")
        return body

    def authorization_for(self, url: str) -> dict[str, str]:
        """The headers that may go with a download of `url`.

        The key goes to the gateway's own host, and there only to `/v1/files/…`, which wants it.
        """
        base, target = urlsplit(self.base_url), urlsplit(url)
        own_files = f"{base.path}/files/"
        same_origin = (base.scheme, base.netloc) == (target.scheme, target.netloc)
        return self._authorization() if same_origin and target.path.startswith(own_files) else {}

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {}

    async def _send(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        job_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        try:
            answer = await http.request(
                method,
                f"{self.base_url}{path}",
                headers={**(headers or {}), **self._authorization()},
                **options,
            )
        except _NEVER_SENT as error:
            raise UnreachableError(
                f"The gateway at {self.base_url} cannot be reached ({_cause(error)}): check the "
                "network or the proxy and queue again; nothing was sent.",
                job_id=job_id,
            ) from error
        except httpx.HTTPError as error:
            raise NoAnswerError(
                f"The gateway at {self.base_url} did not answer ({_cause(error)}).", job_id=job_id
            ) from error
        self._observe(_rate(answer))
        if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
            return answer
        raise self._status_error(answer, job_id)

    def _decoded(self, answer: httpx.Response) -> object:
        content = answer.content
        if self._key:
            # A gateway that quotes the key must not get it into a message, a log or the ledger.
            content = content.replace(self._key.reveal().encode(), self._key.hint.encode())
        return json.loads(content)

    def _json(self, answer: httpx.Response, job_id: str | None = None) -> object:
        try:
            return self._decoded(answer)
        except ValueError as error:
            raise ProtocolError(
                f"The gateway answered {answer.status_code} with something that is no JSON "
                f"({answer.headers.get('content-type', 'no content type')}); "
                "this is a fault on its side.",
                job_id=job_id,
            ) from error

    def _status_error(self, answer: httpx.Response, job_id: str | None) -> StatusError:
        try:
            body = parse_error(self._decoded(answer))
        except ValueError:
            body = ErrorBody()
        status, wait = answer.status_code, retry_after(answer.headers)
        kind, advice = self._kind_and_advice(status, wait, job_id)
        stop = "" if body.reason.endswith(".") else "."
        said = f" The gateway said: “{body.reason}”{stop}" if body.reason else ""
        error = kind(
            f"{advice}{said}", status=status, code=body.code, reason=body.reason, job_id=job_id
        )
        if isinstance(error, (RateLimitError, ServerError)):
            error.retry_after = wait
        return error

    def _kind_and_advice(
        self, status: int, wait: float | None, job_id: str | None
    ) -> tuple[type[StatusError], str]:
        again = f"in {wait:.0f} s" if wait is not None else "in a minute"
        if status == 401:
            source = f"the one from {self._key.source}" if self._key else "none was sent"
            return AuthenticationError, f"The gateway does not accept the API key: check {source}."
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
            what = f"the job {job_id}" if job_id else "this model or address"
            return NotFoundError, f"The gateway does not know {what}: check it."
        if status == 429:
            return RateLimitError, f"Too many requests for this account: try again {again}."
        if status == 503:
            return UnavailableError, f"The gateway is not available now: try again {again}."
        if status in (502, 504):
            return BadGatewayError, f"A proxy of the gateway gave up ({status})."
        if status >= 500:
            return ServerError, f"The gateway had a fault of its own ({status}): try again {again}."
        return RejectedError, f"The gateway refused the request ({status}): correct the inputs."


def is_loopback(url: str) -> bool:
    """Whether `url` points at this machine."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def ssl_context() -> ssl.SSLContext:
    """One context for all clients of the process: making one costs some forty milliseconds."""
    global _context
    if _context is None:
        _context = httpx.create_ssl_context()
    return _context


_context: ssl.SSLContext | None = None


def _path(job_id: str) -> str:
    return quote(job_id, safe="")


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__


def _rate(answer: httpx.Response) -> Rate:
    def number(name: str) -> float | None:
        try:
            return float(answer.headers[name])
        except (KeyError, ValueError):
            return None

    limit = number("x-ratelimit-limit-requests")
    remaining = number("x-ratelimit-remaining-requests")
    return Rate(
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None else int(remaining),
        reset=number("x-ratelimit-reset-requests"),
        exceeded=answer.status_code == httpx.codes.TOO_MANY_REQUESTS,
        retry_after=retry_after(answer.headers),
    )
