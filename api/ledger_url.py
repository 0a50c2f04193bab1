"""The address of a ledger that many machines share: a secret, because it holds a password."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from .errors import SettingsError
from .secret import Secret
from .wire.addresses import ambiguity

SCHEMES = ("postgresql", "postgres")
_HIDDEN = "…"


class LedgerUrl(Secret):
    """`postgresql://user:password@host/database?sslmode=require`, which only `reveal()` shows.

    Attributes:
        place: the server and the database, for people.

    Raises:
        SettingsError: the text is no such address. The message does not hold it.
    """

    __slots__ = ("_secrets", "place")

    def __init__(self, value: str, source: str) -> None:
        super().__init__(value, source)
        if how := ambiguity(value):
            raise SettingsError(f"The ledger_url from {source} {how}")
        try:
            parts = urlsplit(value)
            host, port = parts.hostname, parts.port
            password = parts.password or ""
            options = dict(parse_qsl(parts.query, keep_blank_values=True))
        except ValueError:
            raise _wrong(source) from None
        if parts.scheme not in SCHEMES or not (host or options.get("host")):
            raise _wrong(source)
        shown = host or options["host"]
        self.place = f"{shown}{f':{port}' if port else ''}{unquote(parts.path)}"
        words = {value, password, unquote(password), options.get("password", "")}
        self._secrets = sorted(filter(None, words), key=len, reverse=True)

    def hide_in(self, text: str) -> str:
        """`text` without the address and the password: some messages of the driver quote them."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def _wrong(source: str) -> SettingsError:
    return SettingsError(
        f"The ledger_url from {source} is no address of a PostgreSQL database: set one like "
        "postgresql://user:password@host/database?sslmode=require."
    )
