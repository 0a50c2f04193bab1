"""A bucket that many machines share, on two S3 servers, on good and bad days."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import logging
import shutil
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ...api.account import Account
from ...api.base.errors import BucketError, SettingsError
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.farm.bucket import Bucket
from ...api.farm.shared_addresses import StoreUrl
from ...api.media.stored_tracks import Stored
from ...api.media.track_store import name_of
from ...api.money.job import Job
from ...api.money.sqlite import FILE_NAME
from ...api.settings import Settings
from ...api.wire.key import ApiKey
from ...sandbox.server import Sandbox
from ..buckets import SECRET, SERVERS, BucketServer, FaultyProxy, faulty, free_port, serving
from ..gateway import TIMING, account_on, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.farm]

QUICK = TIMING._replace(
    bucket_timeout=1.0, bucket_connect_timeout=1.0, bucket_pause=0.02, bucket_pause_max=0.1
)
MUSIC = bytes(range(256)) * 12_000
LIMIT = 10**8
LOADER = Path(__file__).resolve().parents[2] / "scripts" / "lib" / "pack.py"


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BucketServer]:
    with serving(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(server: BucketServer) -> None:
    shutil.rmtree(server.folder / "farm", ignore_errors=True)


@pytest.fixture
def proxy(server: BucketServer) -> Iterator[FaultyProxy]:
    with faulty(server) as proxy:
        yield proxy


@pytest.fixture
def bucket(server: BucketServer) -> Bucket:
    return Bucket(server.url(), QUICK)


# The bucket


@pytest.mark.parametrize("content", [b"x", MUSIC, memoryview(bytearray(MUSIC))[:5000]])
async def test_an_object_is_written_and_read_byte_for_byte(
    bucket: Bucket, server: BucketServer, content: bytes | memoryview
) -> None:
    name = name_of(content)
    assert await bucket.get(name, LIMIT) is None
    for _ in range(2):
        await bucket.put(name, content)
        assert await bucket.get(name, LIMIT) == bytes(content)
    (file,) = server.objects()
    assert file.relative_to(server.folder / "farm").as_posix() == name
    assert file.read_bytes() == bytes(content)


async def test_workers_that_write_the_same_track_at_once_do_not_hurt_each_other(
    server: BucketServer,
) -> None:
    workers = [Bucket(server.url(), QUICK) for _ in range(4)]
    name = name_of(MUSIC)
    await asyncio.gather(*(worker.put(name, MUSIC) for worker in workers * 2))
    assert [file.read_bytes() for file in server.objects()] == [MUSIC]


async def test_an_object_that_is_too_large_is_no_track(bucket: Bucket) -> None:
    await bucket.put("ab/large", MUSIC)
    assert await bucket.get("ab/large", len(MUSIC) - 1) is None
    assert await bucket.get("ab/large", len(MUSIC)) == MUSIC


def test_one_bucket_serves_several_event_loops(bucket: Bucket) -> None:
    asyncio.run(bucket.put("ab/object", b"music"))
    assert asyncio.run(bucket.get("ab/object", LIMIT)) == b"music"


@pytest.mark.parametrize("fault", FaultyProxy.FAULTS)
async def test_every_fault_is_one_sentence_without_a_secret(
    server: BucketServer, proxy: FaultyProxy, fault: str
) -> None:
    bucket = Bucket(server.url(proxy.port), QUICK)
    proxy.fault = fault
    if fault in ("html", "404"):
        # GET finds a page, or nothing: the bytes are checked by whoever asked.
        assert await bucket.get("ab/object", LIMIT) in (None, b"<html>canary</html>")
        return
    for call in (lambda: bucket.put("ab/object", b"music"), lambda: bucket.get("ab/o", LIMIT)):
        with pytest.raises(BucketError, match=r"^The bucket of the tracks failed: it ") as caught:
            await call()
        shown = "".join(traceback.format_exception(caught.value))
        for secret in ("canary", SECRET, server.address(proxy.port), str(proxy.port)):
            assert secret not in shown
        await asyncio.sleep(2 * QUICK.bucket_pause)


async def test_a_bucket_that_does_not_exist_is_named_at_the_first_write(
    server: BucketServer,
) -> None:
    url = StoreUrl(server.address().replace("s3://", "s3://no-such-"), "a test")
    with pytest.raises(BucketError):
        await Bucket(url, QUICK).put("ab/object", b"music")


async def test_wrong_credentials_are_named(server: BucketServer) -> None:
    if "rclone" not in server.folder.parent.name:
        pytest.skip("localbucket checks no signature")
    with pytest.raises(BucketError, match="refuses the credentials"):
        await Bucket(server.url(secret="another"), QUICK).put("ab/object", b"music")


async def test_after_a_failure_the_bucket_is_left_alone_for_a_while(
    server: BucketServer, proxy: FaultyProxy
) -> None:
    bucket = Bucket(server.url(proxy.port), QUICK._replace(bucket_pause=3600.0))
    proxy.fault = "500"
    with pytest.raises(BucketError):
        await bucket.put("ab/object", MUSIC)
    asked = len(proxy.seen)
    proxy.fault = ""
    for call in (bucket.put("ab/object", MUSIC), bucket.get("ab/object", LIMIT)):
        with pytest.raises(BucketError, match="the status 500"):
            await call
    assert len(proxy.seen) == asked


# Where no server is needed


@pytest.mark.parametrize(
    "address",
    [
        "gs://bucket/folder?skip_signature=true",
        "az://container/folder?account_name=farm&access_key=c2VjcmV0",
        "s3://bucket?aws_region=eu-central-1",
    ],
)
def test_three_services_are_known(address: str) -> None:
    Bucket(StoreUrl(address, "a test"), QUICK)


@pytest.mark.parametrize(
    "address", ["s3://bucket?canary=canary", "az://container", "gs://bucket?service_account_key={"]
)
def test_options_that_do_not_fit_are_one_sentence(address: str) -> None:
    with pytest.raises(SettingsError, match="correct its options") as caught:
        Bucket(StoreUrl(address, "AIGATEWAY_STORE_URL"), QUICK)
    assert "AIGATEWAY_STORE_URL" in str(caught.value)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_without_its_package_one_sentence_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def lacking(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "obstore":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(SettingsError, match=r"obstore .* requirements-farm\.txt"):
        Bucket(StoreUrl("s3://bucket", "AIGATEWAY_STORE_URL"), QUICK)


def test_without_an_address_the_package_is_never_imported(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    script = (
        "import importlib, pathlib, sys\n"
        f"sys.path.insert(0, {str(root.parent)!r})\n"
        f"package = {root.name!r}\n"
        "library = importlib.import_module(f'{package}.api.library')\n"
        "account = importlib.import_module(f'{package}.api.account')\n"
        "settings = importlib.import_module(f'{package}.api.settings')\n"
        f"opened = library.Library(pathlib.Path({str(tmp_path)!r}))\n"
        "opened.stored_tracks(settings.Settings())\n"
        "sys.exit('obstore' in sys.modules)\n"
    )
    assert subprocess.call([sys.executable, "-c", script], cwd=tmp_path) == 0


async def test_python_ends_well_right_after_an_answer(server: BucketServer) -> None:
    # Without the wait at the exit about one process of six is aborted.
    script = (
        "import asyncio, importlib, runpy\n"
        f"root = runpy.run_path({str(LOADER)!r})['load']().__name__\n"
        "bucket = importlib.import_module(root + '.api.farm.bucket').Bucket\n"
        "url = importlib.import_module(root + '.api.farm.shared_addresses').StoreUrl\n"
        "timing = importlib.import_module(root + '.api.base.timing').Timing\n"
        f"store = bucket(url({server.address()!r}, 'a test'), timing())\n"
        "asyncio.run(store.put('ab/object', b'music'))\n"
    )

    async def ended() -> int:
        async with two_at_once:
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
            return await process.wait()

    two_at_once = asyncio.Semaphore(2)
    assert await asyncio.gather(*(ended() for _ in range(20))) == [0] * 20


# Workers


class Worker(NamedTuple):
    """A machine of a farm: a folder of its own, and the bucket that all share."""

    account: Account
    settings: Settings
    folder: Path

    async def buy(self) -> Job:
        request = MusicRequest("piano", 5.0, format="wav")
        job = await self.account.submit(request, self.settings, run="run")
        return await self.account.wait(job, timeout=30, progress=lambda progress: None)

    async def load(self, job: Job) -> tuple[bytes, Stored]:
        """The bytes that a decoder reads, and what became of them."""
        assert job.result_url is not None
        track = await self.account.open(job.result_url, self.settings)
        with track.reader:
            await self.account.download(track)
            kept = await self.account.store(track, self.settings)
            return track.reader.read(), kept

    @property
    def row(self) -> Job:
        (row,) = rows_of(self.account)
        return row

    async def until(self, condition: Callable[[Job], bool]) -> None:
        for _ in range(3000):
            if condition(self.row):
                return
            await asyncio.sleep(0.01)
        raise TimeoutError(self.row)


class Farm(NamedTuple):
    settings: Settings
    start: Callable[..., Worker]


@pytest.fixture
async def farm(
    server: BucketServer, proxy: FaultyProxy, sandbox: Sandbox, tmp_path: Path
) -> AsyncIterator[Farm]:
    """Starts workers by name. `like` gives a worker the ledger of another one, as if shared."""
    settings = Settings(
        api_key=ApiKey("sk-aig-tests", "a test"),
        store_url=server.url(proxy.port),
        base_url=sandbox.base_url,
    )
    with contextlib.ExitStack() as stack:

        def start(name: str, like: Worker | None = None, timing: Timing = QUICK) -> Worker:
            folder = tmp_path / name
            if like is not None:
                folder.mkdir()
                like.account.library.ledger.close()
                shutil.copy(like.folder / FILE_NAME, folder)
            account = stack.enter_context(account_on(sandbox, folder, timing=timing))
            return Worker(account, settings, folder)

        yield Farm(settings, start)


def test_a_sketch_of_the_sandbox_stays_on_this_machine(
    server: BucketServer, tmp_path: Path
) -> None:
    from ...sandbox.profile import Profile
    from ..gateway import SCALE, running

    async def load(worker: Worker) -> None:
        _, kept = await worker.load(await worker.buy())
        assert kept.path is not None
        assert not kept.unsent

    with (
        running(Profile().scaled(SCALE)) as sandbox,
        account_on(sandbox, tmp_path, name="sandbox", timing=QUICK) as account,
    ):
        settings = Settings(api_key=ApiKey("sk-aig-tests", "a test"), store_url=server.url())
        asyncio.run(load(Worker(account, settings, tmp_path)))
    assert server.objects() == []


async def test_a_track_is_in_the_bucket_before_it_is_here(farm: Farm, server: BucketServer) -> None:
    worker = farm.start("a")
    content, kept = await worker.load(await worker.buy())
    assert kept.path is not None
    assert not kept.unsent
    assert worker.row.in_bucket == 1
    assert [file.read_bytes() for file in server.objects()] == [content]
    assert kept.path.read_bytes() == content


async def test_another_worker_reads_it_without_a_request(
    farm: Farm, server: BucketServer, sandbox: Sandbox, proxy: FaultyProxy
) -> None:
    first = farm.start("a")
    job = await first.buy()
    content, _ = await first.load(job)
    second = farm.start("b", like=first)
    shutil.rmtree(first.folder / "tracks")
    sandbox.seen.clear()
    for _ in range(2):
        assert (await second.load(job))[0] == content
    assert sandbox.seen == []
    # The second time it is read from the folder.
    assert proxy.seen.count("GET") == 1
    stored = await second.account.library.stored_track(second.row, second.settings)
    assert stored is not None
    assert stored.is_relative_to(second.folder)
    assert stored.read_bytes() == content


@pytest.mark.parametrize("fault", FaultyProxy.FAULTS)
async def test_a_bucket_that_takes_nothing_stops_no_graph_and_gets_it_later(
    farm: Farm,
    server: BucketServer,
    proxy: FaultyProxy,
    fault: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = farm.start("a", timing=QUICK._replace(bucket_pause=0.2))
    job = await worker.buy()
    proxy.fault = fault
    content, kept = await worker.load(job)
    assert kept.unsent.startswith("it ")
    assert kept.path is not None
    assert kept.path.read_bytes() == content
    assert worker.row.in_bucket == 0
    proxy.fault = ""
    await worker.until(lambda row: row.in_bucket == 1)
    assert [file.read_bytes() for file in server.objects()] == [content]
    assert SECRET not in caplog.text


async def test_what_was_not_sent_is_sent_by_the_next_process(
    farm: Farm, server: BucketServer, proxy: FaultyProxy, sandbox: Sandbox, tmp_path: Path
) -> None:
    settings, folder = farm.settings, tmp_path / "a"
    with account_on(sandbox, folder, timing=QUICK._replace(bucket_pause=3600.0)) as account:
        worker = Worker(account, settings, folder)
        job = await worker.buy()
        proxy.fault = "refused"
        content, kept = await worker.load(job)
        assert kept.unsent
    proxy.fault = ""
    with account_on(sandbox, folder, timing=QUICK) as account:
        worker = Worker(account, settings, folder)
        assert (await worker.load(job))[0] == content
        await worker.until(lambda row: row.in_bucket == 1)
    assert [file.read_bytes() for file in server.objects()] == [content]


async def test_a_track_from_before_the_bucket_is_sent_when_it_is_used(
    farm: Farm, server: BucketServer
) -> None:
    worker = farm.start("a")
    alone = worker._replace(settings=replace(farm.settings, store_url=None))
    job = await alone.buy()
    content, _ = await alone.load(job)
    assert (worker.row.in_bucket, server.objects()) == (None, [])
    assert (await worker.load(job))[0] == content
    await worker.until(lambda row: row.in_bucket == 1)
    assert [file.read_bytes() for file in server.objects()] == [content]


@pytest.mark.parametrize("fault", [*FaultyProxy.FAULTS, *FaultyProxy.BODY_FAULTS])
async def test_a_bucket_that_gives_other_bytes_or_none_is_not_believed(
    farm: Farm, sandbox: Sandbox, proxy: FaultyProxy, fault: str
) -> None:
    first = farm.start("a")
    job = await first.buy()
    content, _ = await first.load(job)
    second = farm.start("b", like=first)
    proxy.fault = fault
    got, kept = await second.load(job)
    assert got == content
    assert kept.path is not None
    assert kept.path.read_bytes() == content
    assert len(sandbox.bill()["jobs"]) == 1


@pytest.mark.parametrize("damaged", [b"", b"x", lambda content: content[:-1] + b"x"])
async def test_a_damaged_object_is_mended(
    farm: Farm, server: BucketServer, sandbox: Sandbox, damaged: Any
) -> None:
    first = farm.start("a")
    job = await first.buy()
    content, _ = await first.load(job)
    other = damaged if isinstance(damaged, bytes) else damaged(content)
    await Bucket(server.url(), QUICK).put(name_of(content), other)
    second = farm.start("b", like=first)
    assert (await second.load(job))[0] == content
    assert [file.read_bytes() for file in server.objects()] == [content]
    assert len(sandbox.bill()["jobs"]) == 1


async def test_a_machine_that_cannot_write_plays_what_the_bucket_has(
    farm: Farm, sandbox: Sandbox
) -> None:
    first = farm.start("a")
    job = await first.buy()
    content, _ = await first.load(job)
    second = farm.start("b", like=first)
    # A file is where the folder should be.
    (second.folder / "tracks").write_bytes(b"")
    sandbox.seen.clear()
    got, kept = await second.load(job)
    assert (got, kept) == (content, Stored(None))
    assert sandbox.seen == []


async def test_nothing_is_ever_removed_from_the_bucket(
    farm: Farm, server: BucketServer, proxy: FaultyProxy
) -> None:
    worker = farm.start("a")
    await worker.load(await worker.buy())
    worker.account.library.store.evict(0)
    assert len(server.objects()) == 1
    assert set(proxy.seen) <= {"PUT", "GET"}


async def test_a_bucket_that_nobody_listens_at_costs_one_look(
    farm: Farm, server: BucketServer
) -> None:
    settings = replace(farm.settings, store_url=server.url(free_port()))
    worker = farm.start("a")._replace(settings=settings)
    content, kept = await worker.load(await worker.buy())
    assert kept.unsent == "it cannot be reached"
    assert kept.path is not None
    assert kept.path.read_bytes() == content
