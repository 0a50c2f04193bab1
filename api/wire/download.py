"""Download a file within a size and a time. A dropped connection is resumed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from ..base.errors import AddressError, DownloadError, InputError
from ..base.timing import Timing, pause
from .addresses import split_address, without_secrets
from .arriving_file import ArrivingFile
from .guard import MAX_REDIRECTS, AddressGuard, GuardedTransport, refusal, same_host_spelling
from .http import HEADERS, PROXY_LOGIN, QuietClient, cause, certificate_fault, compression_of
from .rate_limit import moment_in, retry_after

LEAST_BYTES = 16_384
"""A server that sends less in `Timing.silence_timeout` is as good as silent."""
# Attempts without a single new byte that end a download.
_ATTEMPTS = 6
# How often a refused address is replaced: by the job's new one, and each time by a signed one.
_RENEWALS = 3
_CHANGED = "The file changed on the server during the download: queue again."

Renew = Callable[["FileAddress", int], Awaitable["FileAddress | None"]]
"""From an address and its status to another address; None if there is no other."""


class FileAddress(NamedTuple):
    """The address of a file, and the headers that may go there."""

    url: str
    headers: Mapping[str, str] = {}


def checked_url(url: str) -> str:
    """The URL without surrounding blanks.

    Raises:
        InputError: `url` is empty, or no http or https address with a host.
        AddressError: its host is spelled so that two programs may read different hosts.
    """
    url = url.strip()
    if not url:
        raise InputError(
            "The URL is empty: connect audio_url of Poll Job, or paste the address of an audio "
            "file."
        )
    parts = split_address(url)
    if parts is None:
        raise InputError(
            f"“{without_secrets(url)[:80]}” is not a web address: give the address of an "
            "audio file. It begins with http:// or https://."
        )
    try:
        is_plain = same_host_spelling(url)
    except (ValueError, httpx.InvalidURL):
        is_plain = False
    if not is_plain:
        raise refusal(parts.hostname or "")
    return url


async def download(
    address: FileAddress,
    into: ArrivingFile,
    timing: Timing,
    *,
    guard: AddressGuard,
    renew: Renew | None = None,
    job_id: str | None = None,
) -> None:
    """Download `address` into `into`, and finish `into` in every case.

    Args:
        guard: judges each address before a connection to it, also those of redirects.
        renew: asked for another address after a 401, 403, 404 or 410, and if no server answers
            (status 0).
        job_id: the job of the file; errors name it.

    Raises:
        AddressError: the guard refuses the address.
        DownloadError: the file did not arrive whole.
    """
    try:
        is_track = job_id is not None or bool(address.headers)
        work = _Download(address, into, timing, renew, is_track=is_track).run(guard)
        await _within_total(work, into, timing)
    except asyncio.CancelledError:
        into.finish(DownloadError("The download was stopped.", job_id=job_id))
        raise
    except DownloadError as error:
        paid = f"The job is {job_id}; it is paid for once."
        named = error.noting(paid, job_id=job_id) if job_id else error
        into.finish(named)
        raise named from error
    except BaseException as error:
        into.finish(error)
        raise
    into.finish()


async def _within_total(work: Awaitable[None], into: ArrivingFile, timing: Timing) -> None:
    try:
        await asyncio.wait_for(work, timing.file_total)
    except asyncio.TimeoutError:
        raise DownloadError(
            f"The audio file did not arrive whole within {timing.file_total / 60:g} minutes "
            f"({into.received} bytes came): queue again, or download it with a browser and load it "
            "from there. A bought track is not paid again."
        ) from None


class _LaterError(Exception):
    """The attempt failed, but a later one may succeed. `wait`: seconds that the server asks for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class _Download:
    """One file on its way: its address, and the attempts since the last new byte."""

    def __init__(
        self,
        address: FileAddress,
        into: ArrivingFile,
        timing: Timing,
        renew: Renew | None,
        *,
        is_track: bool,
    ) -> None:
        self._address = address
        self._into = into
        self._timing = timing
        self._renew = renew
        self._is_track = is_track
        self._renewals = 0
        self._validator = ""
        self._attempts = 0
        self._asked = 0.0
        self._seen = 0

    async def run(self, guard: AddressGuard) -> None:
        """Raises AddressError, DownloadError."""
        async with QuietClient(
            timeout=self._timing.silence_timeout,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            headers=HEADERS,
            transport=GuardedTransport(guard, self._timing),
        ) as http:
            is_whole = False
            while not is_whole:
                try:
                    is_whole = await self._attempt(http)
                except _LaterError as error:
                    await self._pause(str(error), error.wait)

    async def _attempt(self, http: httpx.AsyncClient) -> bool:
        """Ask once. False: the file has another address now.

        Raises:
            AddressError, DownloadError: no attempt can succeed.
            _LaterError: a later attempt may succeed.
        """
        headers = dict(self._address.headers)
        if self._into.received and self._validator:
            headers |= {"Range": f"bytes={self._into.received}-", "If-Range": self._validator}
        try:
            async with _answer_to(http, self._address.url, headers, self._timing) as answer:
                return await self._read(answer)
        except AddressError:
            # A sandbox that has ended leaves no server at its address: the job has another address.
            if await self._found_another(0):
                return False
            raise
        except (httpx.InvalidURL, UnicodeError) as error:
            # A redirect may lead to an address that is not valid.
            raise DownloadError(
                f"The server of the audio file leads to an address that is not valid "
                f"({cause(error)}): check the URL."
            ) from error
        except httpx.TooManyRedirects:
            raise DownloadError(
                f"The server of the audio file redirects more than {MAX_REDIRECTS} times: "
                "give the address of the file itself."
            ) from None
        except httpx.HTTPError as error:
            if sentence := certificate_fault(error, _host(self._address.url)):
                raise DownloadError(sentence) from error
            if isinstance(error, httpx.ProxyError) and "407" in str(error):
                raise DownloadError(PROXY_LOGIN) from error
            if isinstance(error, httpx.ConnectError) and await self._found_another(0):
                return False
            raise _LaterError(cause(error)) from error

    async def _read(self, answer: httpx.Response) -> bool:
        """Read the answer. False: the file has another address now."""
        status = answer.status_code
        if status in (401, 403, 404, 410):
            if await self._found_another(status):
                return False
            raise DownloadError(_gone(status, self._address, self._is_track))
        if status == 407:
            raise DownloadError(PROXY_LOGIN)
        if status == 429 or status >= 500:
            wait = retry_after(answer.headers) or 0.0
            until = f" and sends nothing until {moment_in(wait)}" if wait >= 1 else ""
            reason = f"the server answered {status}{until}"
            self._into.paused = reason if until else ""
            raise _LaterError(reason, wait)
        if status not in (200, 206):
            raise DownloadError(f"The server of the audio file answered {status}.")
        self._into.paused = ""
        self._validator = _validator(answer)
        await _read_body(answer, self._into, self._timing)
        return True

    async def _found_another(self, status: int) -> bool:
        """Whether `renew` has another address than the one that answered `status`: then use it."""
        self._renewals += 1
        if self._renew is None or self._renewals > _RENEWALS:
            return False
        found = await self._renew(self._address, status)
        # If no server answers, the same address with other headers does not help.
        if found is None or (not status and found.url == self._address.url):
            return False
        self._address = found
        return True

    async def _pause(self, reason: str, wait: float) -> None:
        """Wait for the next attempt. Raises DownloadError if the time for attempts is over."""
        if self._into.received > self._seen:
            self._attempts, self._asked, self._seen = 0, 0.0, self._into.received
        self._attempts += 1
        self._asked += wait
        if self._attempts >= _ATTEMPTS or self._asked > self._timing.longest_retry_after:
            raise DownloadError(
                f"The audio file did not arrive whole ({reason}; {self._into.received} bytes "
                "came): queue again. A bought track is not paid again."
            )
        shortest = pause(self._attempts, self._timing.file_backoff, self._timing.file_backoff_max)
        await asyncio.sleep(max(wait, shortest))


@contextlib.asynccontextmanager
async def _answer_to(
    http: httpx.AsyncClient, url: str, headers: Mapping[str, str], timing: Timing
) -> AsyncIterator[httpx.Response]:
    """Wait for the headers of the answer. Raises httpx.HTTPError."""
    request = http.build_request("GET", url, headers=headers)
    try:
        answer = await asyncio.wait_for(http.send(request, stream=True), timing.answer_total)
    except asyncio.TimeoutError:
        raise httpx.ReadTimeout(f"no answer within {timing.answer_total:g} s") from None
    try:
        yield answer
    finally:
        await answer.aclose()


async def _read_body(answer: httpx.Response, into: ArrivingFile, timing: Timing) -> None:
    """Read a body, or the part of it that a 206 sends, to its end.

    Raises:
        httpx.HTTPError: the connection broke off.
        DownloadError: the body is compressed, longer than allowed, or of another file.
    """
    if compression := compression_of(answer.headers):
        raise DownloadError(
            f"The server compressed the file ({compression}), although it was asked not to: "
            "download it with a browser and load it from there."
        )
    position = 0
    whole = _byte_count(answer.headers.get("content-length", ""))
    if answer.status_code == 206:
        position, whole = _content_range(answer)
        if position > into.received:
            raise DownloadError("The server sent the wrong part of the file: queue again.")
    if into.size is not None and whole is not None and whole != into.size:
        raise DownloadError(_CHANGED)
    into.expect(whole)
    async for chunk in _chunks(answer, timing):
        position = _feed(into, position, chunk)
    if into.size is not None and into.received < into.size:
        raise httpx.RemoteProtocolError(f"the body ended {into.size - into.received} bytes short")


async def _chunks(answer: httpx.Response, timing: Timing) -> AsyncIterator[bytes]:
    """The body. Raises httpx.ReadTimeout: the server sends nothing, or too little."""
    clock = asyncio.get_running_loop().time
    since, received = clock(), 0
    async for chunk in answer.aiter_raw():
        received += len(chunk)
        yield chunk
        if clock() - since >= timing.silence_timeout:
            if received < LEAST_BYTES:
                raise httpx.ReadTimeout(
                    f"{received} bytes in {timing.silence_timeout:g} s are too few"
                )
            since, received = clock(), 0


def _feed(into: ArrivingFile, position: int, chunk: bytes) -> int:
    """Add the file's bytes from `position` on. Returns the position after them."""
    end = position + len(chunk)
    known = into.received - position
    if known > 0:
        # The server began again. The bytes that the reader has already used must be the same.
        head = bytes(into.content()[position : position + min(known, len(chunk))])
        if head != chunk[: len(head)]:
            raise DownloadError(_CHANGED)
        chunk = chunk[len(head) :]
    if chunk:
        into.feed(chunk)
    return end


def _content_range(answer: httpx.Response) -> tuple[int, int | None]:
    unit, _, rest = answer.headers.get("content-range", "").partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    position = _byte_count(first)
    if unit != "bytes" or position is None:
        raise DownloadError("The server sent an unnamed part of the file: queue again.")
    return position, _byte_count(total)


def _byte_count(digits: str) -> int | None:
    """A byte count from a header, or None if it is not one. A number with more than 18 digits is
    too large for a file."""
    is_count = digits.isascii() and digits.isdigit() and len(digits) <= 18
    return int(digits) if is_count else None


def _validator(answer: httpx.Response) -> str:
    """The value for `If-Range` (RFC 9110, section 13.1.5): a strong ETag or a date; else ""."""
    etag = answer.headers.get("etag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return answer.headers.get("last-modified", "")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _gone(status: int, address: FileAddress, is_track: bool) -> str:
    if not is_track:
        return (
            f"The server {_host(address.url)} does not give out this file ({status}): check the "
            "address in a browser. It may have expired, or need a login."
        )
    if status in (401, 403):
        return (
            f"The server of the audio file refuses the address ({status}): queue Poll Job again "
            "for a new address."
        )
    return (
        f"The audio file is gone from this address ({status}). The gateway keeps an address for "
        "24 hours and a file for 7 days: queue Poll Job again for a new address."
    )
