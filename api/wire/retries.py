"""What is being tried again, until when and how often: so that no wait is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .retry_after import moment_in


class Retry(NamedTuple):
    """A request that failed and will be sent again.

    Attributes:
        error: the type of its last error.
        times: the number of the try to come; the first one was 1.
        until: when it comes, seconds of the clock.
    """

    error: str
    times: int
    until: float


class Retries:
    """The requests of one key that are being tried again, by what they are about.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, Retry] = {}

    def note(self, about: str, error: Exception, wait: float) -> None:
        """Note that the request will be sent again after `wait` seconds."""
        times = self._open[about].times + 1 if about in self._open else 2
        self._open[about] = Retry(type(error).__name__, times, self._clock() + wait)

    def clear(self, about: str) -> None:
        """Note that the request was answered, or was given up."""
        self._open.pop(about, None)

    def of(self, about: str) -> tuple[str, int, str] | None:
        """The error's type, the number of the try to come, and its time of day; None: no retry."""
        retry = self._open.get(about)
        if retry is None:
            return None
        return retry.error, retry.times, moment_in(max(0.0, retry.until - self._clock()))
