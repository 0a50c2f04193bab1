"""The sandbox's clock: seconds since 1970 that never jump, whatever the system's clock does."""

from __future__ import annotations

import time

_BEGAN = time.time() - time.monotonic()


def now() -> float:
    return _BEGAN + time.monotonic()
