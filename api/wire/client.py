"""AIgateway's HTTP API: one method a call. Every request waits for its slot in the account's rate.

A 429 takes another slot. All else is raised: whether a failed request may be repeated depends on
its cost, and this module knows no money.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from ..errors import (
    NoAnswerError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    StatusError,
    UnreachableError,
    UntrustedCertificateError,
)
from ..request import MusicRequest
from ..timing import Timing
from .certificates import is_untrusted, untrusted
from .download import Source
from .http import USER_AGENT, cause, options_for
from .job_files import job_file, key_may_go_elsewhere, key_may_go_to
from .key import ApiKey
from .protocol import (
    ErrorBody,
    JobRecord,
    JobStatus,
    Model,
    parse_cost,
    parse_error,
    parse_job,
    parse_models,
    parse_signed,
    request_id,
)
from .rate_limit import Rate, RateLimiter
from .retry_after import retry_after
from .status_errors import named, status_error

_KEY_LENGTH = 16
SIGNED_SECONDS = 3600
"""How long a signed address is asked for; the gateway allows 60 to 604,800."""

# In these the connection was not made or the request did not leave whole, so nothing was created.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Client:
    """One gateway and one key. Lives in one event loop.

    Args:
        base_url: the API's base, ending in `/v1`.
        api_key: sent as a bearer token to `base_url`'s host and nowhere else; None sends none.
        clock: seconds, monotonic.
        cost_tag: begins the tag under which the gateway sums costs; "" sends none.
    """

    def __init__(
        self,
        base_url: str,
        api_key: ApiKey | None,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
        cost_tag: str = "",
    ) -> None:
        timing = timing or Timing()
        self.base_url = base_url
        self.clock = clock
        self.rate_limiter = RateLimiter(timing, clock)
        self._key = api_key
        self._cost_tag = cost_tag
        self._timing = timing
        self._polled: dict[str, float] = {}
        self._closed_until = 0.0
        options: dict[str, Any] = {
            "timeout": httpx.Timeout(
                timing.answer_timeout, connect=min(timing.answer_timeout, timing.connect_timeout)
            ),
            "headers": {"User-Agent": USER_AGENT, "Accept": "application/json"},
        }
        self._http = httpx.AsyncClient(**options, **options_for(base_url))
        # A submit gets a new connection: on a kept one that the server is just closing it would
        # fail in a way that cannot be told from a submit that was charged.
        self._submit_http = httpx.AsyncClient(
            **options, **options_for(base_url, httpx.Limits(max_keepalive_connections=0))
        )

    @property
    def closed_for(self) -> float:
        """Seconds for which the gateway said that it takes no requests; 0 where it takes them."""
        return max(0.0, self._closed_until - self.clock())

    async def close(self) -> None:
        await self._http.aclose()
        await self._submit_http.aclose()

    async def submit(self, request: MusicRequest, *, idempotency_key: str) -> JobRecord:
        """Ask for a track: `POST /audio/music`. The cost tag names the request in its short form.

        Raises:
            UnreachableError, RateLimitError, ServerError (500), UnavailableError, RejectedError,
            AuthenticationError, CreditsError, ScopeError, NotFoundError: nothing was created.
            NoAnswerError, BadGatewayError, ProtocolError: a job may have been created and charged.
        """
        answer = await self._send(
            "POST",
            "/audio/music",
            http=self._submit_http,
            json=request.body(),
            headers={"Idempotency-Key": idempotency_key, **self._tag(idempotency_key)},
        )
        return self._record(answer)

    async def poll(self, job_id: str, *, due: float | None = None) -> JobRecord | None:
        """The job's record: `GET /jobs/{id}`. None means no news (304).

        Args:
            due: send no earlier, seconds of the clock; a job's poll floor is kept in any case.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError: with the job's id.
        """
        due = self.clock() if due is None else due
        polled = self._polled.get(job_id)
        if polled is not None:
            due = max(due, polled + self._timing.poll_floor)
        try:
            answer = await self._send(
                "GET",
                f"/jobs/{_path(job_id)}",
                job_id=job_id,
                due=due,
                is_poll=True,
                is_first=polled is None,
            )
        finally:
            self._polled[job_id] = self.clock()
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None
        return self._record(answer, job_id)

    async def cancel(self, job_id: str) -> JobRecord:
        """Ask the gateway to cancel the job; the record says the state of the job.

        The gateway cancels a queued job. It leaves a running or ended one as it is. `DELETE
        /jobs/{id}` comes first, then `POST /jobs/{id}/cancel` where that route is unknown.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError: with the job's id.
        """
        path = f"/jobs/{_path(job_id)}"
        try:
            answer = await self._send("DELETE", path, job_id=job_id)
        except (NotFoundError, RejectedError) as error:
            if error.status not in (404, 405):
                raise
            answer = await self._send("POST", f"{path}/cancel", job_id=job_id)
        if not answer.content:
            return JobRecord(job_id, JobStatus.CANCELLED)
        return self._record(answer, job_id)

    async def models(self) -> list[Model]:
        """The account's music models: `GET /models?modality=music`.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError.
        """
        answer = await self._send("GET", "/models", params={"modality": "music"})
        return parse_models(self._json(answer))

    async def balance(self) -> Mapping[str, Any]:
        """The answer to `GET /balance`; its shape is not documented.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError.
        """
        body = self._json(await self._send("GET", "/balance"))
        if not isinstance(body, Mapping):
            raise ProtocolError("The gateway's balance is no object: a fault of the gateway.")
        return body

    def source(self, url: str) -> Source:
        """A download of `url`, with the key where that is the gateway's own file behind the key."""
        may_go = key_may_go_to(url, self.base_url)
        return Source(url, self._authorization() if may_go else {})

    async def permitted_source(self, url: str) -> Source | None:
        """Another way to a job's file whose address wants the key; None where there is none.

        A signed address by `GET /files/jobs/{id}/{name}/signed`, for which the key goes to the API
        alone. Where that route is unknown (404, 405), the live gateway's file host gets the key.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError: with the job's id.
        """
        file = job_file(url)
        if file is None:
            return None
        path = f"/files/jobs/{_path(file.job_id)}/{_path(file.name)}/signed"
        try:
            answer = await self._send(
                "GET", path, job_id=file.job_id, params={"expires_in": SIGNED_SECONDS}
            )
        except (NotFoundError, RejectedError) as error:
            if error.status not in (404, 405):
                raise
            elsewhere = key_may_go_elsewhere(url, self.base_url)
            return Source(url, self._authorization()) if elsewhere else None
        signed = parse_signed(self._json(answer, file.job_id), self.base_url)
        return None if signed is None else Source(signed)

    def _tag(self, idempotency_key: str) -> dict[str, str]:
        """The header that sums a cost under a tag; the gateway takes 64 characters."""
        if not self._cost_tag:
            return {}
        return {"x-aig-tag": f"{self._cost_tag}/{idempotency_key[:_KEY_LENGTH]}"}

    def _record(self, answer: httpx.Response, job_id: str | None = None) -> JobRecord:
        """The job record in an answer, with the cost and the id that its headers tell."""
        body = self._json(answer, job_id)
        record = parse_job(body, self.base_url)
        if record.cost is None:
            record = record._replace(cost=parse_cost({}, answer.headers))
        return record._replace(request_id=request_id(answer.headers))

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {}

    async def _send(
        self,
        method: str,
        path: str,
        *,
        job_id: str | None = None,
        http: httpx.AsyncClient | None = None,
        due: float | None = None,
        is_poll: bool = False,
        is_first: bool = False,
        **options: Any,
    ) -> httpx.Response:
        """Send a request in its slot; after a 429 in another one, until the patience ends."""
        due = self.clock() if due is None else due
        give_up = due + self._timing.blip_patience
        while True:
            async with self.rate_limiter.slot(due=due, is_poll=is_poll, is_first=is_first):
                try:
                    return await self._exchange(
                        http or self._http, method, path, job_id=job_id, **options
                    )
                except RateLimitError as error:
                    wait = error.retry_after or 0.0
                    is_shut = not is_poll and wait > self._timing.longest_retry_after
                    if is_shut or self.clock() >= give_up:
                        raise
            due = self.clock() + (self._timing.poll_floor if is_poll else 0.0)

    async def _exchange(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        job_id: str | None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """One request and its answer."""
        try:
            answer = await http.request(
                method,
                f"{self.base_url}{path}",
                headers={**(headers or {}), **self._authorization()},
                **options,
            )
        except _NEVER_SENT as error:
            if is_untrusted(error):
                sentence = untrusted(urlsplit(self.base_url).netloc, cause(error))
                raise UntrustedCertificateError(
                    f"{sentence} Nothing was sent.", job_id=job_id
                ) from error
            raise UnreachableError(
                f"The gateway at {self.base_url} cannot be reached ({cause(error)}): check the "
                "network or the proxy, and queue again. Nothing was sent.",
                job_id=job_id,
            ) from error
        except httpx.HTTPError as error:
            raise NoAnswerError(
                f"The gateway at {self.base_url} did not answer ({cause(error)}).", job_id=job_id
            ) from error
        self.rate_limiter.observe(_rate(answer))
        is_closed = answer.status_code in (
            httpx.codes.TOO_MANY_REQUESTS,
            httpx.codes.SERVICE_UNAVAILABLE,
        )
        wait = retry_after(answer.headers) if is_closed else None
        self._closed_until = self.clock() + (wait or 0.0)
        if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
            return answer
        raise self._status_error(answer, job_id)

    def _decoded(self, answer: httpx.Response) -> object:
        content = answer.content
        if self._key:
            # The gateway may quote the key: it must not reach a message, a log or the ledger.
            content = content.replace(self._key.reveal().encode(), self._key.hint.encode())
        return json.loads(content)

    def _json(self, answer: httpx.Response, job_id: str | None = None) -> object:
        try:
            return self._decoded(answer)
        except ValueError as error:
            raise ProtocolError(
                f"The gateway answered {answer.status_code} without JSON "
                f"({answer.headers.get('content-type', 'no content type')}). "
                f"This is a fault of the gateway{named(request_id(answer.headers))}.",
                job_id=job_id,
            ) from error

    def _status_error(self, answer: httpx.Response, job_id: str | None) -> StatusError:
        try:
            body = parse_error(self._decoded(answer))
        except ValueError:
            body = ErrorBody()
        return status_error(
            answer.status_code,
            body,
            retry_after=retry_after(answer.headers),
            key=self._key,
            job_id=job_id,
            request_id=request_id(answer.headers),
        )


def _path(job_id: str) -> str:
    return quote(job_id, safe="")


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
