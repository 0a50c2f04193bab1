"""Addresses as people type them: odd hosts, and secrets that must not show."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest

from ...api.base.errors import InputError, SettingsError
from ...api.farm.shared_addresses import LedgerUrl, StoreUrl
from ...api.wire.addresses import is_loopback, normalized_base_url, split_address, without_secrets
from ...api.wire.download import checked_url
from ...api.wire.http import proxy_for

ODD = [
    "http://.x/",
    "http://x..y/a.mp3",
    f"http://{'a' * 64}.com/a.mp3",
    f"http://{'a.' * 127}com/",
    f"http://{'日' * 64}.jp/",
    "http://a\nb.com/a.mp3",
    "http://a.com/a\r\nHost: b/",
    "http://1.2.3.999/",
    "http://256.1.1.1/a.mp3",
    "http://[::1/",
    "http://[::zz]/a.mp3",
    "http://a b/a.mp3",
    "http://a%zz/",
    "http://a.com:99999/",
    "http://a.com:port/",
    "http://\ud800.com/",
    "http:///a.mp3",
    "ftp://a.com/a.mp3",
    "//a.com/a.mp3",
]
GOOD = [
    "http://a.com/a b.mp3",
    "https://straße.de/ü.mp3?x=1",
    "http://日本.jp/",
    "http://my_host:8080/",
    "http://[::1]:8188/a",
    "http://127.0.0.1/",
    f"http://{'a' * 63}.com./",
]


@pytest.mark.parametrize("url", ODD)
def test_an_odd_host_is_one_sentence_for_a_file_and_for_a_gateway(url: str) -> None:
    with pytest.raises(InputError, match="web address"):
        checked_url(url)
    with pytest.raises(InputError, match="is expected"):
        normalized_base_url(url)


@pytest.mark.parametrize("url", GOOD)
def test_a_good_address_is_taken_as_it_is(url: str) -> None:
    assert checked_url(f" {url} ") == url
    assert split_address(url) is not None


@pytest.mark.parametrize(
    "user", ["user:hunter2", "hunter2", "u:p@hunter2", "u:hunter2/x", "u:%68unter2?hunter2"]
)
@pytest.mark.parametrize("host", ["gateway.example", "127.0.0.1:8188", ".x"])
def test_no_sentence_shows_a_password(user: str, host: str) -> None:
    with pytest.raises(InputError) as caught:
        normalized_base_url(f"https://{user}@{host}/v1")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        checked_url(f"ftp://{user}@{host}/v1")
    assert "hunter2" not in str(caught.value)
    assert without_secrets(f"https://{user}@{host}/v1") == f"https://{host}/v1"


@pytest.mark.parametrize("tail", ["?token=secret", "#secret", "/v1?key=secret"])
def test_a_base_url_has_nothing_behind_its_path(tail: str) -> None:
    with pytest.raises(InputError, match="remove all from") as caught:
        normalized_base_url(f"https://gateway.example{tail}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:5/", True),
        ("http://127.8.9.1/", True),
        ("http://[::1]:5/", True),
        ("http://localhost/", True),
        ("http://127.evil.example/", False),
        ("http://localhost.evil.example/", False),
        ("http://[::1/", False),
        ("https://gateway.example/", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def proxy(address: str) -> str | None:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
            patched.delenv(name, raising=False)
        patched.setenv("https_proxy", address)
        return proxy_for("https://gateway.example/v1")


DOORS: dict[str, tuple[Callable[[str], object], str]] = {
    "base_url": (normalized_base_url, "https://{}@gateway.example/v1"),
    "an HTTP proxy": (proxy, "http://{}@proxy.example:3128"),
    "a proxy without its scheme": (proxy, "{}@proxy.example:3128"),
    "ledger_url": (lambda url: LedgerUrl(url, "a test"), "postgresql://{}@db.example/music"),
    "ledger_url with options": (
        lambda url: LedgerUrl(url, "a test"),
        "postgresql://{}@db.example:5433/music?sslmode=require",
    ),
    "store_url": (lambda url: StoreUrl(url, "a test"), "s3://{}@bucket/folder"),
}
# A program may end the password, or the host, at each of these signs, or refuse to read it.
SIGNS = ["@", "/", "?", "#", "\\", "%", "%zz", " ", "\t", "[", "]", "@/", "/@", "?@#", "://", "%00"]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("door", DOORS)
def test_a_password_that_two_programs_read_differently_is_refused_and_shown_nowhere(
    door: str, sign: str
) -> None:
    read, address = DOORS[door]
    for user in (f"me:sesame{sign}hunter2", f"me{sign}sesame:hunter2", f"me:{sign}sesame{sign}"):
        with pytest.raises((InputError, SettingsError)) as caught:
            read(address.format(user))
        assert not re.search("sesame|hunter2", str(caught.value)), str(caught.value)


@pytest.mark.parametrize("sign", [sign for sign in SIGNS if sign != "%00"])
@pytest.mark.parametrize("door", [door for door in DOORS if "proxy" in door or "ledger" in door])
def test_the_same_password_is_taken_once_it_is_written_as_the_sentence_says(
    door: str, sign: str
) -> None:
    read, address = DOORS[door]
    with pytest.raises(SettingsError, match="%40"):
        read(address.format(f"me:sesame{sign}hunter2"))
    assert read(address.format(quote(f"me:sesame{sign}hunter2", safe=":")))


@pytest.mark.parametrize(
    "text",
    [
        *("https://me:hunter2", "me:hunter2", "https://me:hunter2/path", "me:hun://hunter2"),
        *("https://host/?key=hunter2", "https://host/#hunter2", "hunter2@host"),
        *("https://a@host/b:hunter2@host", "https://me:hunter2@[::zz", "://me:hunter2@host"),
    ],
)
def test_no_sentence_shows_what_may_be_a_secret(text: str) -> None:
    for read, given in (
        (normalized_base_url, text),
        (checked_url, f"ftp:{text.partition(':')[2]}"),
        (proxy, text),
    ):
        said = ""
        try:
            read(given)
        except (InputError, SettingsError) as error:
            said = str(error)
        assert "hunter2" not in said
    assert "hunter2" not in without_secrets(text)


@pytest.mark.parametrize(
    "option",
    [
        *("password=sesame+1", "password=sesame%2B1", "sslpassword=sesame%20+1"),
        "user=me&password=s%C3%A9",
    ],
)
def test_a_drivers_message_about_an_option_shows_no_password(option: str) -> None:
    url = LedgerUrl(f"postgresql://db.example/music?{option}", "a test")
    written = option.rpartition("=")[2]
    # The driver decodes percent signs, and no plus signs.
    for quoted in (written, unquote(written)):
        assert url.hide_in(f'invalid value "{quoted}"') == 'invalid value "…"'
