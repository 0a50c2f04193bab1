"""The sandbox serves the pack, and no web page and no other user of the machine."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import httpx
import pytest

from ...sandbox import job_book, server
from ...sandbox.job_book import JobBook, SandboxJob, SketchRequest
from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox, SandboxThread
from ...sandbox.sketches import Sketches
from .test_server import FAST, ORDER, asking

PATHS = ["/v1/models", "/v1/balance", "/v1/jobs/x", "/sandbox/bill"]


def origin(http: httpx.AsyncClient) -> str:
    return str(http.base_url).removesuffix("/v1/")


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Host": "rebound.example:5000"},
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.rebound.example:80"},
    ],
)
async def test_a_page_orders_nothing_and_reads_nothing(headers: dict[str, str]) -> None:
    async with asking() as (http, sandbox):
        for path in PATHS:
            assert (await http.get(origin(http) + path, headers=headers)).status_code == 403
        answer = await http.post("/audio/music", json=ORDER, headers=headers)
        assert answer.status_code == 403
        assert sandbox.bill()["jobs"] == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "a/b"])
async def test_a_form_is_no_order(kind: str) -> None:
    async with asking() as (http, sandbox):
        content = b'{"prompt": "piano"}'
        answer = await http.post("/audio/music", content=content, headers={"Content-Type": kind})
        assert answer.status_code == 400
        assert sandbox.bill()["jobs"] == []


@pytest.mark.slow
@pytest.mark.parametrize("given", [None, "Bearer", "Bearer wrong", "Bearer ümlaut", "secret"])
async def test_nothing_is_answered_without_the_secret(given: str | None) -> None:
    async with asking(FAST._replace(key="secret")) as (http, sandbox):
        headers = {} if given is None else {"Authorization": given.encode()}
        for path in PATHS:
            answer = await http.get(origin(http) + path, headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 401
        assert (await http.post("/audio/music", json=ORDER)).status_code == 401
        assert sandbox.bill()["jobs"] == []
        right = {"Authorization": "Bearer secret"}
        assert (await http.get(f"{origin(http)}/sandbox/bill", headers=right)).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 50_000,
        b'{"prompt": "a", "duration": NaN}',
        b'{"prompt": "a", "duration": 1e999}',
        b'{"prompt": "a", "duration": ' + b"9" * 400 + b"}",
        b'{"prompt": "a", "duration": []}',
        b'{"prompt": "a", "format": {}}',
        b"\xff",
    ],
)
async def test_odd_orders_are_malformed(content: bytes) -> None:
    async with asking() as (http, _):
        headers = {"Content-Type": "application/json"}
        answer = await http.post("/audio/music", content=content, headers=headers)
        assert answer.status_code == 400


async def test_only_so_many_jobs_wait_to_be_composed() -> None:
    go_on = threading.Event()

    def blocked(request: SketchRequest) -> bytes:
        go_on.wait(60)
        return b"music"

    sandbox = Sandbox(FAST._replace(max_waiting=3), render=blocked)
    thread = SandboxThread(sandbox)
    try:
        async with httpx.AsyncClient(base_url=thread.base_url, trust_env=False) as http:
            statuses = [(await http.post("/audio/music", json=ORDER)).status_code for _ in range(5)]
    finally:
        go_on.set()
        thread.stop()
    assert statuses == [202, 202, 202, 429, 429]


async def test_the_oldest_files_go_and_come_again_when_they_are_asked_for() -> None:
    rendered: list[str] = []

    def render(request: SketchRequest) -> bytes:
        rendered.append(request.prompt)
        return request.prompt.encode() * 40

    sketches = Sketches(render, max_bytes=100)
    jobs = [
        SandboxJob(name, SketchRequest(name, 5, "", "wav", "", ""), 0.0, Profile())
        for name in ("a", "b", "c")
    ]
    for job in jobs:
        await sketches.start(job)
    assert await asyncio.gather(*map(sketches.start, jobs[1:])) == [b"b" * 40, b"c" * 40]
    assert rendered == ["a", "b", "c"]
    assert await sketches.start(jobs[0]) == b"a" * 40
    assert rendered == ["a", "b", "c", "a"]


# A sandbox that runs for months


def ordered(prompt: str, key: str = "") -> SketchRequest:
    return SketchRequest(prompt, 5, "", "wav", "", key)


def test_the_oldest_jobs_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_book, "MOST_JOBS", 3)
    book = JobBook(Profile(), tmp_path / "jobs.json")
    made = [book.create(ordered(f"a{number}", f"key{number}")) for number in range(5)]
    for each in (book, JobBook(Profile(), tmp_path / "jobs.json")):
        assert [job.id for job in each] == [job.id for job in made[2:]]
        assert each.get(made[0].id) is None
    # A key whose job is forgotten is a new one.
    assert book.create(ordered("a0", "key0")).id != made[0].id
    assert book.create(ordered("a4", "key4")).id == made[4].id


def test_long_prompts_do_not_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_book, "MOST_CHARACTERS", 1000)
    book = JobBook(Profile(), tmp_path / "jobs.json")
    for number in range(50):
        book.create(ordered(f"{number}" * 200))
    assert sum(job.characters for job in book) <= 1000
    assert (tmp_path / "jobs.json").stat().st_size < 3000
    # The last one stays, however long it is.
    last = book.create(ordered("a" * 5000))
    assert [job.id for job in book] == [last.id]


async def test_the_list_of_requests_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_SEEN", 10)
    async with asking() as (http, sandbox):
        for _ in range(35):
            await http.get("/balance")
        assert 5 <= len(sandbox.seen) <= 10
        assert sandbox.bill()["requests"] == 35


async def test_a_request_that_cannot_be_composed_fails_its_job_and_leaves_nothing() -> None:
    attempts: list[str] = []

    def render(request: SketchRequest) -> bytes:
        attempts.append(request.prompt)
        raise ValueError("no such chord")

    sketches = Sketches(render)
    job = SandboxJob("one", ordered("a"), 0.0, Profile())
    with pytest.raises(ValueError, match="no such chord"):
        await sketches.start(job)
    assert len(sketches) == 0
    record = job.record(1e9, None, Profile())
    assert record["status"] == "failed"
    assert "no such chord" in record["error"]["message"]

    sandbox = Sandbox(FAST, render=render)
    thread = SandboxThread(sandbox)
    attempts.clear()
    try:
        async with httpx.AsyncClient(base_url=thread.base_url, trust_env=False) as http:
            id = (await http.post("/audio/music", json=ORDER)).json()["id"]
            while (await http.get(f"/jobs/{id}")).json()["status"] != "failed":
                pass
            await http.get(f"/jobs/{id}")
            assert attempts == [ORDER["prompt"]]
    finally:
        thread.stop()
