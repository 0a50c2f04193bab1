"""Whatever a gateway answers, on every route: a result or a typed error, and no paid id is lost.

A server on loopback writes the drawn bytes as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ...api.account import Account
from ...api.base.errors import GatewayError
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.library import Library
from ...api.money.job import State
from ...api.settings import Settings
from ...api.wire.client import Client
from ...api.wire.protocol import (
    parse_balance,
    parse_cost,
    parse_error,
    parse_job,
    parse_models,
    parse_signed,
)
from ...api.wire.rate_limit import rate_of, retry_after
from .raw_server import gateway

PIANO = MusicRequest("calm piano", duration=20.0)
BASE = "https://api.example/v1"
TIMING = Timing(answer_timeout=5.0, connect_timeout=5.0, rate_limit=600).scaled(1e-4)
# A submit without a readable answer is repeated by itself where the user allows it.
NEVER_REPEATED = Settings(uncertain_limit=0.0)
DEEP = b"[" * 100_000 + b"]" * 100_000
NUMBERS = [
    *(
        "inf",
        "-inf",
        "nan",
        "1e308",
        "-1",
        "0",
        "1" * 5000,
        "999999999",
        "1_000",
        "\uff11\uff12",
        "0x10",
    ),
    *("", " ", "1760000000", "-1e9", "Fri, 32 Foo 99999 25:61:61 +9999", "Mon, 01 Jan 0001 0:0:0"),
]
RATE = [
    *("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"),
    *("x-ratelimit-reset-requests", "retry-after"),
]
OTHER_HEADERS = [
    *("x-request-id", "x-cost-cents", "x-routing-selected", "content-type", "content-encoding"),
    *("set-cookie", "location", "date", "content-length", "transfer-encoding", "connection"),
]
HEADER_TEXT = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(
        ["gzip", "br", "chunked", "text/html; charset=no-such", "https://xn--/", "//["]
    ),
    st.text(st.characters(max_codepoint=255), max_size=30),
)
HEADERS = st.lists(st.tuples(st.sampled_from(RATE + OTHER_HEADERS), HEADER_TEXT), max_size=5)
FIELDS = st.sampled_from(
    [
        *("id", "job_id", "status", "result", "url", "file_url", "result_url", "duration", "error"),
        *("code", "message", "type", "usage", "cost", "cost_cents", "model", "data", "pricing"),
        *("per_second", "unit", "price", "balance", "balance_cents", "credits", "object"),
    ]
)
# `st.text` has no surrogates by itself.
TEXT = st.one_of(
    st.text(st.characters(), max_size=20),
    st.sampled_from(["job_1", "completed", "failed", "\ud800", "x" * 70_000, "a\x00b", "http://["]),
    st.sampled_from(NUMBERS),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.just(10**400)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(FIELDS, TEXT), inner, max_size=6)
    ),
    max_leaves=12,
)
RECORDS = st.builds(dict, VALUES.filter(lambda value: isinstance(value, dict)))


def as_json(value: object) -> bytes:
    # Raw surrogates are written as WTF-8, which no UTF-8 reader takes.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


BODIES = st.one_of(
    VALUES.map(lambda value: json.dumps(value).encode()),
    RECORDS.map(lambda value: json.dumps(value).encode()),
    VALUES.map(as_json),
    st.binary(max_size=60),
    st.sampled_from(
        [
            DEEP,
            b'{"id":' * 50_000,
            b'{"id": "job_1", "status": ' + DEEP + b"}",
            b'{"id": "job_1", "id": "job_2", "status": "queued"}',
            b'{"id": "job_1", "result": {"duration": 1e999, "url": "http://["}}',
            b'{"id": ' + b"9" * 6000 + b"}",
            b"\xff\xfe{\x00}\x00",
            b'{"error": "\\ud800"}',
        ]
    ),
)
STATUS = st.sampled_from([200, 200, 200, 201, 202, 204, 206, 299, 302, 304, 307, 400, 401, 402])
STATUSES = st.one_of(STATUS, st.sampled_from([403, 404, 405, 418, 422, 429, 500, 502, 503, 504]))


def answer_of(status: int, headers: list[tuple[str, str]], body: bytes) -> bytes:
    """An answer as bytes. A drawn length or encoding stands in place of the true one."""
    lines = [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers]
    if not {"content-length", "transfer-encoding"} & {name for name, _ in headers}:
        lines.append(b"content-length: %d" % len(body))
    head = b"HTTP/1.1 %d Whatever\r\n" % status
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


ROUTES: dict[str, Callable[[Client], Awaitable[object]]] = {
    "submit": lambda client: client.submit(PIANO, idempotency_key="k"),
    "poll": lambda client: client.poll("job_1"),
    "cancel": lambda client: client.cancel("job_1"),
    "models": lambda client: client.models(),
    "balance": lambda client: client.balance(),
    "signed": lambda client: client.permitted_address(
        f"{client.base_url}/files/jobs/job_1/track.mp3"
    ),
}
many = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
@many
@given(status=STATUSES, headers=HEADERS, body=BODIES)
@example(200, [("x-ratelimit-limit-requests", "inf")], b'{"id": "job_1"}')
@example(200, [("x-ratelimit-remaining-requests", "nan")], b'{"id": "job_1"}')
@example(200, [("x-request-id", "x" * 1_000_000)], b'{"id": "job_1"}')
@example(429, [("retry-after", "1e308")], b"")
@example(302, [("location", "https://xn--/")], b"")
@example(200, [("set-cookie", "a=b; expires=inf; max-age=nan")], DEEP)
def test_every_route_gives_a_result_or_a_typed_error(
    route: str, status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    async def ask() -> None:
        async with gateway(answer_of(status, headers, body)) as (url, _):
            client = Client(url, None, TIMING)
            try:
                with contextlib.suppress(GatewayError):
                    await ROUTES[route](client)
            finally:
                await client.close()

    asyncio.run(ask())


@many
@given(body=VALUES, headers=HEADERS)
def test_every_reader_takes_every_value(body: object, headers: list[tuple[str, str]]) -> None:
    told = dict(headers)
    for read in (parse_models, lambda value: parse_job(value, BASE, told)):
        with contextlib.suppress(GatewayError):
            read(body)
    parse_error(body)
    parse_signed(body, BASE)
    if isinstance(body, dict):
        parse_balance(body)
        parse_cost(body, told)


@many
@given(status=STATUSES, headers=HEADERS)
def test_no_rate_is_negative_or_endless(status: int, headers: list[tuple[str, str]]) -> None:
    rate = rate_of(status, dict(headers))
    for number in (rate.limit, rate.remaining, rate.reset, rate.retry_after):
        assert number is None or 0 <= number < float("inf")
    wait = retry_after(dict(headers))
    assert wait is None or 0 <= wait <= 366 * 24 * 3600


@pytest.mark.parametrize(
    "cookie",
    ["a=b; Path=/", "\x80", 'a="\xff"', "a=" + "b" * 9000, "a=b; Domain=127.0.0.1", "=\xe9"],
)
async def test_a_cookie_is_kept_from_no_answer(cookie: str) -> None:
    answer = answer_of(200, [("set-cookie", cookie)], b"{}")
    async with gateway(answer) as (url, asked):
        client = Client(url, None, TIMING)
        for _ in range(3):
            assert await client.balance() == {}
        await client.close()
    assert len(asked) == 3
    assert not any("cookie" in head.lower() for head in asked)


@pytest.mark.slow
@many
@given(status=STATUS, headers=HEADERS, body=BODIES)
@example(302, [("set-cookie", "\x80")], b"")
@example(202, [("x-ratelimit-limit-requests", "inf")], b'{"id": "job_1", "status": "queued"}')
@example(202, [], b'{"id": 17, "status": "queued"}')
@example(202, [], b'{"id": "job_\\ud800", "status": "queued"}')
@example(202, [], b'{"id": "' + b"x" * 70_000 + b'", "status": "queued"}')
@example(202, [], DEEP)
@example(202, [], b'{"id": "job_1", "error": "\\ud800", "model": "\\ud800", "status": {}}')
def test_no_answer_to_a_submit_leaves_a_row_that_is_bought_again(
    status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    async def buy(folder: Path) -> None:
        async with gateway(answer_of(status, headers, body)) as (url, asked):
            library = Library(folder, TIMING)
            account = Account("test", url, None, library, TIMING)
            library.catalogue("test").replace([])
            try:
                for _ in range(2):
                    with contextlib.suppress(GatewayError):
                        await account.submit(PIANO, NEVER_REPEATED, run="run")
                rows = library.ledger.page(limit=10)[0]
                assert all(row.state is not State.SUBMITTING for row in rows)
                assert all(row.state is State.UNCERTAIN for row in rows if not row.job_id) or (
                    status >= 300
                )
                # Only what the gateway called failed or cancelled was asked for again.
                assert all(row.state.is_dead for row in rows[1:])
                posts = [head for head in asked if head.startswith("POST /v1/audio/music")]
                assert len(posts) == len(rows) or status == 429
            finally:
                await asyncio.to_thread(account.close)
                library.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(buy(Path(folder)))
