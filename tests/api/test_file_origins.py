"""Every documented way to a track's file: from the API's host or another one, signed or keyed."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from ...api.account import Account
from ...api.base.errors import DownloadError, UncertainSubmitError
from ...api.base.request import MusicRequest
from ...api.money.job import Job
from ...api.settings import Settings
from ...api.wire.addresses import AllowedHosts
from ...sandbox.profile import Dialect, FileOrigin, Profile, ResultShape
from ...sandbox.server import Sandbox, SandboxThread
from ..gateway import SCALE, account_on, rows_of, running, tone
from ..sandbox.dialects import NAMES, speaking

KEY = "sk-aig-a-canary-that-goes-to-the-api-alone"
PIANO = MusicRequest("piano", 5.0, format="wav")
REACHABLE = [origin for origin in FileOrigin if origin is not FileOrigin.ELSEWHERE_KEYED]


def gateway(files: FileOrigin, shape: ResultShape = ResultShape.NESTED_URL) -> Profile:
    dialect = Dialect(shape, files=files)
    return Profile(key=KEY, dialect=dialect).scaled(SCALE)


async def bought(account: Account, request: MusicRequest = PIANO) -> Job:
    job = await account.submit(request, Settings(), run="run")
    return await account.wait(job, timeout=60, progress=lambda progress: None)


async def loaded(account: Account, url: str | None, *allowed: str) -> Path | None:
    assert url is not None
    audio = await account.open(url, Settings(allow_hosts=AllowedHosts.parse(allowed)))
    with audio.reader:
        await account.download(audio)
        return (await account.store(audio, Settings())).path


SHAPES = (None, "file_url", "result_url")
OTHERS = [name for name in NAMES if "files" not in name and name not in SHAPES]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "dialect"),
    # A shape of the result names the file: each with every origin. Other dialects: one origin each.
    [*itertools.product(REACHABLE, SHAPES), *zip(itertools.cycle(REACHABLE), OTHERS, strict=False)],
)
async def test_every_origin_in_every_dialect_gives_the_track(
    tmp_path: Path, files: FileOrigin, dialect: str | None
) -> None:
    profile = speaking(gateway(files), filter(None, [dialect]))
    assert profile.dialect.files is files
    with running(profile) as sandbox, account_on(sandbox, tmp_path, key=KEY) as account:
        path = await loaded(account, (await bought(account)).result_url)
        assert path is not None
        assert path.read_bytes().startswith(b"RIFF")
        assert sandbox.bill()["stray_keys"] == []


def test_no_origin_and_no_shape_is_left_out() -> None:
    spoken = [speaking(Profile(), [name]).dialect for name in NAMES]
    assert {dialect.files for dialect in spoken} == set(FileOrigin)
    assert {dialect.result for dialect in spoken} == set(ResultShape)


class Listening(Sandbox):
    """Notes every byte of the requests that arrive at each origin, but for the files' bodies."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile, render=tone)
        self.heard: list[tuple[int, str, bytes]] = []

    async def listen(self, app: web.Application, port: int) -> str:
        @web.middleware
        async def listen(request: web.Request, handler: Any) -> web.StreamResponse:
            assert request.transport is not None
            at = request.transport.get_extra_info("sockname")[1]
            parts = [part for pair in request.raw_headers for part in pair]
            sent = b" ".join([request.path_qs.encode(), *parts, await request.read()])
            self.heard.append((at, request.path, sent))
            return await handler(request)

        app.middlewares.insert(0, listen)
        return await super().listen(app, port)


def files_with(text: str, folder: Path) -> list[Path]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return [file for file in files if text.encode() in file.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize("files", FileOrigin)
async def test_the_key_is_heard_at_the_apis_origin_and_nowhere_else(
    tmp_path: Path, files: FileOrigin
) -> None:
    profile = gateway(files)
    # The file of a stranger, who would like to have the key, too.
    stranger = Listening(Profile(key="sk-aig-of-a-stranger").scaled(SCALE))
    elsewhere = SandboxThread(stranger)
    sandbox = Listening(profile)
    thread = SandboxThread(sandbox)
    try:
        with account_on(sandbox, tmp_path, key=KEY, cost_tag="tests") as account:
            for card in ("", "sandbox:expire", "sandbox:cut", "sandbox:504 sandbox:listed"):
                with contextlib.suppress(DownloadError, UncertainSubmitError):
                    done = await bought(account, PIANO._replace(prompt=f"piano {card}"))
                    await loaded(account, done.result_url)
            await account.submit(
                PIANO._replace(model="fal-ai/ace-step/prompt-to-audio"), Settings(), run="run"
            )
            await account.balance()
            for path in ("/v1/files/jobs/job_1/a.wav", "/v1/files/jobs/job_1/a.wav/signed"):
                with contextlib.suppress(DownloadError):
                    await loaded(account, f"{stranger.files_root}{path}", "127.0.0.1")
    finally:
        thread.stop()
        elsewhere.stop()
    api = urlsplit(sandbox.base_url).port
    with_key = {(at, path) for at, path, sent in sandbox.heard if KEY.encode() in sent}
    assert {at for at, _ in with_key} == {api}
    assert all(path.startswith("/v1/") for _, path in with_key)
    assert any(path.startswith("/v1/usage/") for _, path in with_key)
    assert {at for at, *_ in sandbox.heard} == {api, urlsplit(sandbox.files_root).port}
    assert stranger.heard
    assert not [path for _, path, sent in stranger.heard if KEY.encode() in sent]
    assert not files_with(KEY, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("card", ["sandbox:expire", "sandbox:cut", "sandbox:media-500"])
@pytest.mark.parametrize("files", REACHABLE)
async def test_a_fault_of_the_file_server_is_overcome(
    tmp_path: Path, files: FileOrigin, card: str
) -> None:
    with running(gateway(files)) as sandbox, account_on(sandbox, tmp_path, key=KEY) as account:
        done = await bought(account, PIANO._replace(prompt=f"piano {card}"))
        assert await loaded(account, done.result_url) is not None
        assert sandbox.bill()["stray_keys"] == []


@pytest.mark.slow
async def test_a_host_that_wants_the_key_and_may_not_have_it_gets_none(tmp_path: Path) -> None:
    """Only the live gateway's own file host would get it. The track stays in the ledger."""
    with (
        running(gateway(FileOrigin.ELSEWHERE_KEYED)) as sandbox,
        account_on(sandbox, tmp_path, key=KEY) as account,
    ):
        done = await bought(account)
        with pytest.raises(DownloadError, match=rf"401.*{done.job_id}; it is paid for once"):
            await loaded(account, done.result_url)
        assert sandbox.bill()["stray_keys"] == []
        assert [row.job_id for row in rows_of(account)] == [done.job_id]


async def test_a_key_at_another_origin_is_noted(sandbox_elsewhere: Sandbox) -> None:
    import httpx

    async with httpx.AsyncClient() as http:
        url = f"{sandbox_elsewhere.files_root}/v1/files/jobs/job_1/a.wav"
        await http.get(url, headers={"Authorization": f"Bearer {KEY}"})
    assert sandbox_elsewhere.bill()["stray_keys"] == ["/v1/files/jobs/job_1/a.wav"]


@pytest.fixture
def sandbox_elsewhere():
    with running(gateway(FileOrigin.ELSEWHERE_ON_DEMAND)) as sandbox:
        yield sandbox
