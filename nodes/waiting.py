"""A wait for a job: its input, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

if TYPE_CHECKING:
    from ..api.money.wait import Progress

TIMEOUT = 900.0
# Used until the ledger has run times. The gateway's documentation says 30 s to 5 min.
_TYPICAL_SECONDS = 60.0


def timeout_input() -> io.Float.Input:
    return io.Float.Input(
        "timeout",
        default=TIMEOUT,
        min=1.0,
        max=86400.0,
        step=1.0,
        # The canvas puts optional inputs last. All are optional, to keep their order.
        optional=True,
        tooltip="Seconds to wait once the job runs. Ends the wait, not the job.",
    )


def line_of(progress: Progress, closed_until: str) -> str:
    if closed_until:
        return f"the gateway takes no requests until {closed_until}; the job goes on"
    what = "in the queue" if progress.running is None else "composing"
    expected = progress.expected or 0.0
    about = f" of about {expected:.0f}" if expected > progress.elapsed else ""
    return f"{what}, {progress.elapsed:.0f}{about} s"


def fraction_of(progress: Progress) -> float:
    """The estimated share of the wait that is over: linear to 0.9, then ever slower, below 1."""
    share = progress.elapsed / (progress.expected or _TYPICAL_SECONDS)
    return 0.9 * share if share <= 1 else 1 - 0.1 / share
