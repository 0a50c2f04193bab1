"""Certificates and proxies of the environment: usable, wrong, and none of this machine's business.

Proxies and servers are real ones on loopback. `gateway.test` is a name that no resolver knows, so
a request for it arrives only through a proxy.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib.util
import json
import logging
import os
import shutil
import ssl
import subprocess
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web

from ...api.base.errors import DownloadError, GatewayError, SettingsError, UntrustedCertificateError
from ...api.base.timing import Timing
from ...api.wire.addresses import AllowedHosts
from ...api.wire.arriving_file import ArrivingFile
from ...api.wire.client import Client
from ...api.wire.download import FileAddress, download
from ...api.wire.guard import AddressGuard
from ...api.wire.http import proxy_for
from ...sandbox.server import Sandbox

OUTSIDE = "http://gateway.test/v1"
BALANCE = {"balance": 12.5}
TIMING = Timing(rate_limit=600, file_backoff=0.001, blip_patience=0.0)
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
GUARD = AddressGuard(allowed=AllowedHosts.parse("gateway.test, localhost, 127.0.0.0/8"))
has_socks = importlib.util.find_spec("socksio") is not None


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*VARIABLES, *map(str.upper, VARIABLES), "SSL_CERT_FILE", "SSL_CERT_DIR"]:
        monkeypatch.delenv(name, raising=False)


async def balance_of(url: str) -> object:
    client = Client(url, None, TIMING)
    try:
        return await client.balance()
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def http_server(
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[int, list[str]]]:
    """Answers every request; the raw request targets say whether it was asked as a proxy."""
    targets: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        targets.append(str(request.raw_path if context else request.url))
        return web.json_response(BALANCE)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1], targets
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def socks_proxy(answer: bytes, login: bytes = b"") -> AsyncIterator[tuple[int, list[bytes]]]:
    """A SOCKS 5 proxy (RFC 1928, 1929) that itself answers for the host that it is asked for.

    Args:
        login: the user name, a colon and the password that it wants; empty: nothing.
    """
    hosts: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            _, count = await reader.readexactly(2)
            offered = await reader.readexactly(count)
            if login:
                writer.write(b"\5\2" if 2 in offered else b"\5\xff")
                _, size = await reader.readexactly(2)
                user = await reader.readexactly(size)
                (size,) = await reader.readexactly(1)
                is_right = user + b":" + await reader.readexactly(size) == login
                writer.write(b"\1\0" if is_right else b"\1\1")
            else:
                writer.write(b"\5\0")
            *_, kind, size = await reader.readexactly(5)
            assert kind == 3, "the proxy resolves the name"
            hosts.append(await reader.readexactly(size))
            await reader.readexactly(2)
            writer.write(b"\5\0\0\1\0\0\0\0\0\0")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], hosts


# Variables that nothing can be done with. Each name comes with a value that holds a password.
WRONG = [
    ("ALL_PROXY", "socks4://user:hunter2@127.0.0.1:9"),
    ("https_proxy", "ftp://user:hunter2@127.0.0.1:9"),
    ("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:port"),
    ("all_proxy", "http://user:hunter2@"),
    ("https_proxy", "http://user:hunter2@[::zz]:3"),
]
WRONG_CERTIFICATES = [
    ("SSL_CERT_FILE", "/nowhere/company.pem"),
    ("SSL_CERT_FILE", os.path.dirname(__file__)),
    ("SSL_CERT_FILE", __file__),
    ("SSL_CERT_DIR", "/nowhere/certificates"),
    ("SSL_CERT_DIR", __file__),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
async def test_live_names_the_proxy_variable_and_no_password(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as caught:
        await balance_of("https://gateway.test/v1")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError, match=name):
        await download(
            FileAddress("https://gateway.test/a.mp3"), ArrivingFile(9), TIMING, guard=GUARD
        )


@pytest.mark.skipif(has_socks, reason="socksio is installed")
@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h", "SOCKS5"])
async def test_a_socks_proxy_without_its_package_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:hunter2@127.0.0.1:9/")
    with pytest.raises(SettingsError, match=r"ALL_PROXY .* socksio") as caught:
        await balance_of(OUTSIDE)
    assert "hunter2" not in str(caught.value)


@pytest.mark.skipif(not has_socks, reason="socksio is not installed")
@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
async def test_a_socks_proxy_works_where_its_package_is_there(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    body = b'{"balance": 12.5}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with socks_proxy(answer) as (port, hosts):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{port}/")
        assert await balance_of(OUTSIDE) == BALANCE
    assert hosts == [b"gateway.test"]


@pytest.mark.parametrize("exceptions", ["", "[::1]", "localhost,[::1],fe80::/10", "10.0.0.0/8,*.x"])
@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_an_http_proxy_works_beside_every_no_proxy(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, scheme: str
) -> None:
    async with http_server() as (port, targets):
        monkeypatch.setenv("http_proxy", f"{scheme}127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", exceptions)
        assert await balance_of(OUTSIDE) == BALANCE
    assert targets == [f"{OUTSIDE}/balance"]


@pytest.mark.parametrize(
    ("exceptions", "url", "is_excepted"),
    [
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("[fe80::1]", "http://[fe80::1]/", True),
        ("fe80::/10", "http://[fe80::1]:80/", True),
        (".gateway.test", "http://api.gateway.test/", True),
        ("gateway.test", "http://other.test/", False),
        ("*", "http://other.test/", True),
        ("not/a/network, ,", "http://10.1.2.3/", False),
    ],
)
def test_no_proxy_excepts_names_addresses_and_networks(
    monkeypatch: pytest.MonkeyPatch, exceptions: str, url: str, is_excepted: bool
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", exceptions)
    assert (proxy_for(url) is None) is is_excepted


@pytest.mark.parametrize(("name", "value"), WRONG + WRONG_CERTIFICATES)
async def test_this_machine_minds_no_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    sandbox = Sandbox()
    base_url = await sandbox.start()
    try:
        for host in ("127.0.0.1", "localhost"):
            assert await balance_of(base_url.replace("127.0.0.1", host))
    finally:
        await sandbox.stop()


@pytest.mark.parametrize(("name", "value"), WRONG_CERTIFICATES)
async def test_live_names_the_certificate_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        await balance_of("https://gateway.test/v1")
    with pytest.raises(SettingsError, match=name):
        await download(
            FileAddress("https://gateway.test/a.mp3"), ArrivingFile(9), TIMING, guard=GUARD
        )


def certificate(path: Path, names: str) -> Path:
    """A certificate that no list of authorities has, in a file with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    call = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    call += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    call += ["-subj", "/CN=company", "-addext", f"subjectAltName={names}"]
    key = path.with_suffix(".key")
    subprocess.run([*call, "-keyout", key, "-out", path], check=True, capture_output=True)
    return path


def serving(path: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, path.with_suffix(".key"))
    return context


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A certificate for this machine."""
    return certificate(tmp_path / "company.pem", "IP:127.0.0.1,DNS:localhost")


Ask = Callable[[str], Awaitable[object]]


async def fetch(url: str) -> object:
    file = ArrivingFile(1000)
    await download(FileAddress(url), file, TIMING, guard=GUARD)
    return bytes(file.content())


@pytest.mark.parametrize(
    ("ask", "kind"), [(balance_of, UntrustedCertificateError), (fetch, DownloadError)]
)
async def test_a_companys_certificate_is_asked_for_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, company: Path, ask: Ask, kind: type[GatewayError]
) -> None:
    async with http_server(serving(company)) as (port, targets):
        url = f"https://127.0.0.1:{port}/v1"
        with pytest.raises(kind, match="SSL_CERT_FILE") as caught:
            await ask(url)
        assert not caught.value.is_temporary
        assert targets == []
        monkeypatch.setenv("SSL_CERT_FILE", str(company))
        assert await ask(url)


@pytest.fixture
def expired(company: Path) -> Path:
    """The certificate for this machine, until it was signed."""
    signed = ["openssl", "x509", "-in", company, "-signkey", company.with_suffix(".key")]
    subprocess.run([*signed, "-days", "0", "-out", company], check=True, capture_output=True)
    return company


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A certificate for another host than this machine, with its key."""
    return certificate(tmp_path / "elsewhere.pem", "DNS:elsewhere.example")


@pytest.mark.parametrize(
    ("ask", "kind"), [(balance_of, UntrustedCertificateError), (fetch, DownloadError)]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_for_another_host_is_not_an_authority_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path, ask: Ask, kind: type[GatewayError], host: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(elsewhere))
    async with http_server(serving(elsewhere)) as (port, targets):
        with pytest.raises(kind, match=rf"The server at {host}.* certificate of another host") as e:
            await ask(f"https://{host}:{port}/v1")
    assert targets == []
    assert "SSL_CERT_FILE" not in str(e.value)
    assert not e.value.is_temporary


@pytest.mark.parametrize(
    ("ask", "kind"), [(balance_of, UntrustedCertificateError), (fetch, DownloadError)]
)
async def test_a_certificate_that_has_expired_leads_to_the_clock(
    monkeypatch: pytest.MonkeyPatch, expired: Path, ask: Ask, kind: type[GatewayError]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(expired))
    async with http_server(serving(expired)) as (port, targets):
        with pytest.raises(kind, match="has expired, or its time has not come") as caught:
            await ask(f"https://127.0.0.1:{port}/v1")
    assert targets == []
    assert "clock" in str(caught.value)


# The password, and how it is written in the address of a proxy.
PASSWORDS = {"hunter2": "hunter2", "hun@ter/2": "hun%40ter%2F2", "hun ter:2": "hun%20ter:2"}


def shown_forms(password: str) -> list[str]:
    logins = (f"me:{password}", f"me:wrong-{password}")
    encoded = [base64.b64encode(login.encode()).decode() for login in logins]
    return [password, PASSWORDS[password], quote(password, safe=""), *encoded]


@contextlib.asynccontextmanager
async def http_proxy(login: str, target: int) -> AsyncIterator[tuple[int, list[str]]]:
    """A proxy that wants `login`, answers plain requests, and leads each CONNECT to `target`."""
    wanted = f"proxy-authorization: basic {base64.b64encode(login.encode()).decode()}".lower()
    first_lines: list[str] = []
    body = b'{"balance": 12.5}'

    async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                to.write(data)
                await to.drain()
        to.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first_lines.append(head.splitlines()[0])
        if wanted not in head.lower():
            page = json.dumps({"error": {"message": f"You sent: {head}"}}).encode()
            lines = [b"HTTP/1.1 407 Login", b"Proxy-Authenticate: Basic", b"Connection: close"]
            writer.write(b"\r\n".join([*lines, b"Content-Length: %d" % len(page), b"", page]))
        elif not head.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        else:
            there, to = await asyncio.open_connection("127.0.0.1", target)
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await asyncio.gather(copy(reader, to), copy(there, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], first_lines


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("ask", [balance_of, fetch])
async def test_a_proxys_password_opens_it_and_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    ask: Ask,
    scheme: str,
    password: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = certificate(tmp_path / "gateway.pem", "DNS:gateway.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(gateway))
    url = f"{scheme}://gateway.test/v1"
    async with (
        http_server(serving(gateway)) as (target, _),
        http_proxy(f"me:{password}", target) as (port, lines),
    ):
        address = f"http://me:{PASSWORDS[password]}@127.0.0.1:{port}"
        monkeypatch.setenv(f"{scheme}_proxy", address)
        assert await ask(url)
        assert len(lines) == 1
        for wrong in (address.replace("me:", "me:wrong-"), f"http://127.0.0.1:{port}"):
            monkeypatch.setenv(f"{scheme}_proxy", wrong)
            with pytest.raises(GatewayError) as caught:
                await ask(url)
            said = "".join(traceback.format_exception(caught.value))
            assert "407" in str(caught.value)
            assert "proxy" in str(caught.value)
            assert not [form for form in shown_forms(password) if form in said + caplog.text]


@pytest.mark.skipif(not has_socks, reason="socksio is not installed")
@pytest.mark.parametrize("password", PASSWORDS)
async def test_a_socks_proxys_password_opens_it_and_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, password: str
) -> None:
    caplog.set_level(logging.DEBUG)
    body = b'{"balance": 12.5}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with socks_proxy(answer, f"me:{password}".encode()) as (port, hosts):
        address = f"socks5://me:{PASSWORDS[password]}@127.0.0.1:{port}"
        for ask in (balance_of, fetch):
            monkeypatch.setenv("ALL_PROXY", address)
            assert await ask(OUTSIDE)
            for wrong in (address.replace("me:", "me:wrong-"), f"socks5://127.0.0.1:{port}"):
                monkeypatch.setenv("ALL_PROXY", wrong)
                with pytest.raises(GatewayError) as caught:
                    await ask(OUTSIDE)
                said = "".join(traceback.format_exception(caught.value))
                assert not [form for form in shown_forms(password) if form in said + caplog.text]
    assert hosts == [b"gateway.test"] * 2
