"""The status lines of a node that buys a track or waits for a job."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import host
from .host import StatusText, as_is, status_text

if TYPE_CHECKING:
    from ..api.account import Account
    from ..api.base.request import MusicRequest
    from ..api.money.job import Job
    from ..api.money.wait import Progress

# Used until the ledger has run times. The gateway's documentation says 30 s to 5 min.
_TYPICAL_SECONDS = 60.0


def show_submit(account: Account, display: host.Display, request: MusicRequest) -> None:
    """Show the reason for a submit's wait, the time of its end, and the number of repeats."""
    line = status_text("looking_up") if account.is_looking_up else retry_line(account, request)
    if line is not None:
        display.show(line)


def retry_line(account: Account, about: MusicRequest | Job | str) -> StatusText | None:
    """The reason why a request or a poll is not sent yet; None if it need not wait."""
    retry = account.retry_of(about)
    if retry is not None:
        error, times, until = retry
        again = status_text("retry", times=times, until=until)
        return StatusText(f"error_{error}", more=(again,))
    if account.closed_until:
        return status_text("closed", until=account.closed_until)
    if account.held_until:
        return status_text("held", until=account.held_until)
    return None


def wait_line(progress: Progress, trouble: StatusText | None) -> StatusText:
    """The progress of a job, only from the gateway's reports.

    Args:
        trouble: the reason why polls must wait; None if they need not wait.
    """
    if trouble is not None:
        return trouble._replace(more=(*trouble.more, status_text("goes_on")))
    seconds = f"{progress.elapsed:.0f}"
    expected = progress.expected or 0.0
    is_early = expected > progress.elapsed
    about = status_text("about", seconds=f"{expected:.0f}") if is_early else None
    if not progress.is_reported:
        return status_text("waiting", about, seconds=seconds)
    if progress.running is None:
        return status_text("queue", about, seconds=seconds)
    return status_text("composing", about, seconds=seconds)


def wait_fraction(progress: Progress) -> float:
    """The estimated progress of the wait: linear to 0.9, then ever slower, below 1."""
    share = progress.elapsed / (progress.expected or _TYPICAL_SECONDS)
    return 0.9 * share if share <= 1 else 1 - 0.1 / share


def outcome(
    account: Account, key: str, notes: Iterable[str | StatusText], **values: object
) -> StatusText:
    """The status line `status_<key>` at the end, and notes on it.

    A sandbox makes sketches, not tracks: the line says so. The price beside it says how to get real
    tracks.
    """
    sketch = status_text("sketch") if account.is_free else None
    more = (note if isinstance(note, StatusText) else as_is(note) for note in notes)
    return status_text(key, *more, sketch, **values)
