"""Every waiting time of the client in one place, so that all of them can be compressed together."""

from __future__ import annotations

from typing import NamedTuple


class Timing(NamedTuple):
    """Times in seconds.

    `poll_floor`, `rate_window` and `rate_limit` are the gateway's documented rules (a job at most
    every 3 s; requests a minute over a rolling 60 s window, 10 on a free account).
    """

    poll_floor: float = 3.0
    rate_window: float = 60.0
    rate_limit: int = 10
    first_poll: float = 12.0
    backoff: float = 1.0
    backoff_max: float = 30.0
    submit_patience: float = 120.0
    blip_patience: float = 600.0
    not_found_grace: float = 30.0
    queue_limit: float = 3600.0
    answer_timeout: float = 60.0

    def scaled(self, factor: float) -> Timing:
        """All times multiplied by `factor`; the answer's time-out stays, being about real I/O."""
        scaled = {
            name: value * factor
            for name, value in self._asdict().items()
            if name not in ("rate_limit", "answer_timeout")
        }
        return self._replace(**scaled)
