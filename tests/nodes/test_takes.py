"""Several takes of one request: side by side, each bought once, and none lost with another."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch

from ...api.base.errors import (
    GatewayError,
    InputError,
    JobFailedError,
    SpendLimitError,
    WaitTimeoutError,
)
from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox
from ..gateway import SAMPLE_RATE, SCALE, TIMING, running
from .test_nodes import run

pytestmark = pytest.mark.slow

Node = dict[str, Any]
Gateway = Callable[[Profile], AbstractContextManager[Sandbox]]
DURATION = 5.0


@pytest.fixture
def gateway(session: Any, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway of another kind, which the settings point at."""

    @contextmanager
    def opened(profile: Profile) -> Iterator[Sandbox]:
        with running(profile.scaled(SCALE)) as sandbox:
            monkeypatch.setenv("AIGATEWAY_BASE_URL", sandbox.base_url)
            monkeypatch.setattr(session, "timing_of", lambda settings: TIMING)
            yield sandbox

    return opened


async def output(node: Node, prompt: str = "piano", **inputs: Any) -> Any:
    inputs = {"prompt": prompt, "duration": DURATION, "format": "wav", **inputs}
    kind = node["AIGatewayTakes"].PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    return await kind.EXECUTE_NORMALIZED_ASYNC(**inputs)


async def takes(node: Node, prompt: str = "piano", **inputs: Any) -> tuple[Any, ...]:
    return (await output(node, prompt, **inputs)).result


async def test_takes_come_as_a_list_in_their_order(node: Node, sandbox: Sandbox):
    audio, job_ids, report = await takes(node, take=3, count=3)
    assert len(audio) == len(set(job_ids)) == 3
    for each in audio:
        assert each["waveform"].shape == (1, 1, int(DURATION * SAMPLE_RATE))
        assert each["sample_rate"] == SAMPLE_RATE
    quality = re.compile(r", -\d+\.\d LUFS, peak -\d+\.\d dBFS, mono$", re.M)
    assert len(quality.findall(report)) == 3
    assert quality.sub("", report).splitlines() == [
        "3 of 3 takes are loaded",
        *(
            f"take {take} completed, paid $0.001, 5.0 s, job {job_id}"
            for take, job_id in zip((3, 4, 5), job_ids, strict=True)
        ),
    ]


async def test_a_take_is_the_track_of_prompt_to_music_with_its_number(node: Node, sandbox: Sandbox):
    _, job_ids, _ = await takes(node, count=3)
    request = {"prompt": "piano", "duration": DURATION, "format": "wav"}
    _, job_id = await run(node, "PromptToMusic", **request, take=2)
    assert job_id == job_ids[1]
    assert (await takes(node, take=2, count=3))[1][:2] == job_ids[1:]
    assert len(sandbox.bill()["jobs"]) == 4


async def test_jobs_wait_in_the_queue_together(node: Node, gateway: Gateway, lines: list[Any]):
    """One after the other, the queue alone would take 16 times as long."""
    with gateway(Profile(queue=12.0)) as sandbox:
        audio, *_ = await takes(node, count=16)
        assert len(audio) == 16
        jobs = sandbox.bill()["jobs"]
        assert len(jobs) == 16
        last_submit = max(job["created"] for job in jobs)
        assert last_submit < min(job["ends"] for job in jobs)
    assert any(str(line).startswith("0 of 16 takes ended · ") for line in lines)
    assert str(lines[-1]) == "16 of 16 takes are loaded"


async def test_a_failed_take_loses_none_of_the_others(
    node: Node, sandbox: Sandbox, lines: list[Any]
):
    audio, job_ids, report = await takes(node, "piano sandbox:fail-nth", count=4)
    assert len(audio) == len(job_ids) == 3
    summary, *reports = report.splitlines()
    assert summary == "3 of 4 takes are loaded"
    (failed,) = [line for line in reports if "failed" in line]
    take = failed.split()[1]
    assert failed.startswith(f"take {take} failed, not charged, job sandbox_")
    assert "It is not charged" in failed
    assert str(lines[-1]) == f"{summary} · take {take} failed, not charged"
    # Queued again, the failed take is bought anew and no other.
    audio, again, report = await takes(node, "piano sandbox:fail-nth", count=4)
    assert len(audio) == 4
    assert set(job_ids) < set(again)
    assert report.count("paid $0.001") == 4
    assert len(sandbox.bill()["jobs"]) == 4


async def test_the_takes_of_a_sandbox_are_sketches(
    node: Node,
    session: Any,
    sandbox: Sandbox,
    lines: list[Any],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("AIGATEWAY_MODE", "sandbox")
    monkeypatch.setattr(session, "_sandbox", (sandbox.base_url, None))
    await takes(node, count=2)
    assert [part["key"] for part in lines[-1].parts()] == ["status_takes", "status_sketch"]
    await takes(node, "piano sandbox:fail-nth", lyrics="[vrese]\nla", count=2)
    start, *notes, end = str(lines[-1]).split(" · ")
    assert (start, end) == ("1 of 2 takes are loaded", "sandbox sketch")
    assert re.fullmatch(r"take \d failed, free", notes[0])
    assert any("vrese" in note for note in notes)


async def test_no_good_take_is_an_error_that_names_all(node: Node, sandbox: Sandbox):
    with pytest.raises(JobFailedError) as raised:
        await takes(node, "sandbox:fail", count=3)
    assert "No take is good: take 1 failed, not charged; take 2 failed, not charged" in str(
        raised.value
    )


async def test_a_wait_that_ends_leaves_the_jobs(node: Node, gateway: Gateway):
    with gateway(Profile(queue=0.0, run=600.0)) as sandbox:
        with pytest.raises(WaitTimeoutError, match=re.escape("take 2 running, costs $0.001")):
            await takes(node, count=2, timeout=0.05)
        assert len(sandbox.bill()["jobs"]) == 2


async def test_the_limit_counts_all_takes_before_the_first_request(
    node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIGATEWAY_SPEND_LIMIT_PER_RUN", "0.0035")
    with pytest.raises(SpendLimitError, match=re.escape("These 4 tracks cost about $0.004")):
        await takes(node, count=4)
    assert not any(seen.method == "POST" for seen in sandbox.seen)
    audio, *_ = await takes(node, count=3)
    assert len(audio) == 3


@pytest.mark.parametrize("count", [0, 17, -1, 2.5, None, "many", True])
async def test_a_count_out_of_range_is_named(node: Node, sandbox: Sandbox, count: Any):
    with pytest.raises(InputError, match="1 to 16 takes are expected"):
        await takes(node, count=count)
    assert not sandbox.seen


async def test_a_track_that_cannot_be_loaded_is_named_with_what_was_paid(
    node: Node, sandbox: Sandbox
):
    with pytest.raises(GatewayError, match=re.escape("take 2 completed, paid $0.001")) as raised:
        await takes(node, "sandbox:page", count=2)
    assert "not audio" in str(raised.value)


async def test_the_browser_gets_tracks_and_players(node: Node, sandbox: Sandbox):
    ui = (await output(node, "sandbox:fail-nth", count=3)).ui
    assert len(ui["aigateway_track"]) == 3
    played = [json.loads(text)["local_id"] for text in ui["aigateway_audio"]]
    assert len(played) == 2
    assert set(played) < set(ui["aigateway_track"])


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("keep", "interrupted; 3 of 3 jobs go on, queue again to pick them up"),
        (
            "cancel",
            "interrupted; 0 of 3 jobs go on, queue again to pick them up; 3 were cancelled"
            ", and they cost nothing",
        ),
    ],
)
async def test_an_interrupt_does_what_the_settings_say(
    node: Node,
    gateway: Gateway,
    nodes: ModuleType,
    lines: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    said: str,
):
    monkeypatch.setenv("AIGATEWAY_ON_INTERRUPT", choice)
    host = importlib.import_module(f"{nodes.__name__}.host")
    management = importlib.import_module("comfy.model_management")
    with gateway(Profile(queue=600.0)) as sandbox:

        def interrupted() -> bool:
            return any("in the queue" in str(line) for line in lines)

        monkeypatch.setattr(management, "processing_interrupted", interrupted)
        with pytest.raises(host.interrupt_exception()):
            await takes(node, count=3)
        assert str(lines[-1]) == said
        assert len(sandbox.bill()["jobs"]) == (3 if choice == "keep" else 0)


async def test_what_was_delivered_is_not_changed(node: Node, sandbox: Sandbox):
    first, second = await asyncio.gather(takes(node, count=2), takes(node, count=2))
    for one, other in zip(first[0], second[0], strict=True):
        assert torch.equal(one["waveform"], other["waveform"])
    assert len(sandbox.bill()["jobs"]) == 2
