"""Cards: words in a prompt that ask the sandbox for a fault, like a payment provider's test cards.

A prompt may have several, for example `calm piano sandbox:503=2 sandbox:expire`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

CARDS = {
    # The submit
    "400": "the submit is refused as malformed",
    "401": "the key is not accepted",
    "402": "the account has too little credit",
    "budget": "the monthly budget of the key is used up",
    "403": "the key is not allowed to use the model",
    "404": "the model is not known",
    "429": "the first N submits (1) are one too many; Retry-After says one second",
    "500": "the first N submits (1) hit a fault, and nothing is created",
    "503": "the first N submits (1) find the gateway closed, and nothing is created",
    "502": "the first N submits (1) are created and charged, and answered with 502",
    "504": "the first N submits (1) are created and charged, and answered with 504",
    "drop": "the first N submits (1) are created and charged, and the connection is dropped",
    "html": "the first N submits (1) are created and charged, and answered with a web page",
    "noid": "the first N submits (1) are created and charged, and answered without an id",
    "listed": "the gateway lists its charge at once: try it with `sandbox:drop`",
    # The job
    "queue": "the job waits N seconds (60) in the queue",
    "slow": "the job runs N seconds (60)",
    "fail": "the job fails; `fail=plain` gives the reason as a plain string",
    "fail-nth": "the Nth job (2) of the prompt fails, and no other",
    "cancelled": "the job is cancelled by somebody else",
    "unknown": "the job reports a status that no document names while it runs",
    "same": "every take of the request is the same file",
    "format": "the file has the other format than was asked for",
    "short": "the music is shorter than what was asked for, as some models do",
    # The polls
    "poll-404": "the first N polls (1) do not know the job yet",
    "poll-429": "the first N polls (1) are one too many",
    "poll-500": "the first N polls (1) hit a fault",
    "poll-503": "the first N polls (1) find the gateway closed",
    "poll-html": "the first N polls (1) are answered with a web page",
    "poll-drop": "the first N polls (1) are dropped",
    "nofile": "the first N polls (1) of a completed job name no file",
    # The file
    "expire": "the first address of the file has expired when it is read",
    "gone": "the file is not there any more",
    "cut": "the first N downloads (1) break off half-way",
    "no-range": "the file's server knows no ranges",
    "media-500": "the first N downloads (1) hit a fault",
    "page": "the file's server sends a web page instead of audio",
    "truncated": "the file itself ends half-way",
    "endless": "the file never ends and has no length",
}

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
        """The value of a card as a number; `default` where it has none."""
        try:
            return float(self.values[name])
        except (KeyError, ValueError):
            return default


_MOST_USES = 10_000


class Tally:
    """Counts how often each card was used: some hold for the first N times."""

    def __init__(self) -> None:
        self._used: Counter[tuple[int, str]] = Counter()

    def strikes(self, cards: Cards, name: str, scope: str) -> bool:
        """Whether the card holds this time. Counts by `scope`: a job id, or a request's key."""
        if not cards.has(name):
            return False
        if len(self._used) > _MOST_USES:
            self._used.clear()
        # A scope may be a prompt, which may be long.
        use = hash(scope), name
        self._used[use] += 1
        return self._used[use] <= cards.number(name, 1)
