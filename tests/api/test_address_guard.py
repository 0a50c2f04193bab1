"""What a download may reach. No address is tried: resolver and connection are the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ...api.base.errors import AddressError, DownloadError, InputError, SettingsError
from ...api.base.timing import Timing
from ...api.wire.addresses import NO_HOSTS, AllowedHosts, IPAddress, literal_address
from ...api.wire.arriving_file import ArrivingFile
from ...api.wire.download import FileAddress, checked_url, download
from ...api.wire.guard import AddressGuard, GuardedTransport, is_public

PUBLIC = "93.184.215.14"
FAST = Timing(file_backoff=0.001)

LOOPBACK = ["127.0.0.1", "127.8.9.1", "[::1]", "localhost", "a.localhost"]
NETWORK = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "169.254.169.254", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "168.63.129.16"),
    *("[::]", "[fe80::1]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[100::1]"),
    *("[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[2001:10::1]"),
]
IPV4_INSIDE = [
    *("[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::1]", "[2002:7f00:1::1]"),
    *("[2002:a00:1::]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2a00::5efe:7f00:1]"),
    "[2a00::200:5efe:a00:1]",
]
ODD = [
    *("2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1"),
    *(
        "127.0.0.1.",
        "localhost.",
        "example.com.",
        "8.8.8.8.",
        "134744072",
        "0x08.8.8.8",
        "8.8.2056",
    ),
    *("127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "example。com", "１２７.0.0.1", "⑫7.0.0.1"),  # noqa: RUF001
    *("127.0.0.1%2e", "127%2e0%2e0%2e1", "exa mple.com", "example..com", "-x.example.com"),
    *("[fe80::1%25eth0]", "[::ffff:7f00:1]", "0", "1.2.3.4.5", "999.1.1.1", "1.2.3.0x4"),
]
LOCAL_NAMES = [
    *("router", "nas.local", "printer.lan", "metadata.google.internal", "x.home.arpa", "pc.home"),
    *("wiki.corp", "LOCALHOST", "Router.LAN", "site.test", "1.0.0.127.in-addr.arpa"),
]


def music() -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(b"music"))


class World:
    """A resolver and a network that record what would have been reached, and reach nothing."""

    def __init__(
        self,
        names: dict[str, list[str]] | None = None,
        answer: Callable[[httpx.Request], httpx.Response] | None = None,
    ) -> None:
        self.names = {"music.example": [PUBLIC], **(names or {})}
        self.asked: list[str] = []
        self.requests: list[httpx.Request] = []
        self.proxies: list[str | None] = []
        self._answer = answer or (lambda request: music())

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]

    def connect(self, proxy: str | None, *, for_loopback: bool) -> httpx.AsyncBaseTransport:
        self.proxies.append(proxy)

        def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return self._answer(request)

        return httpx.MockTransport(handle)

    @property
    def reached(self) -> list[str]:
        return [request.url.host for request in self.requests]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def load(
    world: World,
    url: str,
    own: tuple[str, ...] = (),
    allowed: AllowedHosts = NO_HOSTS,
    only: AllowedHosts = NO_HOSTS,
) -> bytes:
    guard = AddressGuard(own, allowed, world.resolve, world.connect, only)
    into = ArrivingFile(10**6)
    asyncio.run(download(FileAddress(checked_url(url)), into, FAST, guard=guard))
    return bytes(into.content())


@pytest.mark.parametrize("host", [*LOOPBACK, *NETWORK, *IPV4_INSIDE, *ODD, *LOCAL_NAMES])
def test_nothing_is_asked_or_reached_for_an_address_that_is_not_public(host: str) -> None:
    for scheme, port in (("http", ""), ("https", ":8443")):
        world = World()
        with pytest.raises((AddressError, InputError)) as caught:
            load(world, f"{scheme}://{host}{port}/secret")
        assert (world.asked, world.requests) == ([], [])
        assert "allow_hosts" in str(caught.value) or "not a web address" in str(caught.value)


@pytest.mark.parametrize("host", [*LOOPBACK, *NETWORK, *IPV4_INSIDE])
@pytest.mark.parametrize("others", [[], [PUBLIC]])
def test_a_public_name_does_not_lead_into_the_network(host: str, others: list[str]) -> None:
    if literal_address(host.strip("[]")) is None:
        return
    world = World({"evil.example": [*others, host.strip("[]")]})
    with pytest.raises(AddressError, match="allow_hosts"):
        load(world, "http://evil.example/secret")
    assert world.requests == []


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://music.example/a",
            "file:///etc/passwd",
            "gopher://music.example/",
            "//music.example",
        ),
        *("http://", "http:///a", "http://music.example:port/", "http://music.example:99999/"),
        *("javascript:alert(1)", "data:audio/wav;base64,AAAA", "http://[::1", "unix:///run/x.sock"),
    ],
)
def test_only_web_addresses_are_taken(url: str) -> None:
    world = World()
    with pytest.raises(InputError, match="not a web address"):
        load(world, url)
    assert world.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@music.example/",
        "http://user@music.example/",
        "http://127.0.0.1@music.example/",
        "http://music.example\\@127.0.0.1/",
        "http://music.example\\.evil.example/",
    ],
)
def test_user_names_and_two_readings_are_refused(url: str) -> None:
    world = World()
    with pytest.raises((AddressError, InputError)):
        load(world, url)
    assert world.requests == []


def test_a_name_is_resolved_once_and_the_judged_address_is_connected_to() -> None:
    world = World()
    assert load(world, "https://music.example:8443/track?x=1") == b"music"
    assert world.asked == ["music.example"]
    (request,) = world.requests
    assert str(request.url) == f"https://{PUBLIC}:8443/track?x=1"
    assert request.headers["Host"] == "music.example:8443"
    assert request.extensions["sni_hostname"] == "music.example"
    assert "Authorization" not in request.headers


def test_a_name_that_changes_after_the_check_changes_nothing() -> None:
    world = World()
    rebound = iter([[PUBLIC], ["127.0.0.1"]])

    async def resolve(host: str, port: int) -> list[str]:
        return next(rebound)

    world.resolve = resolve  # type: ignore[method-assign]
    assert load(world, "http://music.example/") == b"music"
    assert world.reached == [PUBLIC]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        *("http://127.0.0.1/", "http://rebound.example/", "http://2130706433/", "http://[::1]/"),
        *("//10.0.0.1/", "http://user@music.example/", "file:///etc/passwd", "http://router/"),
    ],
)
def test_each_redirect_is_judged(status: int, target: str) -> None:
    world = World(
        {"rebound.example": ["192.168.1.1"]},
        lambda request: httpx.Response(status, headers={"Location": target}),
    )
    with pytest.raises(DownloadError):
        load(world, "http://music.example/")
    assert set(world.reached) == {PUBLIC}


def test_five_redirects_are_followed_and_a_sixth_is_not() -> None:
    def hops(count: int) -> World:
        def answer(request: httpx.Request) -> httpx.Response:
            hop = int(request.url.path.strip("/") or 0)
            if hop == count:
                return music()
            return httpx.Response(302, headers={"Location": f"/{hop + 1}"})

        return World(answer=answer)

    assert load(hops(5), "http://music.example/0") == b"music"
    world = hops(6)
    with pytest.raises(DownloadError, match="more than 5 times"):
        load(world, "http://music.example/0")
    assert len(world.requests) == 6


def test_an_open_and_a_closed_port_are_refused_alike() -> None:
    said = set()
    for port in (1, 22, 8188, 65535):
        with pytest.raises(AddressError) as caught:
            load(World(), f"http://10.0.0.1:{port}/")
        said.add(str(caught.value))
    assert len(said) == 1


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host != PUBLIC:
            raise httpx.ConnectError("unreachable")
        return music()

    world = World({"two.example": ["2606:2800:21f:cb07::1", PUBLIC]}, answer)
    assert load(world, "http://two.example/") == b"music"
    assert world.reached == ["2606:2800:21f:cb07::1", PUBLIC]


def test_the_gateways_own_origin_is_reached_and_its_other_ports_are_not() -> None:
    own = ("http://127.0.0.1:5000/v1", "https://files.lan/x")
    assert load(World(), "http://127.0.0.1:5000/media/1", own=own) == b"music"
    inside = World({"files.lan": ["10.0.0.2"]})
    assert load(inside, "https://files.lan/1", own=own) == b"music"
    assert inside.reached == ["10.0.0.2"]
    for url in ("http://127.0.0.1:5001/", "https://127.0.0.1:5000/", "http://files.lan/"):
        with pytest.raises(AddressError):
            load(World(inside.names), url, own=own)


def test_allow_hosts_opens_names_addresses_and_networks() -> None:
    allowed = AllowedHosts.parse(" NAS.lan, 192.168.7.0/24,fd00::/8 , ::1,")
    names = {"nas.lan": ["10.0.0.9"], "seven.example": ["192.168.7.1"], "ten.example": ["10.0.0.9"]}
    for host in ("nas.lan", "NAS.LAN", "192.168.7.200", "[fd00::5]", "[::1]", "seven.example"):
        assert load(World(names), f"http://{host}/", allowed=allowed) == b"music"
    for host in ("ten.example", "192.168.8.1", "127.0.0.1", "x.nas.lan", "3232237313"):
        with pytest.raises((AddressError, InputError)):
            load(World(names), f"http://{host}/", allowed=allowed)


@pytest.mark.parametrize("entry", ["http://nas", "10.0.0.0/33", "*", "nas/24", "127.1", "a b"])
def test_a_wrong_entry_of_allow_hosts_is_named(entry: str) -> None:
    with pytest.raises(SettingsError, match="allow_hosts"):
        AllowedHosts.parse(f"nas.lan, {entry}")


def test_behind_a_proxy_the_name_is_judged_and_the_proxy_resolves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "proxy.lan:3128")
    world = World()
    assert load(world, "http://music.example/") == b"music"
    assert (world.asked, world.proxies, world.reached) == (
        [],
        ["http://proxy.lan:3128"],
        ["music.example"],
    )
    for host in ("10.0.0.1", "localhost", "router", "2130706433"):
        with pytest.raises((AddressError, InputError)):
            load(World(), f"http://{host}/")


@pytest.mark.slow
@given(st.ip_addresses())
def test_no_address_that_python_calls_special_is_public(address: IPAddress) -> None:
    special = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
    if special and not str(address).startswith("64:ff9b::"):
        assert not is_public(address)


async def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]
    made += ["/CN=music.example", "-addext", "subjectAltName=DNS:music.example"]
    made += ["-keyout", str(key), "-out", str(certificate)]
    try:
        await asyncio.to_thread(subprocess.run, made, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl to make a certificate with")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmusic")
            await writer.drain()
        writer.close()

    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    guard = AddressGuard(allowed=AllowedHosts.parse("127.0.0.0/8"), resolve=here)
    async with server, httpx.AsyncClient(transport=GuardedTransport(guard, FAST)) as client:
        assert (await client.get(f"https://music.example:{port}/")).content == b"music"
        with pytest.raises(httpx.ConnectError, match=r"(?i)certificate"):
            await client.get(f"https://other.example:{port}/")
