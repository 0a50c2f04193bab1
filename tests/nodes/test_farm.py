"""What the nodes of a farm's worker say, and what they never say."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ...api.errors import SettingsError
from ...sandbox.server import Sandbox
from ..buckets import SECRET, BucketServer, FaultyProxy, faulty, serving
from .test_machine import panel  # noqa: F401
from .test_nodes import Node, load, run, submit


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BucketServer]:
    with serving("rclone", tmp_path / "bucket") as running:
        yield running


@pytest.fixture
def proxy(server: BucketServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    with faulty(server) as proxy:
        monkeypatch.setenv("AIGATEWAY_STORE_URL", server.address(proxy.port))
        yield proxy


@pytest.fixture
def shown(session: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The status lines."""
    lines: list[str] = []
    monkeypatch.setattr(session.host.Display, "show", lambda self, text, *_: lines.append(text))
    return lines


async def test_the_job_id_is_in_the_log(
    node: Node, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aigateway")
    _, job_id = await submit(node)
    assert f"The gateway has the job {job_id}." in caplog.messages


async def test_a_graph_goes_on_without_its_bucket_and_says_so(
    node: Node,
    sandbox: Sandbox,
    server: BucketServer,
    proxy: FaultyProxy,
    shown: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy.fault = "500"
    job, _ = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)
    audio, seconds, _ = await load(node, url)
    assert seconds == 5.0
    assert audio["waveform"].shape[0] == 1
    assert shown[-1].endswith(
        " · not in the bucket yet (it answered with the status 500): it is sent again later"
    )
    assert server.objects() == []
    for text in (*shown, caplog.text):
        assert SECRET not in text


async def test_a_track_in_the_bucket_needs_no_word(
    node: Node, sandbox: Sandbox, server: BucketServer, proxy: FaultyProxy, shown: list[str]
) -> None:
    job, _ = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)
    await load(node, url)
    assert "bucket" not in shown[-1]
    assert len(server.objects()) == 1


@pytest.mark.parametrize("address", ["s3://bucket", "s3://bucket?canary=1", "canary://bucket"])
async def test_a_bucket_that_cannot_be_used_is_refused_before_money(
    node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("AIGATEWAY_STORE_URL", address)
    load_module = builtins.__import__

    def lacking(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "obstore" and "canary" not in address:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load_module(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(SettingsError, match="AIGATEWAY_STORE_URL") as caught:
        await submit(node)
    assert "canary" not in str(caught.value)
    assert sandbox.seen == []


@pytest.mark.usefixtures("nodes")
async def test_the_panel_has_no_word_of_the_address(
    panel: Any,  # noqa: F811
    sandbox: Sandbox,
    session: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIGATEWAY_STORE_URL", f"s3://bucket?secret_access_key={SECRET}")
    for path, method, body in (
        ("/settings", "GET", None),
        ("/settings", "PUT", {"name": "store_url", "value": f"s3://canary/{SECRET}"}),
        ("/tracks", "GET", None),
    ):
        _, answer = await panel(path, method, body)
        assert "s3:" not in str(answer)
        assert "canary" not in str(answer)


async def test_saved_files_have_no_word_of_the_address(
    node: Node, sandbox: Sandbox, server: BucketServer, proxy: FaultyProxy, output: Path
) -> None:
    job, _ = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)
    audio, *_ = await load(node, url)
    await run(node, "SaveAudio", audio=audio, filename_prefix="a", format={"format": "flac"})
    for file in [path for path in output.parent.rglob("*") if path.is_file()]:
        assert SECRET.encode() not in file.read_bytes(), file
