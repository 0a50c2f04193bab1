"""Every waiting time of the pack in one place, so that tests compress all of them together."""

from __future__ import annotations

import random
from typing import NamedTuple


class Timing(NamedTuple):
    """Times in seconds.

    The gateway's documented rules:
        poll_floor: a job may be polled once in this time.
        rate_window: requests are counted over a rolling window of this length.
        rate_limit: requests in a window on a free account; not a time.

    A request:
        connect_timeout, answer_timeout, answer_total: the limits for the connection, for each wait
            for bytes, and for the whole answer.
        backoff, backoff_max: the first wait between two attempts, doubled each time, and the
            longest one.
        longest_retry_after: the longest wait that a server may ask for. A request that cannot end
            in this time fails at once; the rate of a key asks again sooner.
        submit_patience: a submit that created nothing is repeated for this long.
        away_patience: a submit is repeated for this long while no connection to the gateway can be
            made. It was never sent, and a person can only act on an error.
        balance_patience: the longest wait for the balance, which only informs.
        lookup_wait: the first wait between two lookups of a submit without an answer, doubled each
            time.
        lookup_patience: such a submit is looked up for this long.
        blip_patience: a 429, and a poll that fails, are repeated for this long.

    A job:
        first_poll: the first poll of a job, if the ledger has no run times yet.
        first_poll_max: the longest wait for it; the documentation gives 30 s to 5 min a job.
        not_found_grace: the gateway may know a job this much later than its id.
        file_grace: a completed job may name its file up to this much later.
        queue_limit: the longest wait in the gateway's queue.
        progress_tick: the time between two progress reports of a wait.

    Jobs without a wait, which the collector polls:
        collect_floor, collect_max: the shortest time between two polls, and the longest of a job.

    A file:
        address_timeout: the next address of a server's name is tried after this time.
        silence_timeout: less than `download.LEAST_BYTES` in this time count as a dropped
            connection.
        file_total: the limit for a whole file, with all attempts.
        file_backoff, file_backoff_max: as `backoff`, between two attempts of a download.

    A ledger that machines share:
        ledger_timeout: the longest wait for one answer of the database.
        ledger_patience: a call is repeated for this long while the database is away.
        beat: each process tells the ledger this often that it lives.
        lease: a process that has written nothing for this long counts as dead.
        watch_lease: one process polls a job; if it is silent for this long, another one does.

    A bucket:
        bucket_connect_timeout: the limit for the connection.
        bucket_timeout: the limit for an answer; a large object has more time.
        bucket_pause, bucket_pause_max: a bucket that failed is not asked for this long. Tracks that
            were not sent wait for this time, doubled each time, up to the longest one.

    This machine:
        row_poll: a row that another process submits is read again after this time.
        busy_timeout: the longest wait for another process's write to the ledger.
        catalogue_age: the model catalogue is fetched again after this time.
        in_use: a stored track is not evicted for this long after its last use.
    """

    poll_floor: float = 3.0
    rate_window: float = 60.0
    rate_limit: int = 10
    connect_timeout: float = 15.0
    answer_timeout: float = 60.0
    answer_total: float = 120.0
    backoff: float = 1.0
    backoff_max: float = 30.0
    longest_retry_after: float = 120.0
    submit_patience: float = 120.0
    away_patience: float = 15.0
    balance_patience: float = 30.0
    lookup_wait: float = 10.0
    lookup_patience: float = 60.0
    blip_patience: float = 600.0
    first_poll: float = 12.0
    first_poll_max: float = 300.0
    not_found_grace: float = 30.0
    file_grace: float = 30.0
    queue_limit: float = 3600.0
    progress_tick: float = 0.25
    collect_floor: float = 10.0
    collect_max: float = 120.0
    address_timeout: float = 2.0
    silence_timeout: float = 30.0
    file_total: float = 3600.0
    file_backoff: float = 0.5
    file_backoff_max: float = 10.0
    ledger_timeout: float = 10.0
    ledger_patience: float = 5.0
    beat: float = 10.0
    lease: float = 90.0
    watch_lease: float = 30.0
    bucket_connect_timeout: float = 5.0
    bucket_timeout: float = 20.0
    bucket_pause: float = 30.0
    bucket_pause_max: float = 600.0
    row_poll: float = 0.3
    busy_timeout: float = 30.0
    catalogue_age: float = 24 * 3600.0
    in_use: float = 6 * 3600.0

    @property
    def longest_silence(self) -> float:
        """A submit leaves only within this time after this process wrote to the ledger.

        So its answer arrives, or is given up, before another process may think this one dead.
        """
        return self.lease - self.answer_timeout - self.beat

    def scaled(self, factor: float) -> Timing:
        """A copy in which all times that pace the client are multiplied by `factor`.

        Time-outs of real I/O and ages of files stay as they are.
        """
        return self._replace(**{name: getattr(self, name) * factor for name in _PACE})


def pause(attempt: int, first: float, longest: float) -> float:
    """Seconds between `attempt`, 1 for the first one, and the next: doubled each time.

    Up to half of it is cut at random, so that clients that failed together return at other times.

    >>> 4.0 <= pause(4, 1.0, 30.0) <= 8.0
    True
    """
    return random.uniform(0.5, 1.0) * min(first * 2 ** min(attempt - 1, 60), longest)  # noqa: S311


_PACE = (
    "poll_floor",
    "rate_window",
    "backoff",
    "backoff_max",
    "longest_retry_after",
    "submit_patience",
    "away_patience",
    "lookup_wait",
    "lookup_patience",
    "blip_patience",
    "first_poll",
    "first_poll_max",
    "not_found_grace",
    "file_grace",
    "queue_limit",
    "collect_floor",
    "collect_max",
    "file_backoff",
    "file_backoff_max",
    "bucket_pause",
    "bucket_pause_max",
    "row_poll",
)
