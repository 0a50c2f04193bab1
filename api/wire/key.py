"""The API key: a secret that is read by name only."""

from __future__ import annotations

from typing import Any


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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "ApiKey(hidden)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("An API key is never copied or written anywhere.")
