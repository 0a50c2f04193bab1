"""Send one request and read its answer: the slot in the account's rate, the key, and the errors.

After a 429 the request takes another slot. Every other failure is an exception: whether a failed
request may be repeated depends on its cost, and this module does not know the cost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from ..base.errors import (
    NoAnswerError,
    ProtocolError,
    RateLimitError,
    StatusError,
    UnreachableError,
    UntrustedCertificateError,
)
from ..base.plain_text import plain, without_keys
from ..base.timing import Timing
from .http import HEADERS, QuietClient, cause, certificate_fault, compression_of, options_for
from .key import ApiKey
from .protocol import ErrorBody, parse_error, request_id
from .rate_limit import Due, Observe, RateLimiter, Retries, rate_of, retry_after
from .status_errors import named, status_error

MOST_BYTES = 4_000_000
"""No JSON of the gateway is longer; a list of a thousand models has less than a tenth of it."""

# The connection was not made, or the request was not sent whole, so nothing was created.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Answer(NamedTuple):
    """An answer with its body.

    Attributes:
        headers: without API keys.
        content: the body; empty if it has a `fault`.
        fault: why the body cannot be used, in a few words; "" if it has no fault.
    """

    status_code: int
    headers: httpx.Headers
    content: bytes = b""
    fault: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300


class Exchange:
    """The connections to one gateway, and the rate of one key. Lives in one event loop.

    Args:
        base_url: the API's base, ending in `/v1`.
        api_key: sent as a bearer token with every request; None: no token.
        clock: seconds, monotonic.
        rate_limiter: the schedule of the key; None if this process alone uses the key.
    """

    def __init__(
        self,
        base_url: str,
        api_key: ApiKey | None,
        timing: Timing,
        clock: Callable[[], float],
        rate_limiter: RateLimiter | None = None,
    ) -> None:
        self.base_url = base_url
        self.clock = clock
        self.rate_limiter = rate_limiter or RateLimiter(timing, clock)
        self._key = api_key
        self._timing = timing
        self._closed_until = 0.0
        self.retries = Retries(clock)
        options: dict[str, Any] = {
            "timeout": httpx.Timeout(
                timing.answer_timeout, connect=min(timing.answer_timeout, timing.connect_timeout)
            ),
            "headers": {**HEADERS, "Accept": "application/json"},
        }
        self._http = QuietClient(**options, **options_for(base_url))
        self._fresh_http = QuietClient(
            **options, **options_for(base_url, httpx.Limits(max_keepalive_connections=0))
        )

    @property
    def closed_for(self) -> float:
        """Seconds for which the gateway takes no requests, as it said; 0 if it takes them."""
        return max(0.0, self._closed_until - self.clock())

    async def close(self) -> None:
        await self._http.aclose()
        await self._fresh_http.aclose()

    async def send(
        self,
        method: str,
        path: str,
        *,
        job_id: str | None = None,
        on_new_connection: bool = False,
        confirm: Callable[[], Awaitable[None]] | None = None,
        due: Due | None = None,
        is_poll: bool = False,
        is_first: bool = False,
        about: str = "",
        **options: Any,
    ) -> Answer:
        """Send a request in its slot; after a 429 in another slot, until the time for that ends.

        Args:
            path: below the base URL.
            job_id: the job that an error names.
            on_new_connection: for a request that must not be sent twice. On a connection that the
                server is closing, a request fails as if the server had received it. The whole
                exchange ends within `Timing.answer_timeout`.
            confirm: called in the slot, before the request leaves; its exception stops it.
            due: wait at least until then; see `RateLimiter.slot`.
            is_poll, is_first: see `RateLimiter.slot`.
            about: the name of the request in `retries`; the job id by default.

        Raises:
            StatusError, UnreachableError, NoAnswerError.
        """
        about = about or job_id or path
        due = self.clock() if due is None else due
        give_up: float | None = None
        http = self._fresh_http if on_new_connection else self._http
        while True:
            slot = self.rate_limiter.slot(due=due, is_poll=is_poll, is_first=is_first)
            async with slot as observe:
                if confirm is not None:
                    await confirm()
                if is_poll:
                    self.retries.asked(about)
                try:
                    answer = await self._once(http, observe, method, path, job_id=job_id, **options)
                    self.retries.clear(about)
                    return answer
                except RateLimitError as error:
                    wait = error.retry_after or 0.0
                    if give_up is None:
                        give_up = self.clock() + self._timing.blip_patience
                    is_shut = not is_poll and wait > self._timing.longest_retry_after
                    if is_shut or self.clock() >= give_up:
                        raise
                    self.retries.note(about, error, self.rate_limiter.closed_for)
            due = self.clock() + (self._timing.poll_floor if is_poll else 0.0)

    async def _once(
        self,
        http: httpx.AsyncClient,
        observe: Observe,
        method: str,
        path: str,
        *,
        job_id: str | None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        """Send the request once and read its answer."""
        # On a shared ledger another machine may take over this machine's rows. So a submit has to
        # end well before that.
        is_submit = http is self._fresh_http
        longest = self._timing.answer_timeout if is_submit else self._timing.answer_total
        try:
            request = http.build_request(
                method,
                f"{self.base_url}{path}",
                headers={**(headers or {}), **self.authorization()},
                **options,
            )
            answer = await _fetch(http, request, longest)
        except _NEVER_SENT as error:
            if sentence := certificate_fault(error, urlsplit(self.base_url).netloc):
                raise UntrustedCertificateError(
                    f"{sentence} Nothing was sent.", job_id=job_id
                ) from error
            raise UnreachableError(
                f"The gateway at {self.base_url} cannot be reached ({cause(error)}): check the "
                "network or the proxy, and queue again. Nothing was sent.",
                job_id=job_id,
            ) from error
        except Exception as error:
            # Whatever error the answer causes in the HTTP library, the request may have left.
            raise NoAnswerError(
                f"The gateway at {self.base_url} did not answer ({cause(error)}).", job_id=job_id
            ) from error
        observe(rate_of(answer.status_code, answer.headers))
        is_closed = answer.status_code in (
            httpx.codes.TOO_MANY_REQUESTS,
            httpx.codes.SERVICE_UNAVAILABLE,
        )
        wait = retry_after(answer.headers) if is_closed else None
        self._closed_until = self.clock() + (wait or 0.0)
        if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
            return answer
        raise self._status_error(answer, job_id)

    def authorization(self) -> dict[str, str]:
        """The header with the key; empty without a key."""
        return {"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {}

    def json(self, answer: Answer, job_id: str | None = None) -> object:
        """The JSON in an answer, without API keys. Raises ProtocolError."""
        try:
            return _decoded(answer)
        except (ValueError, RecursionError) as error:
            fault = answer.fault or answer.headers.get("content-type", "no content type")[:80]
            raise ProtocolError(
                f"The gateway answered {answer.status_code} without usable JSON ({fault}). "
                f"This is a fault of the gateway{named(request_id(answer.headers))}.",
                job_id=job_id,
            ) from error

    def _status_error(self, answer: Answer, job_id: str | None) -> StatusError:
        try:
            body = parse_error(_decoded(answer))
        except (ValueError, RecursionError):
            body = ErrorBody()
        return status_error(
            answer.status_code,
            body,
            retry_after=retry_after(answer.headers),
            key=self._key,
            job_id=job_id,
            request_id=request_id(answer.headers),
        )


async def _fetch(http: httpx.AsyncClient, request: httpx.Request, longest: float) -> Answer:
    """Send `request` and read its answer.

    Raises:
        httpx.HTTPError: as httpx; also if the answer takes longer than `longest` seconds.
    """
    try:
        return await asyncio.wait_for(_answer(http, request), longest)
    except asyncio.TimeoutError:
        raise httpx.ReadTimeout(
            f"the answer was not whole within {longest:g} s", request=request
        ) from None


async def _answer(http: httpx.AsyncClient, request: httpx.Request) -> Answer:
    answer = await http.send(request, stream=True)
    shown = [(name, without_keys(value)) for name, value in answer.headers.items()]
    made = Answer(answer.status_code, httpx.Headers(shown, encoding="utf-8"))
    try:
        if compression := compression_of(answer.headers):
            return made._replace(fault=f"compressed with {compression} against the request")
        content = bytearray()
        async for chunk in answer.aiter_raw():
            content += chunk
            if len(content) > MOST_BYTES:
                return made._replace(fault=f"longer than {MOST_BYTES / 1e6:g} MB")
        return made._replace(content=bytes(content))
    except httpx.HTTPError as error:
        # For an error, the status is enough.
        if made.is_success:
            raise
        return made._replace(fault=cause(error))
    finally:
        await answer.aclose()


def _decoded(answer: Answer) -> object:
    """The JSON in an answer. The gateway may quote the key, so it is removed for the ledger."""
    if answer.fault:
        raise ValueError(answer.fault)
    return _without_keys(json.loads(answer.content))


def _without_keys(value: Any) -> Any:
    if isinstance(value, str):
        # A hidden character could stand within a key, and a search for the key would miss it.
        return without_keys(value if value.isprintable() else plain(value, MOST_BYTES))
    if isinstance(value, list):
        return [_without_keys(item) for item in value]
    if isinstance(value, dict):
        return {without_keys(name): _without_keys(item) for name, item in value.items()}
    return value
