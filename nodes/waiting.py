"""A wait for a job: its input, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from . import host
from .said import Said, said

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
        **host.ADVANCED,
        tooltip="Seconds to wait once the job runs. Ends the wait, not the job.",
    )


def line_of(progress: Progress, trouble: Said | None) -> Said:
    """What the wait knows: only what the gateway said is said of the job.

    Args:
        trouble: what keeps the polls back; None where nothing does.
    """
    if trouble is not None:
        return trouble._replace(more=(*trouble.more, said("goes_on")))
    seconds = f"{progress.elapsed:.0f}"
    expected = progress.expected or 0.0
    about = said("about", seconds=f"{expected:.0f}") if expected > progress.elapsed else None
    if not progress.is_told:
        return said("waiting", about, seconds=seconds)
    if progress.running is None:
        return said("queue", about, seconds=seconds)
    return said("composing", about, seconds=seconds)


def fraction_of(progress: Progress) -> float:
    """The estimated share of the wait that is over: linear to 0.9, then ever slower, below 1."""
    share = progress.elapsed / (progress.expected or _TYPICAL_SECONDS)
    return 0.9 * share if share <= 1 else 1 - 0.1 / share
