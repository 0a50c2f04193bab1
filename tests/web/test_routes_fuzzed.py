"""The server's routes answer whatever is sent with JSON, and never fail.

The description that schemathesis follows is made of the routes themselves, so a new one is tested
as soon as it exists.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.core.result import Ok

from ...api.base.request import MusicRequest
from ...api.base.threads import LoopThread
from ...api.money.ledger import Ledger
from ...scripts.lib import headless, pack
from ..gateway import running

HEADERS = {"X-AIgateway-Page": "1"}
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
# What the routes read, as the right kind of value or as anything else.
TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": ["integer", "string"]}
CHOICE: dict[str, Any] = {"enum": ["all", "starred", "newest", "prompt", "?"]}
QUERY = {
    **dict.fromkeys(("search", "filename", "subfolder", "type", "prompt", "model"), TEXT),
    **dict.fromkeys(("show", "sort"), CHOICE),
    **dict.fromkeys(("limit", "offset", "count", "runs", "duration", "take"), NUMBER),
}
BODY = {
    "anyOf": [
        {"type": ["null", "boolean", "number", "string", "array"]},
        {
            "type": "object",
            "properties": {
                "name": {"enum": ["mode", "per_run_limit", "words", "api_key", "cost_tag", "?"]},
                "value": {},
                **{name: {} for name in MusicRequest._fields},
                **{name: {"type": ["integer", "string", "null"]} for name in ("count", "runs")},
            },
        },
    ]
}


def table() -> web.RouteTableDef:
    routes = importlib.import_module(f"{pack.NAME}.nodes.routes")
    made = web.RouteTableDef()
    routes.add_to(made)
    return made


def described(route: web.RouteDef) -> dict[str, Any]:
    """The operation of a route: any query, any body, and JSON that says what was wrong."""
    error = {"type": "object", "required": ["error"], "properties": {"error": TEXT}}
    refused = {"application/json": {"schema": error}}
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    places = [("path", name, TEXT) for name in names]
    places += [("query", name, schema) for name, schema in QUERY.items()]
    operation: dict[str, Any] = {
        "parameters": [
            {"in": place, "name": name, "schema": schema, "required": place == "path"}
            for place, name, schema in places
        ],
        "responses": {
            "200": {"description": "Done."},
            # 404 is also aiohttp's own answer to an address that no route has.
            "404": {"description": "Not here."},
            **{
                status: {"description": "Refused.", "content": refused}
                for status in ("400", "403", "415")
            },
        },
    }
    if route.method != "GET":
        operation["requestBody"] = {"content": {"application/json": {"schema": BODY}}}
    return operation


def description() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in table():
        assert isinstance(route, web.RouteDef)
        paths.setdefault(route.path, {})[route.method.lower()] = described(route)
    info = {"title": "The pack's routes", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


@pytest.fixture
def track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A row of the ledger, in a ComfyUI without anything else."""
    headless.configure(tmp_path / "output", tmp_path / "comfyui")
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / "data"))
    ledger = Ledger(tmp_path / "data")
    job, _ = ledger.create("elsewhere", MusicRequest("piano"), run="", price=0.006)
    ledger.close()
    with running() as sandbox:
        monkeypatch.setenv("AIGATEWAY_BASE_URL", sandbox.base_url)
        yield job.local_id


@pytest.fixture
def root(track: str) -> Iterator[str]:
    async def serve() -> web.AppRunner:
        app = web.Application()
        app.add_routes(table())
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    thread = LoopThread("routes")
    runner = thread.call(serve())
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        thread.call(runner.cleanup())
        thread.close()


@pytest.mark.slow
def test_a_route_answers_whatever_is_sent(root: str, track: str) -> None:
    for found in schemathesis.openapi.from_dict(description()).get_all_operations():
        assert isinstance(found, Ok)
        send(found.ok(), root, track)


def send(operation: schemathesis.APIOperation, root: str, track: str) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(case=operation.as_strategy(), is_known=st.booleans())
    def answers(case: schemathesis.Case, is_known: bool) -> None:
        if is_known and "local_id" in case.path_parameters:
            case.path_parameters["local_id"] = track
        case.call_and_validate(base_url=root, headers=HEADERS, checks=CHECKS)

    answers()
