"""The sandbox answers as its OpenAPI description says, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import openapi_spec_validator
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.core.result import Ok

from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox
from ..gateway import running
from .openapi import DESCRIPTION

KEY = "sk-aig-tests"
HEADERS = {"Authorization": f"Bearer {KEY}"}
FAST = Profile(queue=0, run=0, run_per_second=0, poll_floor=0, limit=10**9, max_waiting=10**9)
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
OPERATIONS = {
    operation.definition.raw["operationId"]: operation
    for operation in (found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok))
}
# Not among them: that every malformed request is refused. The gateway reads numbers in text, too.
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(FAST._replace(key=KEY)) as served:
        yield served


@pytest.fixture(scope="module")
def job(sandbox: Sandbox) -> str:
    """A completed job."""
    with httpx.Client(base_url=sandbox.base_url, headers=HEADERS, trust_env=False) as http:
        job = http.post("/audio/music", json={"prompt": "piano", "format": "wav"}).json()["id"]
        while http.get(f"/jobs/{job}").json()["status"] != "completed":
            pass
    return job


def test_the_description_is_openapi() -> None:
    openapi_spec_validator.validate(DESCRIPTION)


def test_every_route_of_the_api_is_described(sandbox: Sandbox) -> None:
    described = {operation.path for operation in OPERATIONS.values()}
    # The other dialect cancels there.
    described.add("/v1/jobs/{id}/cancel")
    routes = {resource.canonical for resource in sandbox.application().router.resources()}
    assert described == {route for route in routes if route.startswith("/v1/")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, GenerationMode.POSITIVE) for name in OPERATIONS]
    # The other routes take any text, so nothing that is sent contradicts their description.
    + [(name, GenerationMode.NEGATIVE) for name in ("submit", "file", "signed")],
)
def test_an_answer_is_as_described(
    sandbox: Sandbox, job: str, name: str, mode: GenerationMode
) -> None:
    operation, root = OPERATIONS[name], sandbox.base_url.removesuffix("/v1")

    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(case=operation.as_strategy(mode), is_known=st.booleans(), has_key=st.booleans())
    def answers(case: schemathesis.Case, is_known: bool, has_key: bool) -> None:
        if is_known and name != "cancel" and "id" in case.path_parameters:
            case.path_parameters["id"] = job
        case.call_and_validate(base_url=root, headers=HEADERS if has_key else {}, checks=CHECKS)

    answers()
