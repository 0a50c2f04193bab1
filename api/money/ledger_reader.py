"""Read the ledger: rows by their ids, a search, and sums of money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ..request import MusicRequest
from ..wire.protocol import MOST_DOLLARS
from .engines.engine import Engine
from .job import SANDBOX, Job, State, is_free
from .listing import Page, Show, Sort, page_of
from .rows import Rows
from .schema import DEAD
from .spending import FREE, Quote, SpendingRules, quote

DAY = 24 * 3600.0
KEPT = 7 * DAY
"""How long the gateway keeps jobs and their files, by its documentation."""
# Seconds by which clocks of processes and small corrections differ. A row dated later was written
# while the clock was ahead, and would count for ever.
_CLOCK_SLACK = 60.0

_OPEN = ", ".join(f"'{state.value}'" for state in State if state.is_open)
# Seconds; a year.
_LONGEST = 366 * DAY
# How often a submit was repeated, in SQL. A damaged row may have any value, and a text is above
# every number: none makes room in a limit.
_REPEATS = "(CASE WHEN repeats > 100 THEN 100 WHEN repeats > 0 THEN repeats ELSE 0 END)"

_ALL_BUT_TAKE = tuple(name for name in MusicRequest._fields if name != "take")


class LedgerReader:
    """The reading half of `Ledger`."""

    engine: Engine
    _rows: Rows

    def age(self, job: Job) -> float:
        """Seconds since the submit; 0 where the clock was ahead then, or is behind now."""
        return max(0.0, self.engine.now() - (job.submitted or job.created))

    def get(self, local_id: str) -> Job:
        """
        Raises:
            KeyError: no such row.
        """
        job = self._rows.one("local_id = ?", local_id)
        if job is None:
            raise KeyError(local_id)
        return job

    def living(self, service: str, request: MusicRequest) -> Job | None:
        """The row that is handed out when `request` is asked for again."""
        fingerprint = request.fingerprint(service)
        # At most one row has the fingerprint itself; it is the newer one.
        return self._rows.one(
            f"fingerprint = ? AND state NOT IN ({DEAD})", fingerprint
        ) or self._rows.one(
            "local_id IN (SELECT local_id FROM aliases WHERE fingerprint = ?) "
            f"AND state NOT IN ({DEAD}) ORDER BY created",
            fingerprint,
        )

    def by_job_id(self, service: str, job_id: str) -> Job | None:
        return self._rows.one("service = ? AND job_id = ?", service, job_id)

    def by_url(self, url: str) -> Job | None:
        """The job whose track had the address `url` at any time."""
        found = self._rows.execute("SELECT local_id FROM urls WHERE url = ?", url)
        return self.get(found[0][0]) if found else None

    def by_file(self, path: Path) -> Job | None:
        """The job whose stored track is `path`."""
        return self._rows.one("file = ?", f"{path.parent.name}/{path.name}")

    def unsent(self) -> list[Job]:
        """The rows whose track the bucket does not have yet."""
        return self._rows.many("kept = 0 AND file IS NOT NULL ORDER BY created")

    def takes_with_one_file(self, service: str, request: MusicRequest) -> list[int]:
        """The takes of a request whose files are the same to the byte; empty where none are.

        A stored file is named by its SHA-256.
        """
        same = " AND ".join(f"{name} = ?" for name in _ALL_BUT_TAKE)
        values = [getattr(request, name) for name in _ALL_BUT_TAKE]
        rows = self._rows.execute(
            f"SELECT file, take FROM jobs WHERE service = ? AND file IS NOT NULL AND {same}",
            service,
            *values,
        )
        takes: dict[str, set[int]] = defaultdict(set)
        for file, take in rows:
            takes[file].add(take)
        return sorted({take for of_file in takes.values() if len(of_file) > 1 for take in of_file})

    def dead_attempts(self, fingerprint: str) -> int:
        """How many rows of a request are dead."""
        return self._rows.value(
            f"SELECT count(*) FROM jobs WHERE fingerprint = ? AND state IN ({DEAD})", fingerprint
        )

    def page(
        self,
        search: str = "",
        *,
        show: str = Show.ALL.value,
        sort: str = Sort.NEWEST.value,
        limit: int,
        offset: int = 0,
    ) -> Page:
        """Rows that hold all words of `search`, and how many there are in all.

        Prompt, lyrics, model and job id are searched, in any case of any alphabet.

        Args:
            show: which of the rows: a value of `Show`.
            sort: their order: a value of `Sort`.

        Raises:
            InputError: `show` or `sort` is no such value.
        """
        return page_of(self._rows, search, show, sort, limit, offset)

    def count_active(self) -> int:
        """How many requests have not ended, as far as the ledger knows."""
        return self._rows.value(f"SELECT count(*) FROM jobs WHERE state IN ({_OPEN})")

    def uncollected(self, service: str) -> list[Job]:
        """The jobs that may still bring a track, the oldest first.

        Those under way, and those that completed while the gateway keeps their files, without a
        file on this machine.
        """
        return self._rows.many(
            "service = ? AND job_id IS NOT NULL AND submitted IS NOT NULL "
            f"AND (state IN ({_OPEN}) OR (state = '{State.COMPLETED.value}' AND file IS NULL "
            "AND finished > ?)) ORDER BY created",
            service,
            self.engine.now() - KEPT,
        )

    def count_arrived(self) -> int:
        """How many tracks came while nobody waited for them, and were not seen since."""
        return self._rows.value("SELECT count(*) FROM jobs WHERE arrived IS NOT NULL")

    def spent(self, *, since: float = 0.0, run: str | None = None) -> float:
        """US dollars that were, or may have been, charged since a time until now, or in one run."""
        charged, price = _amount("charged"), _amount("price")
        return self._sum(
            f"CASE WHEN state IN ({DEAD}) THEN {charged} "
            f"ELSE CASE WHEN charged IS NULL THEN {price} ELSE {charged} END "
            f"+ {_REPEATS} * {price} END",
            *self._when(since, run),
        )

    def counted(self, unknown: float, *, since: float = 0.0, run: str | None = None) -> float:
        """US dollars that the tracks since a time, or of one run, count for the limits.

        The rule stands in `spending`. A job that was picked up by its id has no model: this
        machine did not buy it, so only what the gateway reports counts.

        Args:
            unknown: what a track of unknown price counts as.
        """
        charged, price = _amount("charged"), _amount("price")
        estimate = (
            f"CASE WHEN price IS NULL AND model != '' THEN {float(unknown)!r} ELSE {price} END"
        )
        return self._sum(
            f"CASE WHEN state IN ({DEAD}) OR {charged} > {estimate} THEN {charged} "
            f"ELSE {estimate} END + "
            f"CASE WHEN state IN ({DEAD}) THEN 0 ELSE {_REPEATS} * {estimate} END",
            *self._when(since, run),
        )

    def unknown_tracks(self, *, since: float) -> int:
        """How many tracks of unknown price were bought since a time."""
        where, values = self._when(since, None)
        return self._rows.value(
            f"SELECT count(*) FROM jobs WHERE {where} AND price IS NULL AND model != '' "
            f"AND service != '{SANDBOX}' AND state NOT IN ({DEAD})",
            *values,
        )

    def _when(self, since: float, run: str | None) -> tuple[str, list[object]]:
        """A condition for the rows since a time until now, or of one run, and its values."""
        if run is not None:
            return "run = ?", [run]
        return "created BETWEEN ? AND ?", [since, self.engine.now() + _CLOCK_SLACK]

    def _sum(self, expression: str, where: str, values: Sequence[object]) -> float:
        return float(
            self._rows.value(
                f"SELECT coalesce(sum({expression}), 0) FROM jobs WHERE {where}", *values
            )
        )

    def quote(
        self,
        service: str,
        prices: Sequence[float | None],
        rules: SpendingRules,
        *,
        run: str | None = None,
        runs: int = 1,
        balance: float | None = None,
    ) -> Quote:
        """See `spending.quote`; the rows say what was spent. `run` None: a run to come.

        Args:
            balance: what the gateway tells; jobs under way are taken off here.
        """
        if is_free(service):
            return FREE._replace(tracks=len(prices))
        return quote(
            prices,
            rules,
            spent_run=0.0 if run is None else self.counted(rules.unknown_price, run=run),
            spent_day=self.counted(rules.unknown_price, since=self.engine.now() - DAY),
            unknown_day=self.unknown_tracks(since=self.engine.now() - DAY),
            runs=runs,
            balance=None if balance is None else balance - self.pending(service),
        )

    def charges(self, service: str, model: str, limit: int = 5) -> list[tuple[float, float]]:
        """Of the last jobs of a model whose price the gateway told: seconds asked for, dollars."""
        rows = self._rows.execute(
            "SELECT duration, charged FROM jobs WHERE service = ? AND model = ? "
            f"AND state = '{State.COMPLETED.value}' "
            f"AND charged > 0 AND charged <= {MOST_DOLLARS!r} AND {_plausible('duration')} "
            "ORDER BY finished DESC LIMIT ?",
            service,
            model,
            limit,
        )
        return [(duration, charged) for duration, charged in rows]

    def pending(self, service: str) -> float:
        """US dollars of jobs that are under way: the account's balance may not show them yet."""
        ended = ", ".join(f"'{state.value}'" for state in State if state.is_final)
        return float(
            self._rows.value(
                f"SELECT coalesce(sum({_amount('price')}), 0) FROM jobs "
                "WHERE service = ? AND created >= ? "
                f"AND state NOT IN ({ended})",
                service,
                self.engine.now() - DAY,
            )
        )

    def run_times(self, service: str, model: str, limit: int = 50) -> list[tuple[float, float]]:
        """Of the last completed jobs of a model: seconds of audio, seconds from submit to end."""
        rows = self._rows.execute(
            "SELECT duration, took FROM jobs WHERE service = ? AND model = ? "
            f"AND state = '{State.COMPLETED.value}' "
            f"AND {_plausible('duration')} AND {_plausible('took')} "
            "ORDER BY finished DESC LIMIT ?",
            service,
            model,
            limit,
        )
        return [(duration, took) for duration, took in rows]


def _plausible(column: str) -> str:
    """Whether a column of seconds has a length, in SQL: a text is above every number."""
    return f"{column} > 0 AND {column} < {_LONGEST!r}"


def _amount(column: str) -> str:
    """A column of dollars in SQL, as `dollars_of` would read it: an old row may have any."""
    low, high = f"{column} > 0", f"{column} > {MOST_DOLLARS!r}"
    return f"(CASE WHEN {high} THEN {MOST_DOLLARS!r} WHEN {low} THEN {column} ELSE 0 END)"
