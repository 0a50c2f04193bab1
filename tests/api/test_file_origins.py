"""Every documented way to a track's file: from the API's host or another one, signed or keyed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ...api.account import Account
from ...api.errors import DownloadError
from ...api.money.job import Job
from ...api.request import MusicRequest
from ...api.settings import Settings
from ...sandbox.profile import Dialect, FileOrigin, Profile, ResultShape
from ...sandbox.server import Sandbox
from ..gateway import SCALE, account_on, rows_of, running

KEY = "sk-aig-a-canary-that-goes-to-the-api-alone"
PIANO = MusicRequest("piano", 5.0, format="wav")
REACHABLE = [origin for origin in FileOrigin if origin is not FileOrigin.ELSEWHERE_KEYED]


def gateway(files: FileOrigin, shape: ResultShape = ResultShape.NESTED_URL) -> Profile:
    dialect = Dialect(shape, files=files)
    return Profile(key=KEY, dialect=dialect).scaled(SCALE)


async def bought(account: Account, request: MusicRequest = PIANO) -> Job:
    job = await account.submit(request, Settings(), run="run")
    return await account.wait(job, timeout=60, progress=lambda progress: None)


async def loaded(account: Account, url: str | None) -> Path | None:
    assert url is not None
    audio = await account.open(url, Settings())
    with audio.reader:
        await account.download(audio)
        return (await account.keep(audio, Settings())).path


@pytest.mark.parametrize(("files", "shape"), itertools.product(REACHABLE, ResultShape))
async def test_every_origin_in_every_shape_gives_the_track(
    tmp_path: Path, files: FileOrigin, shape: ResultShape
) -> None:
    with (
        running(gateway(files, shape)) as sandbox,
        account_on(sandbox, tmp_path, key=KEY) as account,
    ):
        path = await loaded(account, (await bought(account)).result_url)
        assert path is not None
        assert path.read_bytes().startswith(b"RIFF")
        assert sandbox.bill()["stray_keys"] == []


@pytest.mark.parametrize("card", ["sandbox:expire", "sandbox:cut", "sandbox:media-500"])
@pytest.mark.parametrize("files", REACHABLE)
async def test_a_fault_of_the_file_server_is_overcome(
    tmp_path: Path, files: FileOrigin, card: str
) -> None:
    with running(gateway(files)) as sandbox, account_on(sandbox, tmp_path, key=KEY) as account:
        done = await bought(account, PIANO._replace(prompt=f"piano {card}"))
        assert await loaded(account, done.result_url) is not None
        assert sandbox.bill()["stray_keys"] == []


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
