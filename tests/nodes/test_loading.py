"""A list of addresses is loaded a few at a time, and all together within the memory of a run."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from ..api.raw_server import RawServer, answering, reply
from ..audio import make

SOUND = make.sound_file(np.zeros((2, 48000), np.float32), 48000, "WAV")
FILES = 12


@pytest.fixture(autouse=True)
def local(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGATEWAY_ALLOW_HOSTS", "127.0.0.0/8")


async def load_all(node: dict[str, Any], server: RawServer) -> list[Any]:
    kind = node["AIGatewayLoadAudioURL"]
    loads = [
        kind.execute(url=f"{server.url}/{number}.wav", sample_rate="original", channels="original")
        for number in range(FILES)
    ]
    return await asyncio.gather(*loads, return_exceptions=True)


@pytest.mark.slow
async def test_a_few_files_are_downloaded_at_once(node: dict[str, Any]) -> None:
    go_on, coming = asyncio.Event(), asyncio.Semaphore(0)
    whole = reply(SOUND)

    async def held(writer: asyncio.StreamWriter) -> None:
        coming.release()
        await go_on.wait()
        await whole(writer)

    async with answering(held) as server:
        loading = asyncio.ensure_future(load_all(node, server))
        for _ in range(4):
            await coming.acquire()
        # The others would come in this time.
        await asyncio.sleep(0.5)
        assert len(server.requests) == 4
        go_on.set()
        outputs = await loading
        assert len(server.requests) == FILES
    assert {output.args[1] for output in outputs} == {1.0}


async def test_the_files_of_a_run_share_its_memory(
    node: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = 5
    monkeypatch.setenv("AIGATEWAY_MAX_RUN_GB", str(fits * 48000 * 2 * 4 / 1e9))
    async with answering(reply(SOUND)) as server:
        outputs = await load_all(node, server)
    refused = [output for output in outputs if isinstance(output, Exception)]
    assert len(refused) == FILES - fits
    assert all("raise max_run_gb" in str(error) for error in refused)


async def test_a_track_that_collapses_is_named_and_handed_on(
    node: dict[str, Any], lines: list[Any]
) -> None:
    music = make.music(16, sample_rate=8000)
    music[:, 9 * 8000 :] = 0
    file = make.sound_file(music, 8000, "WAV")
    async with answering(reply(file)) as server:
        output = await node["AIGatewayLoadAudioURL"].execute(
            url=f"{server.url}/a.wav", sample_rate="original", channels="original"
        )
    assert output.args[0]["waveform"].shape == (1, 2, 128000)
    assert "7.0 s of silence at the end" in str(lines[-1])
    assert str(lines[-1]).endswith("from 9.0 s on it is silent: listen before you use it")
    assert [part["key"] for part in lines[-1].parts()] == ["status_text", "status_collapse_silence"]


def test_a_track_is_judged_once(node: dict[str, Any]) -> None:
    from ...nodes.loading import judged

    sound = make.tensor(make.music(1, sample_rate=8000))
    first = judged(sound, 8000, "job-judged-once")
    assert first is not None
    assert judged(sound * 0, 8000, "job-judged-once") is first
    assert judged(sound * 0, 8000, None) != first
    assert judged(sound.repeat(5, 1), 8000, None) is None
