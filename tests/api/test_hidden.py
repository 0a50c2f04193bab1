"""No text that leaves has the API key, in whatever form a gateway or a page quotes it."""

from __future__ import annotations

import base64
import html
import json
import logging
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ...api.account import Account
from ...api.base.errors import GatewayError, InputError, SettingsError
from ...api.base.plain_text import without_keys
from ...api.base.request import MusicRequest
from ...api.library import Library
from ...api.settings import FILE_NAME, Settings, load, write
from ...api.wire.addresses import AllowedHosts
from ...api.wire.arriving_file import ArrivingFile
from ...api.wire.client import Client
from ...api.wire.download import FileAddress, download
from ...api.wire.guard import AddressGuard
from ...api.wire.key import ApiKey, job_file, key_may_go_to
from ..gateway import TIMING
from .raw_server import answering, reply

KEY = "sk_aig+canary/8+Zq=Lw0.5~hidden"
PLAIN = {
    "as it is": KEY,
    "behind Bearer": f"Bearer {KEY}.",
    "with zero-width blanks": "\u200b".join(KEY),
    "with colors": f"\x1b[1m{KEY[:9]}\x1b[0m{KEY[9:]}",
}
FORMS = {
    "JSON": json.dumps({"a": KEY}),
    "JSON with every character escaped": "".join(f"\\u{ord(each):04X}" for each in KEY),
    "JSON in JSON": json.dumps(json.dumps("".join(f"\\u{ord(each):04x}" for each in KEY))),
    "escaped slashes": KEY.replace("/", "\\/"),
    "percent": quote(KEY, safe=""),
    "percent, small": quote(KEY, safe="").lower() if KEY.islower() else quote(KEY, safe="/"),
    "percent, every character": "".join(f"%{ord(each):02x}" for each in KEY),
    "percent, twice": quote(quote(KEY, safe=""), safe=""),
    "HTML": html.escape(KEY),
    "HTML numbers": "".join(f"&#{ord(each)};" for each in KEY),
    "HTML hex numbers": "".join(f"&#x{ord(each):x};" for each in KEY),
    "Python": "".join(f"\\x{ord(each):02x}" for each in KEY),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of a header": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 of a login": base64.b64encode(f"me:{KEY}:x".encode()).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "hex": KEY.encode().hex(),
    "HEX": KEY.encode().hex().upper(),
}


def revealed(text: str) -> bool:
    """Whether the middle of the key is in the text, in a form that was quoted."""
    pieces = [KEY[4:-4], *(form[len(form) // 3 : 2 * len(form) // 3] for form in FORMS.values())]
    return any(piece in text for piece in pieces)


@pytest.mark.parametrize("name", FORMS)
def test_a_key_is_hidden_in_every_usual_form(name: str) -> None:
    ApiKey(KEY, "a test")
    text = f"before {FORMS[name]} behind"
    assert revealed(text)
    shown = without_keys(text)
    assert not revealed(shown)
    assert "before" in shown
    assert "behind" in shown


@pytest.mark.parametrize("name", [*PLAIN, *FORMS])
def test_no_error_says_it(name: str) -> None:
    key = ApiKey(KEY, "a test")
    error = GatewayError({**PLAIN, **FORMS}[name])
    assert not revealed(str(error.noting("More.")))
    if name in PLAIN:
        assert key.hint in str(error)


def test_what_looks_like_a_key_is_hidden_too() -> None:
    assert "c0ffee" not in without_keys("mode is sk-aig-c0ffee-0123456789-c0ffee here")
    assert without_keys("sk-aig-… is a task-based risk-free-and-very-long-word") == (
        "sk-aig-… is a task-based risk-free-and-very-long-word"
    )


@given(st.text(max_size=200), st.text(max_size=200))
def test_other_text_stays(before: str, behind: str) -> None:
    ApiKey(KEY, "a test")
    # A backslash before a character escapes it.
    before = before.rstrip("\\")
    assert without_keys(f"{before}{KEY}{behind}") == f"{before}…dden{behind}"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PLAIN, *FORMS])
async def test_a_gateway_that_quotes_it_puts_it_nowhere(name: str, tmp_path: Path) -> None:
    """In a record, in the headers, in an error page: not in an error, a row or a file."""
    form = {**PLAIN, **FORMS}[name]
    key = ApiKey(KEY, "a test")
    # A header holds no control characters.
    header = KEY if name in PLAIN else form
    failed = {"id": "job_1", "status": "failed", "error": {"message": form, "code": form}}
    done = {"id": "job_1", "status": "queued", "model": form, "result": {"url": f"/{form}"}}
    said = [f"X-Request-Id: {header}", f"X-Routing-Selected: {header}", "Content-Type: text/html"]
    bodies = [json.dumps(done), json.dumps(failed)]
    replies = [reply(body.encode(), *said) for body in bodies]
    refused = reply(json.dumps({"error": {"message": form}}).encode(), *said, status="400 Bad")
    page = reply(form.encode(), f"Content-Type: {header}")
    models = reply(b'{"data": []}', "Content-Type: application/json")
    async with answering(models, *replies, refused, page) as server:
        library = Library(tmp_path)
        account = Account("test", f"{server.url}/v1", key, library, TIMING)
        errors: list[BaseException] = []
        try:
            job = await account.submit(MusicRequest("a"), Settings(), run="")
            with pytest.raises(GatewayError) as caught:
                await account.wait(job, timeout=5, progress=lambda _: None)
            errors.append(caught.value)
            for prompt in ("b", "c"):
                with pytest.raises(GatewayError) as caught:
                    await account.submit(MusicRequest(prompt), Settings(), run="")
                errors.append(caught.value)
        finally:
            account.close()
            library.close()
    for error in errors:
        assert not revealed(f"{error} {vars(error)}")
    assert_in_no_file(tmp_path)


def assert_in_no_file(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not any(revealed(path.read_bytes().decode("latin-1")) for path in files)


# The settings file


@pytest.mark.parametrize(
    "content",
    [
        f"api_key = {KEY}",
        f"api_key = '{KEY}",
        f'api_key = "{KEY}\\q"',
        f"api_key {KEY}",
        f"'{KEY}' = 'api_key'",
        f"api_key = '{KEY}'\napi_key = '{KEY}'",
        f"'{KEY}' = 1\n'{KEY}' = 2",
        f"['{KEY}']\n['{KEY}']",
        f"api_key = ['{KEY}']",
        f"mode = '{KEY}'",
        f"base_url = 'https://{KEY}@example.com'",
        f"spend_limit_per_day = '{KEY}'",
        f"allow_hosts = ['{KEY}']",
        f"cost_tag = '{KEY}'",
    ],
)
def test_a_mistake_on_the_keys_line_does_not_show_it(content: str, tmp_path: Path) -> None:
    ApiKey(KEY, "a test")
    (tmp_path / FILE_NAME).write_text(content, "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, {})
    assert not revealed(str(caught.value))


def test_a_mistake_does_not_show_a_key_that_nobody_has_read_yet(tmp_path: Path) -> None:
    other = "aig_0123456789_never_read_before"
    for line in (
        f"api_key = {other}",
        f"api_key = '{other}",
        f"{other} = 1",
        f"'{other}' = 1\n" * 2,
    ):
        (tmp_path / FILE_NAME).write_text(f"mode = 'auto'\n{line}", "utf-8")
        with pytest.raises(SettingsError, match=FILE_NAME) as caught:
            load(tmp_path, {})
        assert other not in str(caught.value)


@pytest.mark.parametrize("line", ["api_key = {}", "'{}' = 1\n'{}' = 2", "['{}']\n['{}']"])
def test_a_mistake_in_a_file_that_is_changed_does_not_show_it(line: str, tmp_path: Path) -> None:
    other = "aig_0123456789_never_read_before"
    (tmp_path / FILE_NAME).write_text(line.format(other, other), "utf-8")
    with pytest.raises(SettingsError, match="cannot be read: correct") as caught:
        write(tmp_path, "mode", "live")
    assert other not in str(caught.value)


# The way of the key

BASE = "https://api.example/v1"
FILE = f"{BASE}/files/jobs/job_1/track.mp3"


@pytest.mark.parametrize("url", [FILE, f"{FILE}?a=b", FILE.replace("track", "my%20track%20(1)")])
def test_the_key_goes_to_a_jobs_file(url: str) -> None:
    assert key_may_go_to(url, BASE)


@pytest.mark.parametrize(
    "path",
    [
        *("files/../balance", "files/jobs/../../balance", "files/jobs/job_1/..", "files/jobs/./a"),
        *("files/jobs/%2e%2e/a", "files/jobs/a/%2E%2e", "files/jobs/a/.%2e", "files/%2e/jobs/a/b"),
        *("files/jobs/%252e%252e/a", "files/jobs/a/%252e%252e%252fbalance", "files/jobs/a/%25"),
        *("files/jobs/a/..%2fbalance", "files/jobs/a/..%5cbalance", "files/jobs/a/..\\balance"),
        *("files/jobs/a/..;/balance", "files/jobs/..;a/b", "files/jobs/a/b%00", "files/jobs/a/%0a"),
        *("files/jobs/a/%2e%2e/../../balance", "files//jobs/a/b", "files/jobs//b", "files/jobs/a/"),
        *("files/jobs/.../a", "files/jobs/%20/a", "files/jobs/a/b%3f", "files/jobs/a/b%23"),
    ],
)
def test_the_key_goes_to_no_path_that_could_be_another(path: str) -> None:
    assert job_file(f"{BASE}/{path}") is None
    assert not key_may_go_to(f"{BASE}/{path}", BASE)


@pytest.mark.parametrize(
    "id",
    ["..", ".", "", "  ", "../balance", "a/b", "a\\b", "%2e%2e", "a%2fb", "\0", "a\ud800", "a;b"],
)
async def test_an_id_that_could_be_a_path_is_not_asked_for(id: str) -> None:
    async with answering(reply(b"{}")) as server:
        client = Client(f"{server.url}/v1", ApiKey(KEY, "a test"), TIMING)
        for ask in (client.poll, client.cancel):
            with pytest.raises(InputError, match="is not the id of a job"):
                await ask(id)
        await client.close()
        assert server.requests == []


@pytest.mark.parametrize(
    ("address", "hosts", "is_refused"),
    [
        ("http://gateway.lan", "", True),
        ("http://192.168.7.7:8000", "", True),
        ("http://[fd00::1]:8000", "", True),
        ("http://127.0.0.1.evil.example", "", True),
        ("http://gateway.lan", "gateway.lan", False),
        ("http://192.168.7.7:8000", "192.168.0.0/16", False),
        ("http://127.0.0.1:8000", "", False),
        ("http://localhost:8000", "", False),
        ("http://[::1]:8000", "", False),
        ("https://gateway.lan", "", False),
    ],
)
def test_the_key_does_not_cross_a_network_readable(
    address: str, hosts: str, is_refused: bool, tmp_path: Path
) -> None:
    environ = {"AIGATEWAY_BASE_URL": address, "AIGATEWAY_ALLOW_HOSTS": hosts}
    load(tmp_path, {**environ, "AIGATEWAY_USE_CLI_KEY": "false"}).require_key(tmp_path)
    current = load(tmp_path, {**environ, "AIGATEWAY_API_KEY": KEY})
    if is_refused:
        with pytest.raises(SettingsError, match=r"without encryption.*https.*allow_hosts"):
            current.require_key(tmp_path)
    else:
        current.require_key(tmp_path)


# The log


async def test_no_line_of_the_log_has_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore.http11", "httpcore.connection"):
        caplog.set_level(logging.DEBUG, name)
    moved = reply(b"", "Location: /b?signature=canary", status="302 Found")
    async with answering(moved, reply(b"x", "X-Canary: canary"), reply(b"{}")) as server:
        guard = AddressGuard(allowed=AllowedHosts.parse("127.0.0.0/8"))
        source = FileAddress(f"{server.url}/a?signature=canary")
        await download(source, ArrivingFile(100), TIMING, guard=guard)
        client = Client(f"{server.url}/v1", ApiKey(KEY, "a test"), TIMING)
        await client.balance()
        await client.close()
        assert "canary" not in caplog.text
        assert server.url not in caplog.text
        # Other packs keep their lines.
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.get(server.url)
        assert server.url in caplog.text
