"""No answer of a server fills the memory or takes for ever, whatever it sends."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from ...api.base.errors import (
    DownloadError,
    GatewayError,
    NoAnswerError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    ServerError,
)
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.wire.addresses import AllowedHosts
from ...api.wire.arriving_file import ArrivingFile
from ...api.wire.client import Client
from ...api.wire.download import FileAddress, download
from ...api.wire.exchange import MOST_BYTES
from ...api.wire.guard import AddressGuard
from ...api.wire.key import ApiKey
from .raw_server import Reply, answering, pouring, reply, silent

IMPATIENT = Timing(
    answer_timeout=1.5, answer_total=2.0, silence_timeout=0.3, file_total=3.0, file_backoff=0.001
)._replace(blip_patience=0.0, longest_retry_after=0.05, rate_window=0.2)
JSON = "Content-Type: application/json"
GUARD = AddressGuard(allowed=AllowedHosts.parse("127.0.0.0/8"))
OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextlib.asynccontextmanager
async def client_at(*replies: Reply) -> AsyncIterator[Client]:
    async with answering(*replies) as server:
        client = Client(f"{server.url}/v1", ApiKey("sk-aig-0123456789abcdef", "test"), IMPATIENT)
        try:
            yield client
        finally:
            await client.close()


async def ended(client: Client) -> GatewayError:
    """The error of a poll, and that it took little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(GatewayError) as caught:
            await client.poll("job_1")
        assert tracemalloc.get_traced_memory()[1] < 8 * MOST_BYTES
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 500
    return caught.value


def bomb(size: int) -> bytes:
    return gzip.compress(b"[" + b" " * size + b"]")


LONG = {
    "JSON": reply(b" " * (MOST_BYTES + 1), JSON),
    "JSON without an end": pouring(f"{OK}\r\n", b" " * 65536),
    "a bomb": reply(bomb(50_000_000), JSON, "Content-Encoding: gzip"),
    "nested JSON": reply(b"[" * 1_000_000, JSON),
    "nested objects": reply(b'{"a":' * 200_000, JSON),
    "a number of a million digits": reply(b'{"id": ' + b"9" * 1_000_000 + b"}", JSON),
}


@pytest.mark.parametrize("name", LONG)
async def test_a_body_is_read_to_a_limit(name: str) -> None:
    async with client_at(LONG[name]) as client:
        assert isinstance(await ended(client), (ProtocolError, NoAnswerError))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "kind"), [("500 Broken", ServerError), ("400 Bad", RejectedError)]
)
@pytest.mark.parametrize("page", ["long", "without an end", "a bomb", "nested"])
async def test_an_error_page_of_any_kind_is_its_status(
    page: str, status: str, kind: type[GatewayError]
) -> None:
    answer = {
        "long": reply(b" " * (MOST_BYTES + 1), JSON, status=status),
        "without an end": pouring(f"HTTP/1.1 {status}\r\n\r\n", b" " * 65536),
        "a bomb": reply(bomb(50_000_000), "Content-Encoding: gzip", status=status),
        "nested": reply(b"[" * 100_000, JSON, status=status),
    }[page]
    async with client_at(answer) as client:
        assert isinstance(await ended(client), kind)


@pytest.mark.parametrize(
    "head",
    [
        OK + "X-A: " + "a" * 1_000_000 + "\r\n",
        OK + "".join(f"X-{number}: a\r\n" for number in range(50_000)),
        "HTTP/1.1 200 " + "O" * 1_000_000 + "\r\n",
    ],
    ids=["one long header", "many headers", "a long reason"],
)
async def test_headers_are_read_to_a_limit(head: str) -> None:
    async with client_at(silent(head)) as client:
        assert isinstance(await ended(client), NoAnswerError)


SLOW = {
    "nothing": silent(""),
    "a head alone": silent(f"{OK}Content-Length: 1000\r\n\r\n"),
    "half a head": silent(OK),
    "a byte now and then": pouring(f"{OK}Content-Length: 1000\r\n\r\n", b" ", 0.05),
    "a header now and then": pouring(OK, b"X-A: a\r\n", 0.05),
    "one interim answer after the other": pouring("", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
async def test_no_answer_takes_for_ever(name: str) -> None:
    async with client_at(SLOW[name]) as client:
        assert isinstance(await ended(client), NoAnswerError)


@pytest.mark.parametrize("length", ["1" + "0" * 30, "-1", "+3", "\xb2", "1, 2", "0x10"])
async def test_a_length_that_lies_is_no_answer(length: str) -> None:
    async with client_at(silent(f"{OK}Content-Length: {length}\r\n\r\n{{}}")) as client:
        assert isinstance(await ended(client), (NoAnswerError, ProtocolError))


ODD_RATES = [
    "x-ratelimit-limit-requests: inf",
    "x-ratelimit-limit-requests: nan",
    "x-ratelimit-limit-requests: -5",
    "x-ratelimit-limit-requests: 1e308",
    "x-ratelimit-limit-requests: 0",
    "x-ratelimit-limit-requests: 5\r\nx-ratelimit-remaining-requests: -1e300",
    "x-ratelimit-limit-requests: 5\r\nx-ratelimit-remaining-requests: nan",
    "x-ratelimit-limit-requests: 600\r\nx-ratelimit-remaining-requests: 599\r\n"
    "x-ratelimit-reset-requests: 1893456000",
    "x-ratelimit-reset-requests: -inf",
    "Retry-After: 999999999",
    "Retry-After: 1e308",
    "Retry-After: -1",
    "Retry-After: nan",
    "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT",
]


@pytest.mark.slow
@pytest.mark.parametrize("status", ["200 OK", "429 Too Many Requests", "503 Unavailable"])
@pytest.mark.parametrize("header", ODD_RATES)
async def test_no_header_of_one_answer_freezes_the_next_request(header: str, status: str) -> None:
    queued = reply(b'{"id": "job_1", "status": "queued"}', JSON)
    first = reply(b'{"id": "job_1", "status": "queued"}', JSON, header, status=status)
    async with client_at(first, queued) as client:
        request = MusicRequest("piano")
        with contextlib.suppress(RateLimitError, ServerError):
            assert (await client.submit(request, idempotency_key="a")).id == "job_1"
        # Many times the longest wait that these times allow.
        record = await asyncio.wait_for(client.submit(request, idempotency_key="b"), 20)
    assert record.id == "job_1"


async def loaded(*replies: Reply, most: int = 1_000_000) -> ArrivingFile:
    async with answering(*replies) as server:
        file = ArrivingFile(most)
        await download(FileAddress(f"{server.url}/a"), file, IMPATIENT, guard=GUARD)
    return file


@pytest.mark.slow
async def test_a_buffer_grows_with_what_arrives() -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Length: 250000000\r\n\r\n"
    tracemalloc.start()
    try:
        with pytest.raises(DownloadError, match="did not arrive whole"):
            await loaded(silent(head + "RIFF"), most=256_000_000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "slow",
    [
        pouring("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n", b"a", 0.02),
        pouring("HTTP/1.1 200 OK\r\n\r\n", b"a", 0.02),
        pouring("HTTP/1.1 200 OK\r\n", b"X-A: a\r\n", 0.02),
        reply(b"", "Retry-After: 999999999", status="503 Busy"),
        reply(b"", "Retry-After: -5", status="429 Busy"),
    ],
    ids=["of a length", "of no length", "head", "closed", "closed in the past"],
)
async def test_no_download_takes_for_ever(slow: Reply) -> None:
    with pytest.raises(DownloadError, match="queue again"):
        await loaded(slow)


async def test_a_length_beyond_any_disk_is_refused() -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {10**17}\r\n\r\n"
    with pytest.raises(DownloadError, match="larger than"):
        await loaded(silent(head))
