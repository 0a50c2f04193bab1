"""Everything runs once with a key that is searched for afterwards, in every byte that is left."""

from __future__ import annotations

import base64
import importlib
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from aiohttp import web

from ...audio.formats import Format
from ...sandbox.profile import Profile
from ...sandbox.server import Sandbox, SandboxThread
from ...scripts.lib import headless
from ..gateway import SCALE, TIMING, tone

# Not like the keys of AIgateway: what hides them by their beginning must not help here.
KEY = "canary+of/everything=7Zq~Lw0.5_end"
ECHO = "tell me the key"
FAULTS = (
    *("400", "401", "402", "budget", "403", "404", "429", "500", "503", "502", "504", "drop=3"),
    *("html=3", "noid=3", "fail", "cancelled", "unknown", "poll-401", "poll-500", "poll-html"),
    *("nofile", "expire", "gone", "cut", "media-500"),
)


def forms(key: str) -> list[bytes]:
    """The ways in which bytes may hold the key."""
    content = key.encode()
    found = [content, content[::-1], key.encode("utf-16-le"), quote(key, safe="").encode()]
    found += [content.hex().encode(), content.hex().upper().encode()]
    found += ["".join(f"\\u{ord(one):04x}" for one in key).encode()]
    found += [key.replace("/", "\\/").encode(), key.replace("+", "\\u002b").encode()]
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The first characters and the last ones depend on what is around the key.
            found.append(encode(b"\0" * before + content)[4:-4])
    return found


def holds_key(content: bytes) -> bool:
    return any(form in content for form in forms(KEY))


@pytest.mark.parametrize("before", ["", "a", "bc", "key: "])
def test_the_search_finds_the_key_in_every_form(before: str) -> None:
    text = f"{before}{KEY} and more"
    for content in (
        text.encode(),
        text.encode("utf-16-le"),
        base64.b64encode(text.encode()),
        base64.urlsafe_b64encode(text.encode()),
        quote(text, safe="").encode(),
        text.encode().hex().encode(),
    ):
        assert holds_key(b"some bytes " + content)
    assert not holds_key(f"{before}{KEY[:-4]} and {KEY[4:]}".encode())


class Heard(NamedTuple):
    """A request: the port where it arrived, its headers by name, and all its other bytes."""

    port: int
    path: str
    headers: dict[str, str]
    rest: bytes


class Listening(Sandbox):
    """A gateway that notes every request, and quotes the key where a prompt asks for it."""

    def __init__(self, state: Path) -> None:
        super().__init__(Profile(key=KEY).scaled(SCALE), render=tone, state_path=state)
        self.heard: list[Heard] = []

    async def listen(self, app: web.Application, port: int) -> str:
        @web.middleware
        async def listen(request: web.Request, handler: Any) -> web.StreamResponse:
            assert request.transport is not None
            at = request.transport.get_extra_info("sockname")[1]
            body = await request.read()
            rest = request.path_qs.encode() + b" " + body
            self.heard.append(Heard(at, request.path, dict(request.headers), rest))
            if ECHO.encode() in body:
                encoded = base64.b64encode(KEY.encode()).decode()
                message = f"no {request.headers['Authorization']} {encoded} {quote(KEY, safe='')}"
                return web.json_response({"error": {"message": message}}, status=400)
            return await handler(request)

        app.middlewares.insert(0, listen)
        return await super().listen(app, port)


@pytest.fixture
def gateway(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    """A gateway, and a settings file with its address and the key."""
    sandbox = Listening(tmp_path / "gateway.json")
    thread = SandboxThread(sandbox)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "aigateway.toml").write_text(
        f'api_key = "{KEY}"\nbase_url = "{sandbox.base_url}"\nallow_unknown_price = true\n'
    )
    monkeypatch.setattr(session, "timing_of", lambda settings: TIMING)
    yield sandbox
    thread.stop()


class Run:
    """Runs nodes, and keeps every text that ComfyUI would show or store."""

    def __init__(self, node: dict[str, Any]) -> None:
        self._node = node
        self._count = 0
        self.seen: list[str] = []

    async def __call__(self, kind: str, /, **inputs: Any) -> tuple[Any, ...] | None:
        """The outputs of a node; None where it raised one of the errors of the pack."""
        io = importlib.import_module("comfy_api.latest").io
        self._count += 1
        number = str(self._count)
        prompt = {number: {"class_type": f"AIGateway{kind}", "inputs": {"a": 1}}}
        hidden = {
            io.Hidden.unique_id: number,
            io.Hidden.prompt: prompt,
            io.Hidden.extra_pnginfo: {"workflow": {"nodes": []}},
        }
        headless.executing.set(headless.Executing("a run", number))
        clone = self._node[f"AIGateway{kind}"].PREPARE_CLASS_CLONE({"hidden_inputs": hidden})
        try:
            output = await clone.EXECUTE_NORMALIZED_ASYNC(**inputs)
        except Exception as error:
            self.seen += traceback.format_exception(error)
            return None
        self.seen.append(f"{output.ui} {output.result}")
        return output.result

    async def track(self, prompt: str, format: str = "wav", **inputs: Any) -> Any:
        """The AUDIO of a prompt, through the nodes one after the other."""
        job = await self("PromptToMusic", prompt=prompt, duration=5.0, format=format)
        done = job and await self("PollJob", job=job[0], **inputs)
        as_it_is = {"sample_rate": "original", "channels": "original"}
        loaded = done and await self("LoadAudioURL", url=done[0], **as_it_is)
        return loaded and loaded[0]


@pytest.fixture
def run(node: dict[str, Any], nodes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Run:
    running = Run(node)
    monkeypatch.setattr(
        nodes.host.status, "show_status", lambda line: running.seen.append(f"{line} {line!r}")
    )
    return running


@pytest.fixture
async def page(nodes: ModuleType) -> AsyncIterator[Any]:
    """Asks the routes as the page does; returns status, headers and body as one text of bytes."""
    routes = importlib.import_module(f"{nodes.__name__}.routes")
    table = web.RouteTableDef()
    routes.add_to(table)
    app = web.Application()
    app.add_routes(table)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}/aigateway"
    async with aiohttp.ClientSession(headers={"X-AIgateway-Page": "1"}) as http:

        async def ask(method: str, path: str, body: Any = None) -> tuple[int, bytes]:
            async with http.request(method, root + path, json=body) as answer:
                headers = repr(dict(answer.headers)).encode()
                return answer.status, headers + await answer.read()

        yield ask
    await runner.cleanup()


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """A log of everything, as ComfyUI would write it with --verbose DEBUG."""
    handler = logging.FileHandler(tmp_path / "comfyui.log", encoding="utf-8")
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield tmp_path / "comfyui.log"
    root.setLevel(level)
    root.removeHandler(handler)
    handler.close()


@pytest.mark.slow
async def test_the_key_is_only_in_the_settings_and_in_the_header(
    run: Run,
    page: Any,
    gateway: Listening,
    log_file: Path,
    session: Any,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    await everything_with_nodes(run)
    answers = await everything_of_the_page(page, session)
    out = [*run.seen, *capfd.readouterr()]
    for text in out:
        assert not holds_key(text.encode("utf-8", "replace")), text
    for asked, (_status, answer) in answers.items():
        assert not holds_key(answer), asked
    check_requests(gateway)
    check_files(tmp_path, log_file)
    # It met every kind of error on its way, and the gateway's own words of the key.
    said = "\n".join(run.seen)
    for name in ("Authentication", "Credits", "JobFailed", "WaitTimeout", "Uncertain", "Download"):
        assert f"{name}" in said, name
    assert f"no Bearer …{KEY[-4:]}" in said


async def everything_with_nodes(run: Run) -> None:
    for format in Format:
        audio = await run.track(f"{format.value} piano", "mp3" if format is Format.MP3 else "wav")
        assert audio is not None
        chosen = {"format": format.value}
        await run("SaveAudio", audio=audio, filename_prefix="a/%title%", format=chosen)
        await run("SaveAudio", audio=audio, filename_prefix="b", format=chosen, name="level")
        loop = {"loop_start": 100, "loop_length": 4000}
        await run("SaveAudio", audio=audio, filename_prefix="loop", format=chosen, **loop)
    await run("Takes", prompt="strings", duration=5.0, format="wav", count=2)
    await run("Takes", prompt="strings sandbox:fail", duration=5.0, format="wav", count=2)
    for card in FAULTS:
        await run.track(f"piano sandbox:{card}")
    await run.track(f"{ECHO} please")
    await run.track("piano sandbox:slow", timeout=0.1)
    await run("PollJob", job_id="job_of_nobody")
    strange = ("http://127.0.0.1:9/a.wav", "https://user:secret@example.com/a.wav", "ftp://a/b")
    for url in strange:
        await run("LoadAudioURL", url=url, sample_rate="original", channels="original")


async def everything_of_the_page(page: Any, session: Any) -> dict[str, tuple[int, bytes]]:
    library = await session.library()
    row = library.ledger.page("piano", limit=1)[0][0].local_id
    rows = library.ledger.page(limit=1000)[0]
    done = next(job.local_id for job in rows if job.file)
    price = {"prompt": "piano", "duration": 5.0, "format": "wav", "count": 2}
    asked: list[tuple[str, str, Any]] = [
        *(("GET", path, None) for path in ("/settings", "/tracks", "/tracks?search=piano")),
        *(("GET", f"/tracks/{done}{end}", None) for end in ("", "/audio", "/waveform")),
        *(("GET", path, None) for path in ("/balance", "/price?prompt=a&duration=5", "/nowhere")),
        ("GET", "/waveform?filename=level.wav&subfolder=b", None),
        ("POST", "/price", price),
        ("POST", "/test-connection", None),
        ("POST", f"/tracks/{row}/cancel", None),
        ("POST", f"/tracks/{row}/buy-again", None),
        *(("PUT", f"/tracks/{row}/{mark}", {"value": KEY}) for mark in ("starred", "hidden")),
        ("POST", "/accept-loss", None),
        ("PUT", "/settings", {"name": "spend_limit_per_run", "value": 2.5}),
        ("PUT", "/settings", {"name": "spend_limit_per_run", "value": f"{KEY} euros"}),
        ("PUT", "/settings", {"name": KEY, "value": 1}),
        ("PUT", "/settings", {"name": "api_key", "value": f"Bearer {KEY}"}),
        ("PUT", "/settings", {"name": "mode", "value": KEY}),
        ("GET", f"/tracks/{quote(KEY, safe='')}", None),
    ]
    return {
        f"{number} {method} {path}": await page(method, path, body)
        for number, (method, path, body) in enumerate(asked)
    }


def check_requests(gateway: Listening) -> None:
    """The key went in one header, and to the API alone."""
    api = urlsplit(gateway.base_url).port
    with_key = [one for one in gateway.heard if KEY in one.headers.get("Authorization", "")]
    assert {one.port for one in with_key} == {api}
    assert all(one.path.startswith("/v1/") for one in with_key)
    assert {one.headers["Authorization"] for one in with_key} == {f"Bearer {KEY}"}
    for one in gateway.heard:
        others = [f"{name}: {value}" for name, value in one.headers.items()]
        others.remove(f"Authorization: Bearer {KEY}") if one in with_key else None
        assert not holds_key(one.rest + "\n".join(others).encode()), one.path
    assert len(with_key) > 50


def check_files(folder: Path, log_file: Path) -> None:
    """The key is in one file; and what the pack may write was written: else it shows nothing."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {file.name for file in files if holds_key(file.read_bytes())} == {"aigateway.toml"}
    names = {file.name for file in files}
    assert {"aigateway.toml", "ledger.sqlite3", "ledger.log.jsonl", "manifest.json"} <= names, names
    assert {file.suffix for file in files} >= {format.extension for format in Format}
    assert log_file.stat().st_size > 1000
