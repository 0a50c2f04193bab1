"""Download a file, and resume where the connection dropped."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from ..errors import AddressError, DownloadError, InputError
from ..timing import Timing
from .address import split_address, without_user_info
from .address_guard import AddressGuard, refusal, same_host_spelling
from .arriving_file import ArrivingFile
from .certificates import is_untrusted, untrusted
from .content_encoding import Decoder, decoder_for
from .guarded import MAX_REDIRECTS, GuardedTransport
from .http import USER_AGENT, cause
from .retry_after import moment_in, retry_after

# Attempts without a single new byte that end a download.
_ATTEMPTS = 6
# How often a source that is refused is replaced: by its job, and by a signed address each time.
_RENEWALS = 3
_CHANGED = "The file changed on the server during the download: queue again."

Renew = Callable[["Source", int], Awaitable["Source | None"]]
"""From a source and the status it answered with to another source; None where there is none."""


class Source(NamedTuple):
    """The address of a file, and the headers that may go there."""

    url: str
    headers: Mapping[str, str] = {}


def checked_url(url: str) -> str:
    """The URL without surrounding blanks.

    Raises:
        InputError: `url` is empty, or no http or https address with a host.
        AddressError: its host is spelled so that two programs may read two different hosts.
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
            f"“{without_user_info(url)[:80]}” is not a web address: give the address of an "
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
    source: Source,
    into: ArrivingFile,
    timing: Timing,
    *,
    guard: AddressGuard,
    renew: Renew | None = None,
    job_id: str | None = None,
) -> None:
    """Download `source` into `into`, and finish `into` in every case.

    Args:
        guard: judges each address before a connection to it, also those of redirects.
        renew: asked for another source where one answers 401, 403, 404 or 410, or where nobody
            answers (status 0).
        job_id: the job of the file; errors name it.

    Raises:
        AddressError: the guard refuses the address.
        DownloadError: the file did not arrive whole.
    """
    try:
        is_track = job_id is not None or bool(source.headers)
        await _download(source, into, timing, guard, renew, is_track=is_track)
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


async def _download(
    source: Source,
    into: ArrivingFile,
    timing: Timing,
    guard: AddressGuard,
    renew: Renew | None,
    *,
    is_track: bool,
) -> None:
    attempts, renewals, validator, seen = 0, 0, "", 0

    async def another(status: int) -> Source | None:
        """Another source than the one that answered `status`; None where there is none (left)."""
        nonlocal renewals
        renewals += 1
        if renew is None or renewals > _RENEWALS:
            return None
        found = await renew(source, status)
        # Where nobody answers, the same address with other headers is no help.
        return None if found and not status and found.url == source.url else found

    async with httpx.AsyncClient(
        timeout=timing.silence_timeout,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        transport=GuardedTransport(guard, timing),
    ) as http:
        while True:
            wait = 0.0
            headers = dict(source.headers)
            if into.received and validator:
                headers.update({"Range": f"bytes={into.received}-", "If-Range": validator})
            try:
                async with http.stream("GET", source.url, headers=headers) as answer:
                    status = answer.status_code
                    if status in (401, 403, 404, 410):
                        renewed = await another(status)
                        if renewed is None:
                            raise DownloadError(_gone(status, source, is_track))
                        source = renewed
                        continue
                    if status == 429 or status >= 500:
                        wait = retry_after(answer.headers) or 0.0
                        until = f" and sends nothing until {moment_in(wait)}" if wait >= 1 else ""
                        reason = f"the server answered {status}{until}"
                        into.paused = reason if until else ""
                        wait = min(wait, timing.longest_retry_after)
                    elif status not in (200, 206):
                        raise DownloadError(f"The server of the audio file answered {status}.")
                    else:
                        into.paused = ""
                        encoded = "content-encoding" in answer.headers
                        # A range counts the bytes of the encoded body.
                        validator = "" if encoded else _validator(answer)
                        await _read_body(answer, into)
                        return
            except AddressError:
                # The address of a sandbox that has ended is nobody's any more: its job has another.
                renewed = await another(0)
                if renewed is None:
                    raise
                source = renewed
                continue
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
                if is_untrusted(error):
                    raise DownloadError(untrusted(_host(source.url), cause(error))) from error
                reason = cause(error)
                renewed = await another(0) if isinstance(error, httpx.ConnectError) else None
                if renewed is not None:
                    source = renewed
                    continue
            attempts = attempts + 1 if into.received == seen else 1
            seen = into.received
            if attempts >= _ATTEMPTS:
                raise DownloadError(
                    f"The audio file did not arrive whole ({reason}; {into.received} bytes "
                    "came): queue again. A bought track is not paid again."
                )
            pause = min(timing.file_backoff * 2 ** (attempts - 1), timing.file_backoff_max)
            await asyncio.sleep(max(wait, pause * random.uniform(0.5, 1.0)))


async def _read_body(answer: httpx.Response, into: ArrivingFile) -> None:
    position = 0
    decoder = decoder_for(answer.headers.get("content-encoding", ""))
    if decoder is not None:
        await _read_encoded(answer, decoder, into)
        return
    length = answer.headers.get("content-length", "")
    whole = int(length) if length.isdigit() else None
    if answer.status_code == 206:
        position, whole = _content_range(answer)
        if position > into.received:
            raise DownloadError("The server sent the wrong part of the file: queue again.")
    if into.size is not None and whole is not None and whole != into.size:
        raise DownloadError(_CHANGED)
    into.expect(whole)
    async for chunk in answer.aiter_raw():
        position = _feed(into, position, chunk)
    if into.size is not None and into.received < into.size:
        raise httpx.RemoteProtocolError(f"the body ended {into.size - into.received} bytes short")


async def _read_encoded(answer: httpx.Response, decoder: Decoder, into: ArrivingFile) -> None:
    """Read a body that is encoded although it should not be. Each try starts at its beginning."""
    if answer.status_code == 206:
        raise DownloadError(
            "The server sent an encoded part of the file: expected the file as it is; queue again."
        )
    position = 0
    async for chunk in answer.aiter_raw():
        for piece in decoder.decode(chunk):
            position = _feed(into, position, piece)
    for piece in decoder.flush():
        position = _feed(into, position, piece)
    if not decoder.complete or position < into.received:
        raise httpx.RemoteProtocolError("the encoded body ended early")


def _feed(into: ArrivingFile, position: int, chunk: bytes) -> int:
    """Add the file's bytes from `position` on; the position behind them."""
    end = position + len(chunk)
    known = into.received - position
    if known > 0:
        # The server began anew. What the reader has already used must be the same.
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
    if unit != "bytes" or not first.isdigit():
        raise DownloadError("The server sent an unnamed part of the file: queue again.")
    return int(first), int(total) if total.isdigit() else None


def _validator(answer: httpx.Response) -> str:
    """What `If-Range` may hold (RFC 9110, section 13.1.5): a strong ETag or a date."""
    etag = answer.headers.get("etag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return answer.headers.get("last-modified", "")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _gone(status: int, source: Source, is_track: bool) -> str:
    if not is_track:
        return (
            f"The server {_host(source.url)} does not give out this file ({status}): check the "
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
