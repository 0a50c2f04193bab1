"""A file that is read while it arrives.

One side, in an event loop, feeds bytes; the other, in a worker thread, reads them as a binary file
whose `read` waits for what is not there yet. A dropped connection goes on where it broke off.
"""

from __future__ import annotations

import asyncio
import io
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from .client import USER_AGENT, is_loopback, ssl_context
from .errors import DownloadError, InputError
from .protocol import retry_after

MEGABYTE = 1_000_000
# Attempts without a single new byte, and the longest wait between two of them.
_ATTEMPTS = 6
_BACKOFF_MAX = 10.0


class Download(io.RawIOBase):
    """A binary file being filled by `fetch`; reading and seeking are for one other thread.

    Attributes:
        size: the length in bytes once the server has told it, else None.
        complete: whether every byte is here.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.size: int | None = None
        self.complete = False
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._received = 0
        self._position = 0
        self._failure: BaseException | None = None
        self._news = threading.Condition()

    # For the thread that reads

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Raises OSError for a seek from the end while the length is not known."""
        with self._news:
            if whence == io.SEEK_END:
                if self.size is None:
                    raise OSError("The end is not known while the download goes on.")
                offset += self.size
            elif whence == io.SEEK_CUR:
                offset += self._position
            if offset < 0:
                raise OSError("A position before the beginning of the file.")
            self._position = offset
            return offset

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Wait until at least one byte is there, or the end. Raises what broke the download."""
        target = memoryview(buffer).cast("B")
        with self._news:
            self._news.wait_for(
                lambda: self._received > self._position or self.complete or self._failure
            )
            if self._received <= self._position:
                if self._failure is not None:
                    raise self._failure
                return 0
            count = min(len(target), self._received - self._position)
            target[:count] = memoryview(self._buffer)[self._position : self._position + count]
            self._position += count
            return count

    # For whoever fills it

    @property
    def received(self) -> int:
        return self._received

    def content(self) -> memoryview:
        """The bytes that are here, without a copy."""
        return memoryview(self._buffer)[: self._received]

    def expect(self, size: int | None) -> None:
        """Announce the whole length, None if the server does not say.

        Raises:
            DownloadError: more than allowed.
        """
        with self._news:
            if size is not None:
                self._check(size)
                if self._received == 0:
                    self._buffer = bytearray(size)
                self.size = size
            self._news.notify_all()

    def feed(self, chunk: bytes) -> None:
        """Add bytes at the end.

        Raises:
            DownloadError: more than allowed.
        """
        with self._news:
            end = self._received + len(chunk)
            self._check(end)
            if end > len(self._buffer):
                # Grown by half, so that a long body without a length is not copied each time.
                room = max(end, min(len(self._buffer) * 3 // 2, self._max_bytes))
                self._buffer.extend(bytes(room - len(self._buffer)))
            self._buffer[self._received : end] = chunk
            self._received = end
            self._news.notify_all()

    def finish(self, failure: BaseException | None = None) -> None:
        """Wake the reader for the last time."""
        with self._news:
            self._failure = failure
            if failure is None:
                self.size = self._received
                self.complete = True
            self._news.notify_all()

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise DownloadError(
                f"The file is larger than {self._max_bytes / MEGABYTE:g} MB: raise max_download_mb "
                "in the settings if it is meant to be."
            )


class Source(NamedTuple):
    """Where a file is, and the headers that may go there."""

    url: str
    headers: Mapping[str, str] = {}


def checked_url(url: str) -> str:
    """The URL without surrounding blanks.

    Raises:
        InputError: it is empty, or no http or https address with a host.
    """
    url = url.strip()
    if not url:
        raise InputError(
            "The URL is empty: connect audio_url of the PollJob node, or paste the address of an "
            "audio file."
        )
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        valid = False
    if not valid:
        raise InputError(
            f"“{url[:80]}” is no web address: expected one that begins with http:// or https:// "
            "and points at an audio file."
        )
    return url


async def fetch(
    source: Source,
    into: Download,
    *,
    renew: Callable[[], Awaitable[Source | None]] | None = None,
    job_id: str | None = None,
    backoff: float = 0.5,
    timeout: float = 30.0,
) -> None:
    """Download `source` into `into` and finish it, whatever happens.

    Args:
        renew: asked once for another source when the first one has expired (401, 403, 404, 410).
        job_id: the job whose file it is, to be named by errors.
        backoff: seconds before the second attempt; doubled with each one that brings nothing.
        timeout: seconds of silence that count as a dropped connection.

    Raises:
        DownloadError: the file cannot be had whole.
    """
    try:
        await _fetch(source, into, renew, backoff, timeout)
    except BaseException as error:
        if isinstance(error, DownloadError) and job_id:
            error.job_id = job_id
            error.args = (f"{error} The job is {job_id}; it is paid for once.",)
        into.finish(
            DownloadError("The download was stopped.")
            if isinstance(error, asyncio.CancelledError)
            else error
        )
        raise
    into.finish()


async def _fetch(
    source: Source,
    into: Download,
    renew: Callable[[], Awaitable[Source | None]] | None,
    backoff: float,
    timeout: float,
) -> None:
    attempts, validator, seen = 0, "", 0
    async with httpx.AsyncClient(
        timeout=timeout,
        follow_redirects=True,
        trust_env=not is_loopback(source.url),
        verify=ssl_context(),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
    ) as http:
        while True:
            wait = None
            headers = dict(source.headers)
            if into.received and validator:
                headers.update({"Range": f"bytes={into.received}-", "If-Range": validator})
            try:
                async with http.stream("GET", source.url, headers=headers) as answer:
                    status = answer.status_code
                    if status in (401, 403, 404, 410):
                        renewed = await renew() if renew else None
                        renew = None
                        if renewed is None:
                            raise DownloadError(_gone(status))
                        source = renewed
                        continue
                    if status == 429 or status >= 500:
                        wait = retry_after(answer.headers)
                        reason = f"the server answered {status}"
                    elif status not in (200, 206):
                        raise DownloadError(f"The server of the audio file answered {status}.")
                    else:
                        validator = _validator(answer)
                        await _read_body(answer, into)
                        return
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            attempts = attempts + 1 if into.received == seen else 1
            seen = into.received
            if attempts >= _ATTEMPTS:
                raise DownloadError(
                    f"The audio file could not be downloaded ({reason}; {into.received} bytes "
                    "came): queue again, what was paid for is kept."
                )
            pause = min(backoff * 2 ** (attempts - 1), _BACKOFF_MAX)
            await asyncio.sleep(max(wait or 0.0, pause * random.uniform(0.5, 1.0)))


async def _read_body(answer: httpx.Response, into: Download) -> None:
    position = 0
    length = answer.headers.get("content-length", "")
    whole = int(length) if length.isdigit() else None
    if answer.status_code == 206:
        position, whole = _content_range(answer)
        if position > into.received:
            raise DownloadError("The server sent another part of the file than was asked for.")
    if into.size is not None and whole is not None and whole != into.size:
        raise DownloadError("The file changed on the server during the download: queue again.")
    into.expect(whole)
    async for chunk in answer.aiter_raw():
        known = into.received - position
        if known > 0:
            # The server began anew; what a reader has already used has to be the same.
            head = bytes(into.content()[position : position + min(known, len(chunk))])
            if head != chunk[: len(head)]:
                raise DownloadError(
                    "The file changed on the server during the download: queue again."
                )
            position += len(head)
            chunk = chunk[len(head) :]
        if chunk:
            into.feed(chunk)
            position += len(chunk)
    if into.size is not None and into.received < into.size:
        raise httpx.RemoteProtocolError(f"the body ended {into.size - into.received} bytes short")


def _content_range(answer: httpx.Response) -> tuple[int, int | None]:
    unit, _, rest = answer.headers.get("content-range", "").partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes" or not first.isdigit():
        raise DownloadError("The server sent a part of the file without saying which.")
    return int(first), int(total) if total.isdigit() else None


def _validator(answer: httpx.Response) -> str:
    """What `If-Range` may hold (RFC 9110, section 13.1.5): a strong ETag or a date."""
    etag = answer.headers.get("etag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return answer.headers.get("last-modified", "")


def _gone(status: int) -> str:
    return (
        f"The audio file is not to be had at this address any more ({status}): the gateway's "
        "addresses live for 24 hours and its files for 7 days. Queue PollJob again for a new "
        "address."
    )
