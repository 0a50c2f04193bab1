"""The address of a ledger that many machines share: a secret, because it holds a password."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .errors import SettingsError

SCHEMES = ("postgresql", "postgres")
_HIDDEN = "…"


class LedgerUrl:
    """`postgresql://user:password@host/database?sslmode=require`, which only `reveal()` shows.

    Attributes:
        source: where the address was read from, for people.
        place: the server and the database, for people.

    Raises:
        SettingsError: the text is no such address. The message does not hold it.
    """

    __slots__ = ("_secrets", "_value", "place", "source")

    def __init__(self, value: str, source: str) -> None:
        self._value = value
        self.source = source
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

    def reveal(self) -> str:
        return self._value

    @property
    def digest(self) -> str:
        """The same for the same address; nobody can read the address from it."""
        return hashlib.sha256(self._value.encode()).hexdigest()[:16]

    def hide_in(self, text: str) -> str:
        """`text` without the address and the password: some messages of the driver quote them."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LedgerUrl) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "LedgerUrl(hidden)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("The address of a ledger is never copied or written anywhere.")


def _wrong(source: str) -> SettingsError:
    return SettingsError(
        f"The ledger_url from {source} is no address of a PostgreSQL database: set one like "
        "postgresql://user:password@host/database?sslmode=require."
    )
