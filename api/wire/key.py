"""The API key: a secret that only `reveal()` shows."""

from __future__ import annotations

import hashlib
import re
from typing import Any

# Blanks, quotes and the byte order mark: what editors, shells and web pages leave around a key.
_AROUND = " \t\r\n\"'`“”\u2018\u2019«»\ufeff\u200b"
_SCHEME = re.compile(r"(?:authorization\s*:\s*)?bearer(?:\s+|$)", re.IGNORECASE)


def bare_key(text: str) -> str:
    """The key in `text`, without quotes, blanks and `Bearer `."""
    key = text.strip(_AROUND)
    return _SCHEME.sub("", key, count=1).strip(_AROUND) if _SCHEME.match(key) else key


def is_sendable(key: str) -> bool:
    """Whether a header can hold the key: printable ASCII without blanks, and not empty."""
    return bool(key) and all("!" <= character <= "~" for character in key)


class ApiKey:
    """An API key.

    Attributes:
        source: where the key was read from, for people.
    """

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        self._value = value
        self.source = source

    def reveal(self) -> str:
        return self._value

    @property
    def hint(self) -> str:
        """The last four characters: enough to tell two keys apart."""
        return f"…{self._value[-4:]}" if len(self._value) >= 12 else "…"

    @property
    def digest(self) -> str:
        """The same for the same key; nobody can read the key from it."""
        return hashlib.sha256(self._value.encode()).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "ApiKey(hidden)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("An API key is never copied or written anywhere.")
