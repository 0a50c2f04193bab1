"""A secret: a text that is kept out of logs, errors and files."""

from __future__ import annotations

import hashlib
from typing import Any


class Secret:
    """A text that only `reveal()` shows.

    Attributes:
        source: the place that the text was read from, for people.
    """

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        self._value = value
        self.source = source

    def reveal(self) -> str:
        return self._value

    @property
    def digest(self) -> str:
        """A short SHA-256: equal for equal texts, and it does not show the text."""
        return hashlib.sha256(self._value.encode()).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.reveal() == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("A secret is never copied or written anywhere.")
