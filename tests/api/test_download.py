"""A file that is read while it arrives, from servers on good and bad days."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import NamedTuple

import pytest
from aiohttp import web

from ...api.base.errors import DownloadError, InputError
from ...api.base.timing import Timing
from ...api.wire.addresses import AllowedHosts
from ...api.wire.arriving_file import ArrivingFile
from ...api.wire.download import FileAddress, checked_url
from ...api.wire.download import download as guarded_download
from ...api.wire.guard import AddressGuard

CONTENT = bytes(range(256)) * 2000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


FAST = Timing(file_backoff=0.001)
# The servers of these tests are on this machine.
download = partial(
    guarded_download, guard=AddressGuard(allowed=AllowedHosts.parse("127.0.0.0/8, localhost"))
)


class Address(NamedTuple):
    url: str
    requests: list[web.Request]


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Address]:
    seen: list[web.Request] = []

    async def record(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return await handler(request)

    app = web.Application()
    app.router.add_get("/{name}", record)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        yield Address(f"http://127.0.0.1:{port}/track", seen)
    finally:
        await runner.cleanup()


async def downloaded(url: str, max_bytes: int = 10**7) -> ArrivingFile:
    file = ArrivingFile(max_bytes)
    await download(FileAddress(url), file, FAST)
    return file


async def cut(request: web.Request, content: bytes, *, after: int, **headers: str) -> web.Response:
    """Promise all of `content`, send a part of it, and drop the connection."""
    response = web.StreamResponse(headers=headers)
    response.content_length = len(content)
    await response.prepare(request)
    await response.write(content[:after])
    assert request.transport is not None
    request.transport.close()
    return response  # type: ignore[return-value]


async def test_a_file_arrives_whole() -> None:
    async def whole(request: web.Request) -> web.Response:
        return web.Response(body=CONTENT)

    async with serving(whole) as server:
        file = await downloaded(server.url)
    assert file.complete
    assert file.size == len(CONTENT)
    assert file.content() == CONTENT
    assert file.read() == CONTENT


async def test_a_reader_gets_bytes_before_the_last_one_is_sent() -> None:
    got_first_half = asyncio.Event()
    half = len(CONTENT) // 2

    async def in_two_halves(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(CONTENT)
        await response.prepare(request)
        await response.write(CONTENT[:half])
        await got_first_half.wait()
        await response.write(CONTENT[half:])
        return response

    async with serving(in_two_halves) as server:
        file = ArrivingFile(10**7)
        loop = asyncio.get_running_loop()

        def read() -> bytes:
            parts = b""
            while len(parts) < half:
                parts += file.read(half - len(parts)) or b""
            loop.call_soon_threadsafe(got_first_half.set)
            return parts + file.read()

        reading = asyncio.ensure_future(asyncio.to_thread(read))
        await download(FileAddress(server.url), file, FAST)
        assert await reading == CONTENT


async def test_a_dropped_connection_goes_on_where_it_broke_off() -> None:
    async def broken_once(request: web.Request) -> web.StreamResponse:
        if "Range" not in request.headers:
            return await cut(request, CONTENT, after=100_000, ETag='"v1"')
        start = request.http_range.start
        assert request.headers["If-Range"] == '"v1"'
        span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        headers = {"ETag": '"v1"', "Content-Range": span}
        return web.Response(status=206, body=CONTENT[start:], headers=headers)

    async with serving(broken_once) as server:
        assert (await downloaded(server.url)).content() == CONTENT
    assert len(server.requests) == 2


async def test_a_server_without_ranges_starts_over() -> None:
    attempts = iter([100_000, 200_000, None])

    async def no_ranges(request: web.Request) -> web.StreamResponse:
        after = next(attempts)
        if after is None:
            return web.Response(body=CONTENT)
        return await cut(request, CONTENT, after=after)

    async with serving(no_ranges) as server:
        assert (await downloaded(server.url)).content() == CONTENT


async def test_a_file_that_changes_on_the_way_is_refused() -> None:
    attempts = iter([CONTENT, bytes(len(CONTENT))])

    async def changing(request: web.Request) -> web.StreamResponse:
        content = next(attempts)
        if content is CONTENT:
            return await cut(request, content, after=100_000)
        return web.Response(body=content)

    async with serving(changing) as server:
        with pytest.raises(DownloadError, match="changed on the server"):
            await downloaded(server.url)


async def test_a_short_body_is_never_taken_for_whole() -> None:
    async def always_short(request: web.Request) -> web.StreamResponse:
        return await cut(request, CONTENT, after=1000)

    async with serving(always_short) as server:
        with pytest.raises(DownloadError, match="1000 bytes came"):
            await downloaded(server.url)


async def test_a_busy_server_is_asked_again() -> None:
    answers = iter([503, 500, 429, 200])

    async def busy(request: web.Request) -> web.Response:
        status = next(answers)
        headers = {"Retry-After": "0.01"} if status == 429 else {}
        return web.Response(status=status, body=CONTENT, headers=headers)

    async with serving(busy) as server:
        assert (await downloaded(server.url)).content() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_the_refusal_of_somebody_elses_server_is_not_the_gateways(status: int) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(refuse) as server:
        with pytest.raises(DownloadError, match=rf"127\.0\.0\.1 .*\({status}\)") as caught:
            await downloaded(server.url)
    assert not any(word in str(caught.value) for word in ("24 hours", "Poll Job", "PollJob"))


@pytest.mark.parametrize(
    "location", ["http://.x/", f"http://{'a' * 64}.com/a", "http://1.2.3.999/", "http://[::zz]/"]
)
async def test_a_server_that_leads_to_an_odd_host_is_one_sentence(location: str) -> None:
    async def lead(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    async with serving(lead) as server:
        with pytest.raises(DownloadError):
            await downloaded(server.url)


CLOSED = [
    {"Retry-After": "86400"},
    {"Retry-After": "121"},
    {"Retry-After": "1e9"},
    {"Retry-After": "Wed, 25 Nov 2099 12:00:00 GMT"},
    {"Retry-After": "Fri, 02 Jan 2026 00:00:00 GMT", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"},
]


@pytest.mark.parametrize("asked", CLOSED)
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_server_that_is_closed_for_longer_than_the_patience_ends_it_at_once(
    asked: dict[str, str], status: int
) -> None:
    requests = 0

    async def closed(request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.Response(status=status, headers=asked)

    file = ArrivingFile(10**7)
    async with serving(closed) as server:
        with pytest.raises(DownloadError, match=rf"{status} and sends nothing until .*:"):
            await asyncio.wait_for(download(FileAddress(server.url), file, Timing()), 10)
    assert requests == 1
    assert "sends nothing until" in file.paused


async def test_short_waits_end_where_their_sum_is_longer_than_the_patience() -> None:
    requests = 0

    async def closed(request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.Response(status=503, headers={"Retry-After": "0.04"})

    file = ArrivingFile(10**7)
    timing = FAST._replace(longest_retry_after=0.1)
    async with serving(closed) as server:
        with pytest.raises(DownloadError, match="503"):
            await download(FileAddress(server.url), file, timing)
    assert requests == 3


async def test_a_new_byte_begins_the_patience_anew() -> None:
    """A server that sends a part, then closes for a moment, again and again."""
    part = len(CONTENT) // 8
    answers = 0

    async def by_parts(request: web.Request) -> web.StreamResponse:
        nonlocal answers
        answers += 1
        if answers % 2:
            return web.Response(status=503, headers={"Retry-After": "0.03"})
        begin = int(request.headers.get("Range", "bytes=0-")[6:-1])
        headers = {"ETag": '"a"', "Content-Range": f"bytes {begin}-/{len(CONTENT)}"}
        response = web.StreamResponse(status=206, headers=headers)
        await response.prepare(request)
        await response.write(CONTENT[begin : begin + part])
        return response

    file = ArrivingFile(10**7)
    timing = FAST._replace(longest_retry_after=0.05)
    async with serving(by_parts) as server:
        await download(FileAddress(server.url), file, timing)
    assert bytes(file.content()) == CONTENT


async def test_a_body_without_a_length_is_read_to_its_end() -> None:
    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(CONTENT), 50_000):
            await response.write(CONTENT[start : start + 50_000])
        return response

    async with serving(chunked) as server:
        file = await downloaded(server.url)
    assert file.content() == CONTENT
    assert file.size == len(CONTENT)


async def test_a_promise_of_too_much_ends_before_the_first_byte() -> None:
    async def large(request: web.Request) -> web.Response:
        return web.Response(body=CONTENT)

    async with serving(large) as server:
        with pytest.raises(DownloadError, match=r"larger than 0\.1 MB"):
            await downloaded(server.url, max_bytes=100_000)


async def test_an_endless_body_ends_at_the_limit() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(CONTENT)
        return response

    async with serving(endless) as server:
        file = ArrivingFile(10**6)
        with pytest.raises(DownloadError, match="max_download_mb"):
            await download(FileAddress(server.url), file, FAST)
    assert file.received <= 10**6


async def test_an_address_that_has_expired_is_renewed_once() -> None:
    async def only_fresh(request: web.Request) -> web.Response:
        fresh = request.match_info["name"] == "fresh"
        return web.Response(body=CONTENT) if fresh else web.Response(status=403)

    async with serving(only_fresh) as server:
        file = ArrivingFile(10**7)

        async def renew(source: FileAddress, status: int) -> FileAddress:
            return FileAddress(server.url.replace("/track", "/fresh"))

        await download(FileAddress(server.url), file, FAST, renew=renew)
        assert file.content() == CONTENT

        async def still_expired(source: FileAddress, status: int) -> FileAddress | None:
            return FileAddress(server.url)

        with pytest.raises(DownloadError, match="403"):
            await download(FileAddress(server.url), ArrivingFile(10**7), FAST, renew=still_expired)


async def test_the_reader_hears_what_broke_the_download() -> None:
    async def gone(request: web.Request) -> web.Response:
        return web.Response(status=404)

    async with serving(gone) as server:
        file = ArrivingFile(10**7)
        reading = asyncio.ensure_future(asyncio.to_thread(file.read, 1))
        with pytest.raises(DownloadError):
            await download(FileAddress(server.url), file, FAST)
        with pytest.raises(DownloadError, match="404"):
            await reading


async def test_stopping_the_download_wakes_the_reader() -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def stuck(request: web.Request) -> web.Response:
        started.set()
        await release.wait()
        return web.Response()

    async with serving(stuck) as server:
        file = ArrivingFile(10**7)
        reading = asyncio.ensure_future(asyncio.to_thread(file.read, 1))
        filling = asyncio.ensure_future(download(FileAddress(server.url), file, FAST))
        await started.wait()
        filling.cancel()
        with pytest.raises(DownloadError, match="stopped"):
            await reading
        release.set()


async def test_the_key_does_not_follow_a_redirect_to_another_host() -> None:
    headers_seen: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.Response:
        headers_seen.append(request.headers.get("Authorization"))
        return web.Response(body=CONTENT)

    async with serving(elsewhere) as other:

        async def redirect(request: web.Request) -> web.Response:
            raise web.HTTPFound(other.url)

        async with serving(redirect) as server:
            source = FileAddress(server.url, {"Authorization": "Bearer secret"})
            await download(source, ArrivingFile(10**7), FAST)
    assert headers_seen == [None]


def test_a_download_is_a_binary_file() -> None:
    file = ArrivingFile(100)
    with pytest.raises(OSError, match="not known"):
        file.seek(0, 2)
    file.expect(6)
    assert file.seek(-2, 2) == 4
    threading.Timer(0.0, lambda: (file.feed(b"abcdef"), file.finish())).start()
    assert file.read(2) == b"ef"
    assert file.seek(1) == 1
    assert file.read(3) == b"bcd"
    assert file.seek(1, 1) == 5
    with pytest.raises(OSError, match="before the beginning"):
        file.seek(-1)


@pytest.mark.parametrize(
    "url", ["", "  ", "audio.mp3", "file:///etc/passwd", "http://", "ftp://a/b"]
)
def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(InputError) as caught:
        checked_url(url)
    assert "\n" not in str(caught.value)


def test_blanks_around_a_url_do_no_harm() -> None:
    assert checked_url(" https://a.example/b.mp3\n") == "https://a.example/b.mp3"
