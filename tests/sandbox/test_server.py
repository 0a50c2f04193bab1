"""The sandbox speaks the documented protocol, as any HTTP client sees it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ...sandbox.cards import CARDS, Cards
from ...sandbox.profile import Dialect, FileOrigin, Profile
from ...sandbox.server import Sandbox
from ..gateway import running, tone
from .dialects import NAMES, speaking

FAST = Profile(queue=0.0, run=0.0, run_per_second=0.0, poll_floor=0.0)
ORDER = {"prompt": "piano", "duration": 5, "format": "wav"}


@contextlib.asynccontextmanager
async def asking(profile: Profile = FAST) -> AsyncIterator[tuple[httpx.AsyncClient, Sandbox]]:
    with running(profile) as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
            yield http, sandbox


async def submitted(http: httpx.AsyncClient, prompt: str = "piano", **changes: Any) -> str:
    answer = await http.post("/audio/music", json={**ORDER, "prompt": prompt, **changes})
    assert answer.status_code == 202
    return answer.json()["id"]


async def completed(http: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    while True:
        record = (await http.get(f"/jobs/{job_id}")).json()
        if record["status"] == "completed":
            return record


@pytest.mark.slow
async def test_a_job_lives_through_its_states() -> None:
    async with asking(FAST._replace(queue=0.3, run=0.3)) as (http, _):
        job_id = await submitted(http)
        assert job_id.startswith("sandbox_")
        words = []
        while not words or words[-1] != "completed":
            word = (await http.get(f"/jobs/{job_id}")).json()["status"]
            if word not in words:
                words.append(word)
    assert words == ["queued", "running", "completed"]


async def test_a_poll_within_the_floor_is_answered_304_without_a_body() -> None:
    async with asking(FAST._replace(poll_floor=60.0)) as (http, sandbox):
        job_id = await submitted(http)
        assert (await http.get(f"/jobs/{job_id}")).status_code == 200
        again = await http.get(f"/jobs/{job_id}")
        assert (again.status_code, again.content) == (304, b"")
        assert sandbox.bill()["early_polls"] == 1


async def test_the_rate_is_counted_over_a_rolling_window_and_told() -> None:
    async with asking(FAST._replace(limit=3)) as (http, sandbox):
        answers = [await http.get("/balance") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "3"
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "2"
    assert 50 < float(answers[3].headers["Retry-After"]) <= 60
    assert sandbox.bill()["rejected"] == 1


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b"{}", b'{"prompt": ""}', b'{"prompt": 3}'])
async def test_a_malformed_order_creates_nothing(body: bytes) -> None:
    async with asking() as (http, sandbox):
        answer = await http.post("/audio/music", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]
        assert sandbox.bill()["jobs"] == []


async def test_an_idempotency_key_creates_one_job() -> None:
    async with asking() as (http, sandbox):
        headers = {"Idempotency-Key": "one"}
        answers = [await http.post("/audio/music", json=ORDER, headers=headers) for _ in range(2)]
        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert len(sandbox.bill()["jobs"]) == 1


async def test_failed_and_cancelled_jobs_are_not_charged() -> None:
    async with asking(FAST._replace(queue=60.0)) as (http, sandbox):
        job_id = await submitted(http)
        assert sandbox.bill()["dollars"] == pytest.approx(0.001)
        assert (await http.delete(f"/jobs/{job_id}")).json()["status"] == "cancelled"
        assert sandbox.bill()["dollars"] == 0
    async with asking() as (http, sandbox):
        await submitted(http, "sandbox:fail")
        assert sandbox.bill()["dollars"] == 0


async def test_the_duration_is_clamped_to_the_models_range() -> None:
    async with asking() as (http, _):
        job_id = await submitted(http, duration=1)
        assert (await completed(http, job_id))["result"]["duration"] == 5


async def test_files_have_ranges_and_addresses_that_expire() -> None:
    async with asking() as (http, _):
        job_id = await submitted(http)
        url = (await completed(http, job_id))["result"]["url"]
        whole = await http.get(url)
        assert whole.headers["Accept-Ranges"] == "bytes"
        headers = {"Range": "bytes=10-19", "If-Range": whole.headers["ETag"]}
        part = await http.get(url, headers=headers)
        assert (part.status_code, part.content) == (206, whole.content[10:20])
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.content)}"
        stale = await http.get(url, headers={**headers, "If-Range": '"another"'})
        assert (stale.status_code, stale.content) == (200, whole.content)
        assert (await http.get(url.replace("signature=", "signature=0"))).status_code == 403


async def test_an_expired_address_is_renewed_by_reading_the_job_again() -> None:
    async with asking() as (http, _):
        job_id = await submitted(http, "sandbox:expire")
        first = (await completed(http, job_id))["result"]["url"]
        assert (await http.get(first)).status_code == 403
        second = (await completed(http, job_id))["result"]["url"]
        assert (await http.get(second)).status_code == 200


async def test_files_may_lie_behind_the_key() -> None:
    profile = FAST._replace(key="sk-aig-k", dialect=Dialect(files=FileOrigin.KEYED))
    async with asking(profile) as (http, _):
        http.headers["Authorization"] = "Bearer sk-aig-k"
        url = (await completed(http, await submitted(http)))["result"]["url"]
        assert (await http.get(url)).status_code == 200
        del http.headers["Authorization"]
        assert (await http.get(url)).status_code == 401


async def test_unknown_things_are_not_found() -> None:
    async with asking() as (http, _):
        assert (await http.get("/jobs/job_nobody")).status_code == 404
        assert (await http.delete("/jobs/job_nobody")).status_code == 404
        answer = await http.post("/audio/music", json={**ORDER, "model": "no/such-model"})
        assert answer.status_code == 404


async def test_a_sandbox_that_starts_again_knows_its_jobs(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.json"
    first = Sandbox(FAST, render=tone, state_path=state)
    await first.start()
    async with httpx.AsyncClient(base_url=first.base_url, trust_env=False) as http:
        job_id = await submitted(http)
    await first.stop()
    second = Sandbox(FAST, render=tone, state_path=state)
    await second.start()
    async with httpx.AsyncClient(base_url=second.base_url, trust_env=False) as http:
        url = (await completed(http, job_id))["result"]["url"]
        assert (await http.get(url)).status_code == 200
    await second.stop()


def test_cards_are_found_among_other_words() -> None:
    cards = Cards.of("calm piano, sandbox:503=2 sandbox:expire sandbox:nonesuch")
    assert cards.values == {"503": "2", "expire": ""}
    assert cards.number("503", 1) == 2
    assert cards.number("expire", 1) == 1


def documents() -> str:
    """The text of README.md and of all pages in docs/."""
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    return "".join(page.read_text(encoding="utf-8") for page in pages)


def test_every_card_is_documented() -> None:
    text = documents()
    for card in CARDS:
        assert f"`sandbox:{card}" in text


def test_every_dialect_is_documented_and_changes_something() -> None:
    text = documents()
    for name in NAMES:
        assert f"\n| `{name}` |" in text
        assert speaking(Profile(), [name]) != Profile()
    assert speaking(Profile(), NAMES).dialect.files is FileOrigin.ELSEWHERE_KEYED


# Several sandboxes on one folder


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 6])
async def test_sandboxes_on_one_folder_know_each_others_jobs(tmp_path: Path, jobs: int) -> None:
    state = tmp_path / "sandbox.json"
    with running(FAST, state=state) as first, running(FAST, state=state) as second:
        async with (
            httpx.AsyncClient(base_url=first.base_url, trust_env=False) as here,
            httpx.AsyncClient(base_url=second.base_url, trust_env=False) as there,
        ):
            ids = [await submitted(here, f"one {number}") for number in range(jobs)]
            ids += [await submitted(there, f"two {number}") for number in range(jobs)]
            for http in (here, there):
                for id in ids:
                    record = await completed(http, id)
                    assert (await http.get(record["result"]["url"])).content[:4] == b"RIFF"
        assert len(first.bill()["jobs"]) == len(second.bill()["jobs"]) == 2 * jobs


async def test_a_key_creates_one_job_in_all_sandboxes_of_a_folder(tmp_path: Path) -> None:
    state, headers = tmp_path / "sandbox.json", {"Idempotency-Key": "same"}
    with running(FAST, state=state) as first, running(FAST, state=state) as second:
        ids = set()
        for sandbox in (first, second, first):
            async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
                answer = await http.post("/audio/music", json=ORDER, headers=headers)
                ids.add(answer.json()["id"])
    assert len(ids) == 1


async def test_a_cancelled_job_is_cancelled_in_all_sandboxes_of_a_folder(tmp_path: Path) -> None:
    state, slow = tmp_path / "sandbox.json", FAST._replace(queue=60.0)
    with running(slow, state=state) as first, running(slow, state=state) as second:
        async with (
            httpx.AsyncClient(base_url=first.base_url, trust_env=False) as here,
            httpx.AsyncClient(base_url=second.base_url, trust_env=False) as there,
        ):
            id = await submitted(here)
            assert (await there.delete(f"/jobs/{id}")).json()["status"] == "cancelled"
            assert (await here.get(f"/jobs/{id}")).json()["status"] == "cancelled"
            await submitted(here, "another")
            assert (await there.get(f"/jobs/{id}")).json()["status"] == "cancelled"


@pytest.mark.parametrize("content", [b"", b"[[1]]", b"{}", b"\xff\xfe[", b'[["a", [], "b", null]]'])
async def test_a_damaged_state_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    state = tmp_path / "sandbox.json"
    state.write_bytes(content)
    with running(FAST, state=state) as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.base_url, trust_env=False) as http:
            assert (await completed(http, await submitted(http)))["status"] == "completed"
