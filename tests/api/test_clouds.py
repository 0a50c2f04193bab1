"""Google Cloud Storage and Azure do for the tracks what S3 does."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...api.base.errors import BucketError
from ...api.base.request import MusicRequest
from ...api.farm.bucket import Bucket
from ...api.farm.shared_addresses import StoreUrl
from ...api.media.track_store import name_of
from ...api.settings import Settings
from ...api.wire.key import ApiKey
from ...sandbox.server import Sandbox
from ..clouds import ACCOUNT_KEY, ANOTHER_KEY, AZURITE, Cloud, azure, google
from ..gateway import TIMING, account_on, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.farm]

TIMES = TIMING._replace(bucket_timeout=10.0, bucket_connect_timeout=5.0)
MUSIC = bytes(range(256)) * 12_000
LIMIT = 10**8
WITH_AZURITE = pytest.mark.skipif(AZURITE is None, reason="azurite-blob is not on the PATH")


@pytest.fixture(
    scope="module", params=[google, pytest.param(azure, marks=WITH_AZURITE)], ids=["gs", "az"]
)
def cloud(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    with request.param(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.mark.parametrize("content", [b"x", MUSIC, memoryview(bytearray(MUSIC))[:5000]])
async def test_an_object_is_written_and_read_byte_for_byte(
    cloud: Cloud, content: bytes | memoryview
) -> None:
    bucket, name = Bucket(cloud.url(), TIMES), name_of(content)
    assert await bucket.get(name, LIMIT) is None
    for _ in range(2):
        await bucket.put(name, content)
        assert await bucket.get(name, LIMIT) == bytes(content)


async def test_credentials_may_be_variables(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    bucket = Bucket(StoreUrl(cloud.bare, "a test"), TIMES)
    await bucket.put("ab/object", b"music")
    assert await bucket.get("ab/object", LIMIT) == b"music"


async def test_an_object_that_is_too_large_is_no_track(cloud: Cloud) -> None:
    bucket = Bucket(cloud.url(), TIMES)
    await bucket.put("ab/large", MUSIC)
    assert await bucket.get("ab/large", len(MUSIC) - 1) is None
    assert await bucket.get("ab/large", len(MUSIC)) == MUSIC


async def test_a_bucket_that_does_not_exist_is_named_at_the_first_write(cloud: Cloud) -> None:
    bucket = Bucket(StoreUrl(cloud.missing, "a test"), TIMES)
    with pytest.raises(BucketError, match="it does not exist"):
        await bucket.put("ab/object", b"music")


async def test_wrong_credentials_are_named(cloud: Cloud) -> None:
    if not cloud.refused:
        pytest.skip("the emulator of Google's service takes all credentials")
    with pytest.raises(BucketError, match="refuses the credentials") as caught:
        await Bucket(StoreUrl(cloud.refused, "a test"), TIMES).put("ab/object", b"music")
    shown = "".join(traceback.format_exception(caught.value))
    assert ACCOUNT_KEY not in shown
    assert ANOTHER_KEY not in shown


async def test_a_track_outlives_the_machine_that_bought_it(
    cloud: Cloud, sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = Settings(api_key=ApiKey("sk-aig-tests", "a test"), store_url=cloud.url())
    with account_on(sandbox, tmp_path, timing=TIMES) as account:
        request = MusicRequest("piano", 5.0, format="wav")
        job = await account.submit(request, settings, run="run")
        job = await account.wait(job, timeout=30, progress=lambda progress: None)
        assert job.result_url is not None
        kept = []
        for _ in range(2):
            track = await account.open(job.result_url, settings)
            with track.reader:
                await account.download(track)
                kept.append((await account.store(track, settings), track.reader.read()))
            shutil.rmtree(tmp_path / "tracks")
            sandbox.seen.clear()
        (first, content), (second, again) = kept
        (row,) = rows_of(account)
    assert not first.unsent
    assert not second.unsent
    assert row.in_bucket == 1
    assert again == content
    assert sandbox.seen == []
