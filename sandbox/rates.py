"""The account's rate limit, over a rolling window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class RollingWindow:
    """Counts requests; those older than the window no longer count.

    Args:
        limit: requests that fit into `window` seconds.
        clock: seconds.
    """

    def __init__(self, limit: int, window: float, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._window = window
        self._clock = clock
        self._times: deque[float] = deque()

    def admit(self) -> bool:
        """Count one request and return True, if it fits."""
        now = self._clock()
        while self._times and self._times[0] <= now - self._window:
            self._times.popleft()
        if len(self._times) >= self.limit:
            return False
        self._times.append(now)
        return True

    @property
    def remaining(self) -> int:
        return self.limit - len(self._times)

    @property
    def reset(self) -> float:
        """Seconds until the oldest request leaves the window."""
        if not self._times:
            return 0.0
        return max(0.0, self._times[0] + self._window - self._clock())
