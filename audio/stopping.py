"""Work that can be stopped: its loops check a token before each block, frame, packet or row."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 - an end that was asked for, not a failure
    """The work was stopped."""

    __module__ = "aigateway"


class Stop:
    """A token that stops work. It is safe to use from any thread.

    >>> stop = Stop()
    >>> stop.run(lambda: list(looked(range(3))))
    [0, 1, 2]
    >>> stop.set()
    >>> stop.run(lambda: list(looked(range(3))))
    Traceback (most recent call last):
    aigateway.Stopped
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Stop the work: its next check of the token raises Stopped."""
        self._event.set()

    def look(self) -> None:
        """Raises Stopped once the token is set."""
        if self.is_set:
            raise Stopped

    def run(self, work: Callable[[], T]) -> T:
        """Do `work` in this thread. It checks this token."""

        def begin() -> T:
            _stop.set(self)
            return work()

        return contextvars.copy_context().run(begin)


_stop: contextvars.ContextVar[Stop | None] = contextvars.ContextVar("aigateway_stop", default=None)


def look() -> None:
    """Raises Stopped if the token of the running work is set. Work without a token goes on."""
    stop = _stop.get()
    if stop is not None:
        stop.look()


def is_stopped() -> bool:
    """Whether the token of the running work is set, for callbacks that must not raise."""
    stop = _stop.get()
    return stop is not None and stop.is_set


def looked(items: Iterable[T]) -> Iterator[T]:
    """`items`, with a check of the token before each item."""
    for item in items:
        look()
        yield item


def shared(work: Callable[..., T]) -> Callable[..., T]:
    """`work` for another thread, in which it checks the token of this thread."""
    context = contextvars.copy_context()
    return lambda *values: context.copy().run(work, *values)
