"""The routes answer ComfyUI's own page, and nobody else; odd input is answered with a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .test_routes import Client, client, data, tracks

__all__ = ["client", "data"]

JSON = ["settings", "balance", "tracks", "tracks/none", "price", "model-prices", "news"]
FILES = ["waveform?filename=x.wav", "tracks/none/audio", "tracks/none/waveform"]
PATHS = [*JSON, *FILES]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "rebound.example:8188", "Origin": "http://rebound.example:8188"},
        {"Host": "127.0.0.1.rebound.example"},
        {"Host": "127.0.0.1@rebound.example"},
        {"Host": "2130706433.rebound.example"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:x"},
        {"Origin": "file://"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "image"},
    ],
)
async def test_another_page_is_refused(client: Client, path: str, headers: dict[str, str]) -> None:
    async with client.get(f"/aigateway/{path}", headers=headers) as answer:
        assert answer.status in (400, 403)
        assert "tracks" not in await answer.text()
    for method in ("PUT", "POST"):
        where = "settings" if method == "PUT" else "price"
        async with client.request(
            method, f"/aigateway/{where}", headers=headers, json={"name": "mode", "value": "live"}
        ) as answer:
            assert answer.status in (400, 403)


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost", "[::1]", "192.168.1.7", "studio", "studio.local", "pc.lan"]
)
async def test_an_address_and_a_local_name_are_known(client: Client, name: str) -> None:
    headers = {"Host": f"{name}:8188", "Origin": f"http://{name}:8188"}
    async with client.get("/aigateway/settings", headers=headers) as answer:
        assert answer.status == 200


async def test_the_name_of_a_reverse_proxy_is_a_setting(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Host": "comfy.example", "Origin": "https://comfy.example"}
    async with client.get("/aigateway/settings", headers=headers) as answer:
        assert answer.status == 403
        assert "AIGATEWAY_PAGE_HOSTS" in (await answer.json())["error"]
    monkeypatch.setenv("AIGATEWAY_PAGE_HOSTS", "other.example, comfy.example")
    async with client.get("/aigateway/settings", headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", JSON)
async def test_an_answer_needs_the_header_of_the_page(client: Client, path: str) -> None:
    del client.session.headers["X-AIgateway-Page"]
    here = f"http://{client.host}:{client.port}/"
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Referer": here}):
        async with client.get(f"/aigateway/{path}", headers=headers) as answer:
            assert answer.status == 403
            assert list(await answer.json()) == ["error"]


@pytest.mark.parametrize("path", FILES)
async def test_an_element_of_the_page_loads_a_file_without_the_header(
    client: Client, path: str
) -> None:
    """On plain http a browser says where a request is from in `Referer` alone."""
    del client.session.headers["X-AIgateway-Page"]
    here = f"http://{client.host}:{client.port}"
    ours = [
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "none"},
        {"Referer": f"{here}/"},
        {"Referer": f"{here}/?lang=en"},
    ]
    for headers in ours:
        async with client.get(f"/aigateway/{path}", headers=headers) as answer:
            # The page may have it; there is no such file.
            assert answer.status == 404
    foreign = [
        {},
        {"Referer": ""},
        {"Referer": "http://evil.example/"},
        {"Referer": f"http://evil.example/{here}"},
        {"Referer": f"http://{client.host}:1/"},
        {"Referer": f"{here}.evil.example/"},
    ]
    for headers in foreign:
        async with client.get(f"/aigateway/{path}", headers=headers) as answer:
            assert answer.status == 403


async def test_a_change_needs_the_header_of_the_page(client: Client, data: Path) -> None:
    body = {"name": "spend_limit_per_day", "value": 100_000}
    header = {"X-AIgateway-Page": client.session.headers.pop("X-AIgateway-Page")}
    async with client.put("/aigateway/settings", json=body) as answer:
        assert answer.status == 403
    async with client.post("/aigateway/tracks/none/buy-again", json={}) as answer:
        assert answer.status == 403
    (made,) = tracks(data, "tune")
    for mark in ("starred", "hidden"):
        path = f"/aigateway/tracks/{made}/{mark}"
        async with client.put(path, json={"value": True}) as answer:
            assert answer.status == 403
        async with client.get(f"/aigateway/tracks/{made}", headers=header) as answer:
            assert (await answer.json())[mark] is False
    assert not (data / "aigateway.toml").exists()


async def test_answers_stay_in_the_page(client: Client) -> None:
    async with client.get("/aigateway/tracks") as answer:
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_no_answer_has_a_path_of_the_machine(client: Client, data: Path) -> None:
    tracks(data, "tune")
    (data / "aigateway.toml").write_text("mode = [", "utf-8")
    for path in PATHS:
        async with client.get(f"/aigateway/{path}") as answer:
            assert str(data) not in await answer.text()
    (data / "aigateway.toml").write_text("api_key = 'sk-aig-1234567890'", "utf-8")
    for path in PATHS:
        async with client.get(f"/aigateway/{path}") as answer:
            assert str(data) not in await answer.text()


@pytest.mark.parametrize(
    "query",
    [
        {"search": "word " * 1500},
        {"search": "a\x00b"},
        {"search": "%" * 400},
        {"limit": "9" * 5000},
        {"limit": "１０"},  # noqa: RUF001
        {"offset": "-1"},
    ],
)
async def test_odd_searches_are_no_fault(client: Client, query: dict[str, str]) -> None:
    async with client.get("/aigateway/tracks", params=query) as answer:
        assert answer.status in (200, 400)
        assert len(await answer.read()) < 1000


@pytest.mark.parametrize("name", ["x" * 5000, "a\x00b", "../../etc/passwd", "/etc/passwd", ""])
async def test_odd_names_of_files_are_not_there(client: Client, name: str) -> None:
    for query in ({"filename": name}, {"filename": "x", "subfolder": name}, {"type": name}):
        async with client.get("/aigateway/waveform", params=query) as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    "sent",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b"",
        b"[]",
        b"NaN",
        b'{"name": "spend_limit_per_run", "value": ' + b"9" * 5000 + b"}",
        b'{"name": "spend_limit_per_run", "value": ' + b"9" * 400 + b"}",
        b'{"name": "spend_limit_per_run", "value": 1e999}',
        b'{"name": ' + json.dumps("x" * 500_000).encode() + b"}",
        b'{"name": "mode", "value": ' + json.dumps("x" * 500_000).encode() + b"}",
        b" " * 2_000_000,
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "none-such", "utf-7"])
async def test_odd_bodies_get_a_short_sentence(client: Client, sent: bytes, charset: str) -> None:
    headers: dict[str, Any] = {"Content-Type": f"application/json; charset={charset}"}
    async with client.put("/aigateway/settings", data=sent, headers=headers) as answer:
        assert answer.status == 400
        assert 0 < len((await answer.json())["error"]) <= 2000
