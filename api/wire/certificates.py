"""The trusted certificates: those of certifi, or those that the environment names."""

from __future__ import annotations

import functools
import os
import ssl

import httpx

from ..errors import SettingsError

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def ssl_context(*, for_loopback: bool) -> ssl.SSLContext:
    """One context for all clients: a new one takes about forty milliseconds.

    Args:
        for_loopback: this machine needs no certificates, so it does not mind variables that name
            none; certifi's are used then.

    Raises:
        SettingsError: a variable names no certificates. The message names it.
    """
    try:
        return _context(*(os.environ.get(name, "") for name in _VARIABLES))
    except SettingsError:
        if not for_loopback:
            raise
        return _context("", "")


def is_untrusted(error: BaseException | None) -> bool:
    """Whether `error` comes of a certificate that is not trusted."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def untrusted(host: str, reason: str) -> str:
    """The sentence for a certificate of `host` that is not trusted."""
    by = next((f" that {name} names" for name in _VARIABLES if os.environ.get(name)), "")
    return (
        f"The certificate of {host} is not signed by any of the certificates{by} ({reason}). "
        "Where a company's proxy or virus scanner opens connections, set the environment variable "
        "SSL_CERT_FILE to a file with its certificate (PEM), and restart ComfyUI."
    )


@functools.lru_cache(maxsize=4)
def _context(file: str, folders: str) -> ssl.SSLContext:
    if file:
        return _from("SSL_CERT_FILE", file, lambda: ssl.create_default_context(cafile=file))
    if folders:
        if not any(os.path.isdir(folder) for folder in folders.split(os.pathsep)):
            raise _wrong("SSL_CERT_DIR", folders, "there is no such folder")
        return _from("SSL_CERT_DIR", folders, lambda: ssl.create_default_context(capath=folders))
    return httpx.create_ssl_context(trust_env=False)


def _from(name: str, value: str, make) -> ssl.SSLContext:  # type: ignore[no-untyped-def]
    try:
        return make()
    except (OSError, ValueError) as error:
        raise _wrong(name, value, str(error) or type(error).__name__) from error


def _wrong(name: str, value: str, reason: str) -> SettingsError:
    return SettingsError(
        f"The environment variable {name} is “{value}”, and no certificates can be read there "
        f"({reason}): correct it, or remove it, and restart ComfyUI. Nothing was sent."
    )
