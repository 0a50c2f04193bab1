"""The server's routes as the browser asks them, without a browser and without ComfyUI."""

from __future__ import annotations

import importlib
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ...api import settings as api_settings
from ...api.base.request import DEFAULT_MODEL, MusicRequest
from ...api.money.job import State
from ...api.money.ledger import Ledger
from ...api.money.prices import Catalogue
from ...api.wire.protocol import Model
from ...sandbox.profile import Profile
from ...scripts.lib import headless, pack
from ..gateway import running

KEY = "sk-aig-tests-of-the-routes-77ab"
Client = TestClient[web.Request, web.Application]

DEAD = (State.FAILED, State.CANCELLED)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    headless.configure(tmp_path / "output", tmp_path / "comfyui")
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / "data"))
    # An address where nothing listens: these tests never leave the machine.
    monkeypatch.setenv("AIGATEWAY_BASE_URL", "http://127.0.0.1:9/v1")
    return tmp_path / "data"


@pytest.fixture
async def client(data: Path) -> AsyncIterator[Client]:
    routes = importlib.import_module(f"{pack.NAME}.nodes.routes")
    table = web.RouteTableDef()
    routes.add_to(table)
    routes.add_to(table)
    app = web.Application()
    app.add_routes(table)
    async with TestClient(TestServer(app), headers={"X-AIgateway-Page": "1"}) as opened:
        yield opened


async def get(client: Client, path: str, **query: Any) -> tuple[int, Any]:
    async with client.get(f"/aigateway/{path}", params=query) as answer:
        return answer.status, await answer.json()


async def put(client: Client, name: str, value: Any) -> tuple[int, Any]:
    body = {"name": name, "value": value}
    async with client.put("/aigateway/settings", json=body) as answer:
        return answer.status, await answer.json()


def tracks(data: Path, *prompts: str) -> list[str]:
    ledger = Ledger(data)
    made = [
        ledger.create("elsewhere", MusicRequest(prompt), run="", price=0.006)[0].local_id
        for prompt in prompts
    ]
    ledger.close()
    return made


async def test_the_key_goes_in_and_does_not_come_out(client: Client, data: Path):
    status, answer = await put(client, "api_key", f" {KEY}\n")
    assert status == 200
    source = api_settings.FILE_NAME
    assert answer["key"] == {"source": source, "hint": "…77ab", "removable": True}
    for path in ("settings", "tracks"):
        async with client.get(f"/aigateway/{path}") as got:
            assert KEY not in await got.text()
    stored = api_settings.load(data).api_key
    assert stored is not None
    assert stored.reveal() == KEY
    status, answer = await put(client, "api_key", None)
    assert (status, answer["key"]) == (200, None)


@pytest.fixture
def written_by_hand(data: Path) -> Path:
    data.mkdir()
    file = data / api_settings.FILE_NAME
    file.write_text("# mine\nmax_download_mb = 300 # large\nmode = 'live'\n", "utf-8")
    return file


async def test_a_setting_is_written_between_what_the_user_wrote(
    client: Client, data: Path, written_by_hand: Path
):
    file = written_by_hand
    await put(client, "mode", "auto")
    status, answer = await put(client, "uncertain_limit", 0)
    assert (status, answer["values"]["uncertain_limit"]) == (200, 0)
    text = file.read_text("utf-8")
    assert text.startswith("# mine\nmax_download_mb = 300 # large\nmode = ")
    assert api_settings.load(data).mode is api_settings.Mode.AUTO
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("base_url", "https://example.com", "not a setting of the panel"),
        ("spend_limit_per_run", -1, "0 or more"),
        ("spend_limit_per_run", "a lot", "0 or more"),
        ("mode", "fast", "auto, live, sandbox"),
        ("api_key", "two words", "copy the key again"),
        ("api_key", 5, "has to be text"),
    ],
)
async def test_a_wrong_setting_is_refused_with_a_sentence(
    client: Client, data: Path, name: str, value: Any, sentence: str
):
    status, answer = await put(client, name, value)
    assert status == 400
    assert sentence in answer["error"]
    assert not (data / api_settings.FILE_NAME).exists()


async def test_the_environment_decides(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIGATEWAY_SPEND_LIMIT_PER_RUN", "3")
    status, answer = await put(client, "spend_limit_per_run", 5)
    assert status == 400
    assert "AIGATEWAY_SPEND_LIMIT_PER_RUN" in answer["error"]
    _, answer = await get(client, "settings")
    assert answer["values"]["spend_limit_per_run"] == 3
    assert answer["environment"] == ["spend_limit_per_run"]


async def test_a_form_of_another_site_changes_nothing(client: Client):
    async with client.post("/aigateway/test-connection", data="{}") as answer:
        assert answer.status == 415


async def test_a_gateway_that_cannot_be_reached_is_said_so(client: Client):
    async with client.post("/aigateway/test-connection", json={}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]


async def test_prices_and_refusals(client: Client):
    _, price = await get(client, "price", duration=30, count=4)
    assert price["each"] == pytest.approx(0.006)
    assert price["total"] == pytest.approx(0.024)
    assert not price["at_most"]
    assert price["refused"] is None
    _, price = await get(client, "price", duration=30, model="elevenlabs/elevenlabs-music")
    assert price["refused"] == {"reason": "per_run", "limit": 1.0, "spent": 0.0, "balance": 0.0}
    assert price["at_most"]
    _, price = await get(client, "price", duration=240, count=20, runs=11)
    assert price["refused"]["reason"] == "per_day"
    _, price = await get(client, "price", model="nobody/knows")
    assert price["total"] is None
    assert price["refused"]["reason"] == "unknown_price"
    _, price = await get(client, "price", duration=30, takes=16)
    assert (price["tracks"], price["total"]) == (16, pytest.approx(0.096))
    status, answer = await get(client, "price", takes=17)
    assert (status, "1 to 16 takes" in answer["error"]) == (400, True)
    status, answer = await get(client, "price", duration=1)
    assert (status, "5 to 240" in answer["error"]) == (400, True)


@pytest.mark.parametrize(
    ("mode", "variable", "forced"),
    [
        ("sandbox", None, "mode"),
        (None, "sandbox", "AIGATEWAY_MODE"),
        ("auto", None, ""),
        ("live", "sandbox", "AIGATEWAY_MODE"),
    ],
)
async def test_a_price_says_what_forces_the_sandbox(
    client: Client,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str | None,
    variable: str | None,
    forced: str,
):
    api_settings.write(data, "mode", mode)
    monkeypatch.delenv("AIGATEWAY_MODE", raising=False)
    if variable:
        monkeypatch.setenv("AIGATEWAY_MODE", variable)
    _, price = await get(client, "price", duration=30)
    assert price["forced"] == forced


async def test_the_lists_of_a_cue_sheet_are_priced(client: Client, data: Path):
    folder = data.parent / "comfyui" / "input"
    folder.mkdir(parents=True, exist_ok=True)
    table = "name,seconds,prompt\nforest,40,calm flute\nboss,62.5,fast strings\ncredits,,choir\n"
    (folder / "cues.csv").write_text(table, encoding="utf-8")
    for sheet in ({"table": table, "file": "none"}, {"table": "", "file": "cues.csv"}):
        names = ("prompt", "duration", "lyrics", "take")
        lists = {name: {**sheet, "output": slot} for slot, name in enumerate(names)}
        body = {**lists, "model": DEFAULT_MODEL, "format": "wav", "words": "as given"}
        async with client.post("/aigateway/price", json=body) as answer:
            price = await answer.json()
        assert (price["tracks"], price["total"]) == (3, pytest.approx(132.5 * 0.0002))
    bad = {"table": "seconds,prompt\n3,too short\n", "file": "none", "output": 1}
    async with client.post("/aigateway/price", json={"duration": bad}) as answer:
        assert answer.status == 400
        assert "Line 2" in (await answer.json())["error"]


async def test_what_was_bought_already_is_known(client: Client, data: Path):
    request = MusicRequest("tune", take=2)
    ledger = Ledger(data)
    job, _ = ledger.create("http://127.0.0.1:9/v1", request, run="", price=0.006)
    ledger.close()

    async def is_bought(**values: Any) -> bool:
        body = {**request._asdict(), **values}
        async with client.post("/aigateway/price", json=body) as answer:
            return (await answer.json())["bought"]

    assert not await is_bought()
    ledger = Ledger(data)
    ledger.update(job.local_id, state=State.COMPLETED)
    ledger.close()
    assert await is_bought()
    assert not await is_bought(take=3)
    assert await is_bought(takes=1)
    assert not await is_bought(takes=2)
    assert not await is_bought(count=2)


async def test_hints_come_with_the_price_of_a_whole_request(client: Client):
    async def hints(**values: Any) -> list[dict[str, Any]]:
        async with client.post("/aigateway/price", json={"duration": 30, **values}) as answer:
            return (await answer.json())["hints"]

    lyrics = "[vrese]\n" + "la la la\n" * 14
    found = await hints(prompt=["calm", "wild"], lyrics=lyrics)
    assert found == [
        {"kind": "short", "values": {"lines": 14, "low": 55, "high": 85, "seconds": 30.0}},
        {"kind": "tag", "values": {"tag": "vrese"}},
    ]
    assert await hints(prompt="calm", lyrics="[verse]\nla") == []
    assert await hints(lyrics=lyrics) == []
    many = "\n".join(f"[part of no song {number}x]" for number in "abcdef")
    assert len(await hints(prompt="calm", lyrics=many)) == 3


async def test_a_price_that_fell_is_told_with_or_without_a_prompt(client: Client, data: Path):
    service, request = "http://127.0.0.1:9/v1", MusicRequest("tune", 10.0, model="some/song")
    ledger = Ledger(data)
    ledger.create(service, request, run="", price=5.0)
    ledger.close()
    Catalogue(data, service).replace([Model("some/song", 0.001)])
    values = {"model": "some/song", "listed": "0.001", "last": "0.5"}
    for body in ({}, {"prompt": "calm"}, {"prompt": "calm", "take": 2}):
        body = {"duration": 30, "model": "some/song", **body}
        async with client.post("/aigateway/price", json=body) as answer:
            assert (await answer.json())["hints"] == [{"kind": "price", "values": values}]


async def test_the_balance_is_told_where_the_gateway_tells_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
):
    assert await get(client, "balance") == (200, {"balance": None})
    with running(Profile(key=KEY, credit=4.2)) as sandbox:
        monkeypatch.setenv("AIGATEWAY_BASE_URL", sandbox.base_url)
        assert await get(client, "balance") == (200, {"balance": None})
        assert sandbox.seen == []
        await put(client, "api_key", KEY)
        for _page in ("one", "another"):
            assert await get(client, "balance") == (200, {"balance": 4.2})
        assert [seen.path for seen in sandbox.seen] == ["/v1/balance"]
        await put(client, "mode", "sandbox")
        assert await get(client, "balance") == (200, {"balance": None})
        await put(client, "mode", "auto")
        await put(client, "api_key", f"{KEY}-of-nobody")
        assert await get(client, "balance") == (200, {"balance": None})


async def test_the_sandbox_is_free(client: Client):
    await put(client, "mode", "sandbox")
    _, price = await get(client, "price", duration=30)
    assert (price["free"], price["total"], price["refused"]) == (True, 0.0, None)


async def test_tracks_are_paged_and_searched(client: Client, data: Path):
    tracks(data, *(f"tune {index}" for index in range(7)), "a 100% sure thing", "snake_case")
    _, page = await get(client, "tracks", limit=3, offset=3)
    assert [track["prompt"] for track in page["tracks"]] == ["tune 5", "tune 4", "tune 3"]
    assert (page["total"], page["active"]) == (9, 9)
    assert page["spent"]["today"] == pytest.approx(9 * 0.006)
    for search, found in (("TUNE 3", 1), ("100%", 1), ("e_c", 1), ("%", 1), ("3 tune", 1)):
        _, page = await get(client, "tracks", search=search)
        assert page["total"] == found, search
    status, _ = await get(client, "tracks", limit=100_000)
    assert status == 400


async def mark(client: Client, track: str, name: str, value: Any) -> tuple[int, Any]:
    async with client.put(f"/aigateway/tracks/{track}/{name}", json={"value": value}) as answer:
        return answer.status, await answer.json()


async def test_tracks_are_filtered_sorted_and_counted(client: Client, data: Path):
    done, failed, other = tracks(data, "b tune", "a tune", "c song")
    ledger = Ledger(data)
    ledger.update(done, state=State.COMPLETED)
    ledger.update(failed, state=State.FAILED)
    ledger.close()
    await mark(client, other, "starred", True)
    _, page = await get(client, "tracks", sort="prompt", search="tune")
    assert [track["prompt"] for track in page["tracks"]] == ["a tune", "b tune"]
    found = {name: count for name, count in page["counts"].items() if count}
    assert found == {"all": 2, "completed": 1, "over": 1}
    _, page = await get(client, "tracks", show="starred")
    assert [track["local_id"] for track in page["tracks"]] == [other]
    assert page["total"] == 1
    for query in ({"show": "none"}, {"sort": "x" * 5000}):
        status, answer = await get(client, "tracks", **query)
        assert (status, "set one of" in answer["error"]) == (400, True)
        assert len(answer["error"]) < 300


@pytest.mark.parametrize("name", ["starred", "hidden"])
async def test_a_mark_is_set_and_taken_away_for_everybody(client: Client, data: Path, name: str):
    (made,) = tracks(data, "tune")
    for value in (True, True, False):
        status, answer = await mark(client, made, name, value)
        assert (status, answer[name]) == (200, value)
        ledger = Ledger(data)
        assert (getattr(ledger.get(made), name) is not None) == value
        ledger.close()
    for odd in (1, "true", None, [True]):
        status, answer = await mark(client, made, name, odd)
        assert (status, "true or false" in answer["error"]) == (400, True)
    assert (await mark(client, "none", name, True))[0] == 404


async def test_long_prompts_arrive_whole(client: Client, data: Path):
    (made,) = tracks(data, "long " * 2000)
    _, track = await get(client, f"tracks/{made}")
    assert len(track["prompt"]) == 10_000


@pytest.mark.parametrize("state", State)
async def test_the_page_is_told_what_is_dead(client: Client, data: Path, state: State):
    (made,) = tracks(data, "tune")
    ledger = Ledger(data)
    ledger.update(made, state=state)
    ledger.close()
    _, track = await get(client, f"tracks/{made}")
    assert (track["state"], track["is_dead"]) == (state.value, state in DEAD)


async def test_what_is_not_there(client: Client, data: Path):
    (made,) = tracks(data, "tune")
    for path in (f"tracks/{made}/audio", f"tracks/{made}/waveform", "tracks/none"):
        status, answer = await get(client, path)
        assert (status, bool(answer["error"])) == (404, True)
    for path in ("../../secret.wav", "none.wav"):
        status, _ = await get(client, "waveform", filename=path, type="output")
        assert status == 404


async def test_a_track_of_another_service_is_left_alone(client: Client, data: Path):
    (made,) = tracks(data, "tune")
    ledger = Ledger(data)
    ledger.update(made, state=State.UNCERTAIN)
    ledger.close()
    for action in ("cancel", "buy-again"):
        async with client.post(f"/aigateway/tracks/{made}/{action}", json={}) as answer:
            assert answer.status == 400
            assert "elsewhere" in (await answer.json())["error"]
