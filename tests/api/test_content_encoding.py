"""A file that a server encodes although it was asked not to arrives as the file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from aiohttp import web

from ...api.errors import DownloadError
from .test_download import CONTENT, cut, downloaded, serving


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def members(data: bytes) -> bytes:
    return gzip.compress(data[:1000]) + gzip.compress(data[1000:]) + bytes(7)


ENCODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip of several members": ("gzip", members),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without zlib's header": ("deflate", raw_deflate),
    "identity": ("identity", bytes),
}
SIZES = [1, 1000, len(CONTENT), 3_000_000]


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("size", SIZES)
async def test_it_is_decoded(name: str, size: int) -> None:
    header, encode = ENCODINGS[name]
    content = (CONTENT * 6)[:size]

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=encode(content), headers={"Content-Encoding": header})

    async with serving(answer) as address:
        file = await downloaded(address.url)
    assert bytes(file.content()) == content
    assert file.size == len(content)


@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate without zlib's header"])
async def test_a_dropped_connection_begins_anew(name: str) -> None:
    header, encode = ENCODINGS[name]
    body = encode(CONTENT * 4)
    answers = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal answers
        answers += 1
        assert "Range" not in request.headers
        headers = {"Content-Encoding": header, "ETag": '"a"'}
        if answers < 3:
            return await cut(request, body, after=len(body) * answers // 4, **headers)
        return web.Response(body=body, headers=headers)

    async with serving(answer) as address:
        file = await downloaded(address.url)
    assert bytes(file.content()) == CONTENT * 4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate without zlib's header"])
async def test_a_bomb_stops_at_the_limit(name: str) -> None:
    header, encode = ENCODINGS[name]
    bomb = encode(bytes(50_000_000))

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": header})

    async with serving(answer) as address:
        with pytest.raises(DownloadError, match="larger than 1 MB"):
            await downloaded(address.url, max_bytes=1_000_000)


@pytest.mark.parametrize("header", ["br", "zstd", "gzip, br", "compress"])
async def test_what_cannot_be_decoded_is_named(header: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"\x0b\x02\x80", headers={"Content-Encoding": header})

    async with serving(answer) as address:
        with pytest.raises(DownloadError, match=header):
            await downloaded(address.url)


@pytest.mark.parametrize("header", ["gzip", "deflate", "x-gzip"])
async def test_what_is_not_encoded_as_it_says_is_an_error(header: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"RIFF....WAVEfmt ", headers={"Content-Encoding": header})

    async with serving(answer) as address:
        with pytest.raises(DownloadError, match="cannot be decoded"):
            await downloaded(address.url)
