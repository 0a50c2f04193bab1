"""Cards: words in a prompt that ask the sandbox for a fault, like a payment provider's test cards.

A prompt may have several, for example `calm piano sandbox:503=2 sandbox:expire`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

_SUBMIT = "400 401 402 budget 403 404 429 500 503 502 504 drop html long noid listed"
_JOB = "queue slow fail fail-nth cancelled unknown same format short transcript"
_POLLS = "poll-404 poll-429 poll-500 poll-503 poll-html poll-drop nofile"
_FILE = "expire gone cut no-range media-500 page truncated endless"
CARDS = frozenset(f"{_SUBMIT} {_JOB} {_POLLS} {_FILE}".split())
"""The names of the cards: faults of the submit, of the job, of its polls and of its file."""

_PATTERN = re.compile(r"sandbox:([a-z0-9-]+)(?:=([a-z]+|[0-9.]+))?")


class Cards(NamedTuple):
    """The cards of one prompt and their values."""

    values: dict[str, str]

    @classmethod
    def of(cls, prompt: str) -> Cards:
        """The cards of a prompt. Unknown ones are ignored."""
        found = {name: value for name, value in _PATTERN.findall(prompt.lower()) if name in CARDS}
        return cls(found)

    def has(self, name: str) -> bool:
        return name in self.values

    def number(self, name: str, default: float) -> float:
        """The value of a card as a number; `default` if it has no value."""
        try:
            return float(self.values[name])
        except (KeyError, ValueError):
            return default


_MOST_USES = 10_000


class Tally:
    """Counts the uses of each card. Some cards apply only to the first N requests."""

    def __init__(self) -> None:
        self._used: Counter[tuple[int, str]] = Counter()

    def strikes(self, cards: Cards, name: str, scope: str) -> bool:
        """Whether the card applies to this use. Uses are counted for each job id or request key."""
        if not cards.has(name):
            return False
        if len(self._used) > _MOST_USES:
            self._used.clear()
        # A scope may be a long prompt.
        use = hash(scope), name
        self._used[use] += 1
        return self._used[use] <= cards.number(name, 1)
