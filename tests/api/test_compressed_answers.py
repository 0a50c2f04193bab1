"""Every request asks for plain bodies. A server that compresses one gets a clear sentence."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from ...api.base.errors import DownloadError, ProtocolError, RejectedError
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.wire.addresses import AllowedHosts
from ...api.wire.arriving_file import ArrivingFile
from ...api.wire.client import Client
from ...api.wire.download import FileAddress, download
from ...api.wire.guard import AddressGuard
from .raw_server import Reply, answering, reply

GUARD = AddressGuard(allowed=AllowedHosts.parse("127.0.0.0/8"))
FAST = Timing(file_backoff=0.001)
RECORD = json.dumps({"id": "job_1", "status": "queued"}).encode()
COMPRESSED = {
    "gzip": gzip.compress(RECORD),
    "GZip": gzip.compress(RECORD),
    "deflate": zlib.compress(RECORD),
    "gzip, gzip": gzip.compress(gzip.compress(RECORD)),
    "identity, br": b"\x0b\x02\x80" + RECORD,
    "zstd": RECORD,
    "x" * 5000: RECORD,
}
PLAIN = ["identity", "", "none", "Identity, identity"]


def compressed(name: str, status: str = "200 OK") -> Reply:
    body = COMPRESSED.get(name, RECORD)
    return reply(body, "Content-Type: application/json", f"Content-Encoding: {name}", status=status)


async def submitted(name: str, status: str = "200 OK") -> str:
    """The id of the job, and that the request asked for a plain body."""
    async with answering(compressed(name, status)) as server:
        client = Client(f"{server.url}/v1", None, FAST)
        try:
            record = await client.submit(MusicRequest("piano"), idempotency_key="a")
        finally:
            await client.close()
            assert "accept-encoding: identity" in server.requests[0].lower()
    return record.id


async def loaded(name: str) -> bytes:
    async with answering(compressed(name)) as server:
        file = ArrivingFile(1000)
        try:
            await download(FileAddress(f"{server.url}/a.wav"), file, FAST, guard=GUARD)
        finally:
            # A second request would get the same answer.
            assert len(server.requests) == 1
            assert "accept-encoding: identity" in server.requests[0].lower()
    return bytes(file.content())


@pytest.mark.parametrize("name", COMPRESSED, ids=lambda name: name[:20])
async def test_a_compressed_record_may_be_a_bought_job(name: str) -> None:
    shown = name.lower().removeprefix("identity, ")[:40]
    with pytest.raises(ProtocolError, match="against the request") as caught:
        await submitted(name)
    assert f"compressed with {shown} against the request" in str(caught.value)
    assert caught.value.may_have_been_charged
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", COMPRESSED, ids=lambda name: name[:20])
async def test_a_compressed_error_page_is_its_status(name: str) -> None:
    with pytest.raises(RejectedError):
        await submitted(name, "422 Wrong")


@pytest.mark.parametrize("name", COMPRESSED, ids=lambda name: name[:20])
async def test_a_compressed_file_is_refused_at_once(name: str) -> None:
    with pytest.raises(DownloadError, match="download it with a browser") as caught:
        await loaded(name)
    assert "compressed" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", PLAIN)
async def test_a_body_that_is_called_plain_is_read(name: str) -> None:
    assert await submitted(name) == "job_1"
    assert await loaded(name) == RECORD
