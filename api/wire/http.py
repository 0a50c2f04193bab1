"""HTTP clients, proxies and certificates, for the gateway's client and for the downloads."""

from __future__ import annotations

import functools
import importlib.util
import ipaddress
import logging
import os
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ..base.errors import SettingsError
from ..base.plain_text import hide
from .addresses import SCHEME, ambiguity, is_loopback, literal_address, without_secrets

HEADERS = {"User-Agent": "ComfyUI-AIgateway-Music", "Accept-Encoding": "identity"}
"""Sent with every request. A compressed body may hold a thousand times its size."""

_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
# The schemes of GNOME and of curl: with either, httpcore lets the proxy resolve the host.
_SOCKS_5 = ("socks", "socks5", "socks5h")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH, _CERT_NOT_YET_VALID and
# _CERT_HAS_EXPIRED.
_OTHER_HOST = (62, 64)
_OTHER_TIME = (9, 10)

PROXY_LOGIN = (
    "The proxy wants another user name and password (407): correct them in its address, such as "
    "http://user:password@proxy.example:3128, and restart ComfyUI."
)


# --- Clients ------------------------------------------------------------------------------------

_is_ours: ContextVar[bool] = ContextVar("aigateway_request", default=False)


def _is_of_others(record: logging.LogRecord) -> bool:
    return not _is_ours.get()


for _name in _LOGGERS:
    # Do not hide the log lines of other packs in this process.
    logging.getLogger(_name).addFilter(_is_of_others)


class QuietClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` whose requests appear in no log, and which keeps no cookies.

    httpx logs each address at the level INFO, which ComfyUI prints, and httpcore logs headers. An
    address of a file may be signed: a reader of such a line could load the file.

    The routes need no cookies, and a cookie with broken text would stop every later request.

    Args:
        options: the options of `httpx.AsyncClient`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())), **options)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        token = _is_ours.set(True)
        try:
            return await super().send(request, **options)
        finally:
            _is_ours.reset(token)


def options_for(url: str, limits: httpx.Limits | None = None) -> dict[str, Any]:
    """The options of an `httpx.AsyncClient` that asks the host of `url`.

    Raises:
        SettingsError: an environment variable about proxies or certificates is wrong.
    """
    # Check them now, before the ledger has a row for a request that cannot leave.
    proxy_for(url)
    context = ssl_context(for_loopback=is_loopback(url))
    return {
        "trust_env": False,
        "transport": EnvironmentTransport(context, limits or httpx.Limits()),
    }


def cause(error: Exception) -> str:
    """The message of an httpx error; the name of its type if it has no message."""
    return str(error) or type(error).__name__


def compression_of(headers: httpx.Headers) -> str:
    """How a server compressed a body that was asked for uncompressed; "" if it did not.

    RFC 9110, section 8.4.
    """
    names = (name.strip().lower() for name in headers.get("content-encoding", "").split(","))
    return ", ".join(name for name in names if name not in ("", "identity", "none"))[:40]


# --- Proxies ------------------------------------------------------------------------------------
#
# httpx reads the same variables itself. But a wrong one (GNOME's `socks://`, a NO_PROXY with
# `[::1]`) stops every client, even a client that only asks this machine.


class EnvironmentTransport(httpx.AsyncBaseTransport):
    """Sends each request directly or through its proxy; a redirect may lead to another one."""

    def __init__(self, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._context = context
        self._limits = limits
        self._transports: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(str(request.url))
        if proxy not in self._transports:
            self._transports[proxy] = httpx.AsyncHTTPTransport(
                verify=self._context, limits=self._limits, proxy=proxy
            )
        return await self._transports[proxy].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()


def proxy_for(url: str) -> str | None:
    """The address of the proxy for `url`, from the environment or the system.

    Returns:
        None for a direct connection. This machine's own servers always get one.

    Raises:
        SettingsError: the proxy cannot be used. The message names the variable.
    """
    if is_loopback(url):
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    kind = next((kind for kind in (parts.scheme, "all") if proxies.get(kind)), None)
    if kind is None or proxy_bypass(host) or _is_excepted(host, proxies.get("no", "")):
        return None
    return _usable(proxies[kind].strip(), kind)


def _is_excepted(host: str, exceptions: str) -> bool:
    """Whether NO_PROXY holds the IP address `host`, alone or in a network such as 10.0.0.0/8."""
    address = literal_address(host)
    if address is None:
        return False
    for entry in exceptions.split(","):
        try:
            network = ipaddress.ip_network(entry.strip().strip("[]"), strict=False)
        except ValueError:
            continue
        if address in network:
            return True
    return False


def _usable(proxy: str, kind: str) -> str:
    address = proxy if SCHEME.match(proxy) else f"http://{proxy}"
    if how := ambiguity(address):
        raise SettingsError(f"{_source(kind)} {how}")
    scheme, _, rest = address.partition("://")
    scheme = scheme.lower()
    is_socks = scheme in _SOCKS_5
    address = f"{'socks5' if is_socks else scheme}://{rest}"
    named = f"{_source(kind)} names the proxy {without_secrets(proxy)}"
    if not is_socks and scheme not in ("http", "https"):
        raise SettingsError(
            f"{named}, and proxies of the kind {scheme}:// are not supported: set the address of "
            "an HTTP or SOCKS 5 proxy, or remove it, and restart ComfyUI. Nothing was sent."
        )
    parsed = _parsed(address)
    if parsed is None:
        raise SettingsError(
            f"{named}, which is not an address: correct it, or remove it, and restart ComfyUI. "
            "Nothing was sent."
        )
    if is_socks and importlib.util.find_spec("socksio") is None:
        raise SettingsError(
            f"{named}, and the package socksio for SOCKS proxies is not installed: install it "
            "into ComfyUI's Python (pip install socksio), or remove the variable, and restart "
            "ComfyUI. Nothing was sent."
        )
    if parsed.raw_auth is not None:
        # The proxy's own page may quote the header that holds them.
        hide(b":".join(parsed.raw_auth).decode("utf-8", "replace"), "…")
        hide(parsed.raw_auth[1].decode("utf-8", "replace"), "…")
    return address


def _parsed(address: str) -> httpx.Proxy | None:
    try:
        proxy = httpx.Proxy(address)
    except (httpx.InvalidURL, ValueError):
        return None
    return proxy if proxy.url.host else None


def _source(kind: str) -> str:
    """The variable that sets the proxy. Small letters come first, as in `getproxies`."""
    small = f"{kind}_proxy"
    for name in (small, small.upper()):
        if os.environ.get(name):
            return f"The environment variable {name}"
    return "The system's setting"


# --- Certificates -------------------------------------------------------------------------------


def ssl_context(*, for_loopback: bool) -> ssl.SSLContext:
    """The trusted certificates: from certifi, or from the files that the environment names.

    All clients share one context: a new context takes about 40 ms.

    Args:
        for_loopback: for this machine's own servers, which need no certificates: use certifi's if
            the variables name none.

    Raises:
        SettingsError: a variable names a file without certificates. The message names the variable.
    """
    try:
        return _context(*(os.environ.get(name, "") for name in _CERTIFICATE_VARIABLES))
    except SettingsError:
        if not for_loopback:
            raise
        return _context("", "")


def certificate_fault(error: BaseException | None, host: str) -> str:
    """The sentence about the certificate of `host` that caused `error`; "" for another cause."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _sentence(error.verify_code, host, error.verify_message.rstrip("."))
        error = error.__cause__ or error.__context__
    return ""


def _sentence(code: int, host: str, reason: str) -> str:
    if code in _OTHER_HOST:
        return (
            f"The server at {host} has the certificate of another host ({reason}): check the "
            "address. A router or a login page of the network may answer in the server's place."
        )
    if code in _OTHER_TIME:
        return (
            f"The certificate of {host} has expired, or its time has not come ({reason}): check "
            "the clock of this machine."
        )
    named = next((name for name in _CERTIFICATE_VARIABLES if os.environ.get(name)), "")
    by = f" that {named} names" if named else ""
    return (
        f"The certificate of {host} is not signed by any of the certificates{by} ({reason}). "
        "Where a company's proxy or virus scanner opens connections, set the environment variable "
        "SSL_CERT_FILE to a file with its certificate (PEM), and restart ComfyUI."
    )


@functools.lru_cache(maxsize=4)
def _context(file: str, folders: str) -> ssl.SSLContext:
    if file:
        return _read("SSL_CERT_FILE", file, lambda: ssl.create_default_context(cafile=file))
    if folders:
        if not any(os.path.isdir(folder) for folder in folders.split(os.pathsep)):
            raise _wrong("SSL_CERT_DIR", folders, "there is no such folder")
        return _read("SSL_CERT_DIR", folders, lambda: ssl.create_default_context(capath=folders))
    return httpx.create_ssl_context(trust_env=False)


def _read(name: str, value: str, read: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    try:
        return read()
    except (OSError, ValueError) as error:
        raise _wrong(name, value, str(error) or type(error).__name__) from error


def _wrong(name: str, value: str, reason: str) -> SettingsError:
    return SettingsError(
        f"The environment variable {name} is “{value}”, and no certificates can be read there "
        f"({reason}): correct it, or remove it, and restart ComfyUI. Nothing was sent."
    )
