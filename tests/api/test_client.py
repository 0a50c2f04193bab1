"""One call, one request, and a typed error that says what did not happen and what to do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ...api.base.errors import (
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
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.wire.client import Client
from ...api.wire.key import ApiKey, key_may_go_elsewhere
from ...api.wire.protocol import JobRecord, JobStatus
from ...api.wire.rate_limit import Rate
from ...sandbox.profile import Dialect, Profile, ResultShape
from ...sandbox.server import Sandbox
from ..gateway import SCALE, running

KEY = "sk-aig-0123456789"
# A 429 and an early poll are seen at once.
IMPATIENT = Timing(poll_floor=0.0, blip_patience=0.0, rate_limit=600)
FAST = Profile(queue=0.0, run=0.0, run_per_second=0.0, poll_floor=0.0, key=KEY)


@contextlib.asynccontextmanager
async def client_of(sandbox: Sandbox, key: str | None = KEY) -> AsyncIterator[Client]:
    client = Client(sandbox.base_url, ApiKey(key, "AIGATEWAY_API_KEY") if key else None, IMPATIENT)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
def gateway() -> Iterator[Sandbox]:
    with running(FAST) as sandbox:
        yield sandbox


async def completed(client: Client, job_id: str) -> JobRecord:
    while True:
        record = await client.poll(job_id)
        if record is not None and record.status.is_final:
            return record


@pytest.mark.parametrize("shape", list(ResultShape))
@pytest.mark.parametrize("submit_status", [200, 202])
async def test_submit_and_get_in_every_dialect(shape: ResultShape, submit_status: int) -> None:
    dialect = Dialect(result=shape, submit_status=submit_status, running="processing")
    with running(FAST._replace(dialect=dialect)) as sandbox:
        async with client_of(sandbox) as client:
            job = await client.submit(MusicRequest("piano", 5.0), idempotency_key="k")
            record = await completed(client, job.id)
    assert job.id.startswith("sandbox_")
    assert record.status is JobStatus.COMPLETED
    assert record.result_url is not None
    assert record.result_url.startswith("http://127.0.0.1:")
    assert record.cost == pytest.approx(0.001)


async def test_asked_too_early_there_is_no_news() -> None:
    with running(FAST._replace(poll_floor=60.0)) as sandbox:
        async with client_of(sandbox) as client:
            job = await client.submit(MusicRequest("piano"), idempotency_key="k")
            assert await client.poll(job.id) is not None
            assert await client.poll(job.id) is None


@pytest.mark.parametrize("by_delete", [True, False])
async def test_cancel_finds_the_way_the_gateway_knows(by_delete: bool) -> None:
    with running(FAST._replace(queue=60.0, dialect=Dialect(cancel_by_delete=by_delete))) as sandbox:
        async with client_of(sandbox) as client:
            job = await client.submit(MusicRequest("piano"), idempotency_key="k")
            record = await client.cancel(job.id)
        assert record.status is JobStatus.CANCELLED
        assert sandbox.bill()["jobs"] == []


async def test_a_running_job_cannot_be_cancelled() -> None:
    with running(FAST._replace(run=60.0)) as sandbox:
        async with client_of(sandbox) as client:
            job = await client.submit(MusicRequest("piano"), idempotency_key="k")
            assert (await client.cancel(job.id)).status is JobStatus.RUNNING


async def test_models_and_balance(gateway: Sandbox) -> None:
    async with client_of(gateway) as client:
        models = {model.id: model.price_per_second for model in await client.models()}
        assert models["ace-step/ace-step-prompt-to-audio"] == 0.0002
        assert models["elevenlabs/elevenlabs-music"] == 0.80
        assert models["fal-ai/stable-audio-25/text-to-audio"] is None
        assert (await client.balance())["balance"] == FAST.credit


@pytest.mark.parametrize(
    ("card", "kind", "advice"),
    [
        ("400", RejectedError, "correct the inputs"),
        ("401", AuthenticationError, "check the one from AIGATEWAY_API_KEY"),
        ("402", CreditsError, "top up in the dashboard"),
        ("403", ScopeError, "widen its models"),
        ("404", NotFoundError, "does not know this model"),
        ("429", RateLimitError, "try again in 1 s"),
        ("500", ServerError, "try again"),
        ("503", UnavailableError, "not available now"),
        ("502", BadGatewayError, "provider of the model failed"),
        ("504", BadGatewayError, "did not answer the gateway in time"),
    ],
)
@pytest.mark.parametrize("numeric", [True, False])
async def test_every_status_has_a_type_and_an_advice(
    card: str, kind: type[StatusError], advice: str, numeric: bool
) -> None:
    with running(FAST._replace(dialect=Dialect(numeric_error_code=numeric))) as sandbox:
        async with client_of(sandbox) as client:
            with pytest.raises(kind, match=advice) as caught:
                await client.submit(MusicRequest(f"sandbox:{card}"), idempotency_key="k")
    error = caught.value
    assert type(error) is kind
    assert error.status == int(card)
    assert error.code
    assert not error.code.isdigit()
    assert error.reason in str(error)
    assert KEY not in str(error)


@pytest.mark.parametrize("card", ["html", "noid"])
async def test_success_with_nonsense_is_a_fault_that_is_named(gateway: Sandbox, card: str) -> None:
    async with client_of(gateway) as client:
        with pytest.raises(ProtocolError, match="fault of the gateway"):
            await client.submit(MusicRequest(f"sandbox:{card}"), idempotency_key="k")


async def test_a_dropped_answer_is_not_a_refused_connection(gateway: Sandbox) -> None:
    async with client_of(gateway) as client:
        with pytest.raises(NoAnswerError):
            await client.submit(MusicRequest("sandbox:drop"), idempotency_key="k")
    assert len(gateway.bill()["jobs"]) == 1
    nobody = Client("http://127.0.0.1:9/v1", None, IMPATIENT)
    with pytest.raises(UnreachableError, match="Nothing was sent"):
        await nobody.submit(MusicRequest("p"), idempotency_key="k")
    await nobody.close()


async def test_a_silent_gateway_is_given_up() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}/v1", None, Timing(answer_timeout=0.05))
    with pytest.raises(NoAnswerError):
        await client.submit(MusicRequest("p"), idempotency_key="k")
    await client.close()
    server.close()


async def test_a_key_that_is_wrong_or_missing(gateway: Sandbox) -> None:
    async with client_of(gateway, "sk-aig-another-one") as client:
        with pytest.raises(AuthenticationError, match="AIGATEWAY_API_KEY"):
            await client.balance()
    async with client_of(gateway, None) as client:
        with pytest.raises(
            AuthenticationError, match="no key is set: set one in Settings > AIgateway"
        ):
            await client.balance()


async def test_the_rate_is_told_with_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Rate] = []
    with running(FAST._replace(limit=2)) as sandbox:
        client = Client(sandbox.base_url, ApiKey(KEY, "test"), IMPATIENT)
        monkeypatch.setattr(client.exchange.rate_limiter, "observe", told.append)
        await client.balance()
        await client.balance()
        with pytest.raises(RateLimitError) as caught:
            await client.balance()
        await client.close()
    assert [(rate.limit, rate.remaining, rate.exceeded) for rate in told] == [
        (2, 1, False),
        (2, 0, False),
        (2, 0, True),
    ]
    assert caught.value.retry_after == pytest.approx(60, abs=5)


async def test_an_idempotency_key_buys_once(gateway: Sandbox) -> None:
    async with client_of(gateway) as client:
        first = await client.submit(MusicRequest("piano"), idempotency_key="same")
        again = await client.submit(MusicRequest("piano"), idempotency_key="same")
        other = await client.submit(MusicRequest("piano"), idempotency_key="other")
    assert first.id == again.id != other.id
    assert len(gateway.bill()["jobs"]) == 2


FILE = "/v1/files/jobs/j/a.mp3"


def test_the_key_goes_to_the_gateways_own_files_and_nowhere_else() -> None:
    client = Client("https://api.example/v1", ApiKey(KEY, "test"))
    assert client.file_address(f"https://api.example{FILE}").headers
    for url in (
        f"https://media.example{FILE}",
        f"http://api.example{FILE}",
        f"https://api.example:444{FILE}",
        "https://api.example/v1/files/a",
        "https://api.example/v1/jobs/j",
        f"https://api.example.evil{FILE}",
        f"https://user@api.example{FILE}",
        "https://api.example/v1/files/jobs/../../balance",
        "https://api.example/v1/files/jobs/%2e%2e/balance",
        "https://api.example/v1/files/jobs/j/..",
        "https://api.example/v1/files/jobs/j/%2E%2E",
        "https://api.example/v1/files/jobs/j/..%2f..%2fbalance",
        "https://api.example/v1/files/jobs/j/a%5c..%5cb",
        "https://api.example/v1/files/jobs/j/a.mp3/../../../../balance",
    ):
        assert client.file_address(url).headers == {}, url


@pytest.mark.parametrize(
    ("base_url", "url", "may_go"),
    [
        ("https://api.aigateway.sh/v1", f"https://media.aigateway.sh{FILE}", True),
        ("https://api.aigateway.sh/v1", f"http://media.aigateway.sh{FILE}", False),
        ("https://api.aigateway.sh/v1", f"https://media.aigateway.sh:8443{FILE}", False),
        ("https://api.aigateway.sh/v1", f"https://media.aigateway.sh.evil{FILE}", False),
        ("https://api.aigateway.sh/v1", "https://media.aigateway.sh/v1/files/jobs/%2e%2e/x", False),
        ("https://api.aigateway.sh/v1", "https://media.aigateway.sh/v1/balance", False),
        ("https://api.example/v1", f"https://media.aigateway.sh{FILE}", False),
        ("http://api.aigateway.sh/v1", f"https://media.aigateway.sh{FILE}", False),
    ],
)
def test_the_live_file_host_may_get_the_key_beside_the_live_api_only(
    base_url: str, url: str, may_go: bool
) -> None:
    assert key_may_go_elsewhere(url, base_url) is may_go


def test_times_are_compressed_together() -> None:
    assert Profile().scaled(SCALE).poll_floor == pytest.approx(Profile().poll_floor * SCALE)


@pytest.mark.parametrize(("tag", "header"), [("studio", "studio/0123456789abcdef"), ("", None)])
async def test_the_cost_tag_carries_the_short_form_of_the_request(
    tag: str, header: str | None
) -> None:
    seen: list[str | None] = []

    async def submit(request: web.Request) -> web.Response:
        seen.append(request.headers.get("x-aig-tag"))
        # A cached answer would be the file of another take.
        assert "x-aig-cache" not in request.headers
        return web.json_response({"id": "job_1", "status": "queued"})

    app = web.Application()
    app.router.add_post("/v1/audio/music", submit)
    async with TestServer(app) as server:
        client = Client(str(server.make_url("/v1")), None, IMPATIENT, cost_tag=tag)
        await client.submit(MusicRequest("piano"), idempotency_key="0123456789abcdef-and-more")
        await client.close()
    assert seen == [header]
