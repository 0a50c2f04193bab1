"""The API key: a secret that only `reveal()` shows."""

from __future__ import annotations

import re

from ..hidden import hide
from ..secret import Secret

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


class ApiKey(Secret):
    """An API key. From the first one on, its value is kept out of every text (`api.hidden`)."""

    __slots__ = ()

    def __init__(self, value: str, source: str) -> None:
        super().__init__(value, source)
        hide(value, self.hint)

    @property
    def hint(self) -> str:
        """The last four characters: enough to tell two keys apart."""
        return f"…{self._value[-4:]}" if len(self._value) >= 12 else "…"
