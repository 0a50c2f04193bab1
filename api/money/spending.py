"""The spending limits of the user, and whether a purchase keeps to them.

The price line, a submit and a repeated submit all ask `quote`.

How much a track counts for the limits, whatever the gateway lists and reports:
    A track that was bought counts as the higher of two amounts: what was estimated before it was
    bought, and what the gateway reports. So a low report does not allow more purchases. A track
    whose price is not known counts as `unknown_price`, and few of them are bought in a day. A
    service that charges never charges 0: an amount of 0 is an unknown price. A failed or cancelled
    track counts as what the gateway reports for it, else as nothing. An estimate is never below
    what the model list and the built-in prices allow (`prices.expected_prices`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from ..base.errors import SpendLimitError
from ..base.plain_text import dollars
from ..wire.protocol import MOST_DOLLARS
from .job import DEAD, MUSIC, SANDBOX, State


class SpendingRules(NamedTuple):
    """The user's limits and permissions. Amounts are in US dollars.

    Attributes:
        per_run: for all tracks of one run of a graph.
        per_day: for all tracks of 24 hours.
        uncertain_limit: up to this price, a submit without an answer is repeated once.
        allow_unknown_price: whether a model without a known price may be used, for at most
            UNKNOWN_PER_DAY tracks in 24 hours.
        minimum_balance: the lowest balance that a purchase may leave; 0: no check.
        unknown_price: the dollars that a track of unknown price counts.
        accepts_ledger_loss: whether to buy although the ledger lost rows.
    """

    per_run: float
    per_day: float
    uncertain_limit: float = 0.0
    allow_unknown_price: bool = False
    minimum_balance: float = 0.0
    unknown_price: float = 1.0
    accepts_ledger_loss: bool = False


UNKNOWN_PER_DAY = 5
"""Tracks of unknown price that are bought in 24 hours."""


class Reason(str, Enum):
    """Why a purchase is refused."""

    UNKNOWN_PRICE = "unknown_price"
    UNKNOWN_PER_DAY = "unknown_per_day"
    PER_RUN = "per_run"
    PER_DAY = "per_day"
    MINIMUM_BALANCE = "minimum_balance"


class Refusal(NamedTuple):
    """Why a purchase is refused. For a limit: the limit, and the US dollars spent of it.

    For `minimum_balance`, `limit` is the lowest allowed balance, and `balance` the present one.
    """

    reason: Reason
    limit: float = 0.0
    spent: float = 0.0
    balance: float = 0.0


class Quote(NamedTuple):
    """The price of a purchase in US dollars; None if the price is not known.

    Attributes:
        each: the price of one track; of the dearest one, if prices differ.
        total: the price of all runs.
        refusal: why the rules refuse the purchase; None if they allow it.
        is_bought: every track exists already and is handed out again.
        tracks: how many tracks a run buys.
        is_at_most: the real prices may be lower, as far as is known.
        counted: the dollars that a run counts for the limits.
        uncertain: the ledger's ids of the requests that may be bought already.
    """

    each: float | None
    total: float | None
    refusal: Refusal | None = None
    is_bought: bool = False
    tracks: int = 1
    is_at_most: bool = False
    counted: float = 0.0
    uncertain: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The total for people: `$0.024`, `at most $0.024`."""
        return f"at most {dollars(self.total)}" if self.is_at_most else dollars(self.total)

    def check(self, model: str, kind: str = MUSIC) -> None:
        """
        Args:
            kind: what is bought; see `Job.kind`.

        Raises:
            SpendLimitError: the purchase is refused.
        """
        if self.refusal is None:
            return
        reason, limit, spent, balance = self.refusal
        if reason is Reason.UNKNOWN_PRICE:
            raise SpendLimitError(
                f"The price of {model} is not known, so it counts as over your limit: choose "
                "another model, or set “Allow models with unknown prices” in Settings > AIgateway "
                "(allow_unknown_price). Nothing was sent.",
                setting="allow_unknown_price",
            )
        if reason is Reason.UNKNOWN_PER_DAY:
            raise SpendLimitError(
                f"The price of {model} is not known. Of such tracks, at most {UNKNOWN_PER_DAY} are "
                f"bought in 24 hours, and {spent:g} were: choose another model, or wait. Nothing "
                "was sent."
            )
        what = self._what(model, "track" if kind == MUSIC else "answer")
        if reason is Reason.MINIMUM_BALANCE:
            raise SpendLimitError(
                f"{what}, and the account has {dollars(balance)} "
                f"left. That would bring it below your floor of {dollars(limit)}: top up, or lower "
                "it in Settings > AIgateway (minimum_balance). Nothing was sent.",
                setting="minimum_balance",
            )
        of, name, setting = {
            Reason.PER_RUN: ("this run", "Limit per run", "spend_limit_per_run"),
            Reason.PER_DAY: ("the last 24 hours", "Limit per 24 hours", "spend_limit_per_day"),
        }[reason]
        raise SpendLimitError(
            f"{what}. With {dollars(spent)} of {of}, that is "
            f"over your limit of {dollars(limit)}: raise “{name}” in Settings > AIgateway "
            f"({setting}) if you want that. Nothing was sent.",
            setting=setting,
        )

    def _what(self, model: str, thing: str) -> str:
        """The beginning of a sentence: the price of the tracks, or the amount that they count."""
        these = f"This {thing}" if self.tracks == 1 else f"These {self.tracks} {thing}s"
        if self.total is not None:
            return f"{these} {'costs' if self.tracks == 1 else 'cost'} about {dollars(self.total)}"
        counts = "counts" if self.tracks == 1 else "count"
        why = f"the price of {model} is not known"
        return f"{these} {counts} as {dollars(self.counted)}, because {why}"


FREE = Quote(0.0, 0.0)
"""The quote of a service that charges nothing."""


def quote(
    prices: Sequence[float | None],
    rules: SpendingRules,
    *,
    spent_run: float,
    spent_day: float,
    runs: int = 1,
    balance: float | None = None,
    unknown_day: int = 0,
) -> Quote:
    """The price of the tracks of each of `runs` runs, and whether the rules refuse them.

    Args:
        prices: the expected price of each track; None, or 0, if it is not known.
        spent_run: dollars that the earlier tracks of the run count.
        spent_day: dollars that the tracks of the last 24 hours count.
        balance: dollars that the account has left for them; None if the amount is not known.
        unknown_day: tracks of unknown price of the last 24 hours.
    """
    count = len(prices)
    known = [price for price in prices if price is not None and price > 0]
    unknown = count - len(known)
    is_known = not unknown
    if not is_known and not rules.allow_unknown_price:
        return Quote(None, None, Refusal(Reason.UNKNOWN_PRICE), tracks=count)
    run = sum(known) + unknown * rules.unknown_price
    each = max(known, default=0.0) if is_known else None
    made = Quote(each, run * runs if is_known else None, tracks=count, counted=run)
    if unknown and unknown_day + unknown * runs > UNKNOWN_PER_DAY:
        refusal = Refusal(Reason.UNKNOWN_PER_DAY, UNKNOWN_PER_DAY, unknown_day)
        return made._replace(refusal=refusal)
    if run and exceeds(spent_run + run, rules.per_run):
        return made._replace(refusal=Refusal(Reason.PER_RUN, rules.per_run, spent_run))
    if run and exceeds(spent_day + run * runs, rules.per_day):
        return made._replace(refusal=Refusal(Reason.PER_DAY, rules.per_day, spent_day))
    floor = rules.minimum_balance
    if run and floor and balance is not None and exceeds(floor, balance - run * runs):
        refusal = Refusal(Reason.MINIMUM_BALANCE, floor, balance=max(balance, 0.0))
        return made._replace(refusal=refusal)
    return made


def exceeds(amount: float, limit: float) -> bool:
    """Whether US dollars are over a limit; half a millionth absorbs the rounding of sums."""
    return amount > limit + 5e-7


# SQL for both databases: what the rows of the ledger count

_FINAL = ", ".join(f"'{state.value}'" for state in State if state.is_final)
# Dollars as `dollars_of` would read them: a damaged row may have any value, and SQLite sorts
# text above numbers.
_DOLLARS = (
    f"(CASE WHEN {{0}} > {MOST_DOLLARS} THEN {MOST_DOLLARS} WHEN {{0}} > 0 THEN {{0}} ELSE 0 END)"
)
_PRICE, _CHARGED = _DOLLARS.format("price"), _DOLLARS.format("charged")
# Between 0 and 100: a damaged value must not lower a sum.
_REPEATS = "(CASE WHEN repeats > 100 THEN 100 WHEN repeats > 0 THEN repeats ELSE 0 END)"
# Dollars that were, or may have been, charged. A repeated submit may have been charged too.
SPENT = f"""
    SELECT coalesce(sum(
        CASE WHEN state IN ({DEAD}) THEN {_CHARGED}
        ELSE (CASE WHEN charged IS NULL THEN {_PRICE} ELSE {_CHARGED} END) + {_REPEATS} * {_PRICE}
        END
    ), 0)
    FROM jobs WHERE {{0}}
"""
# Whether the price of a row is unknown. A service that charges never charges 0.
_IS_UNKNOWN = f"coalesce(price, 0) <= 0 AND model != '' AND service != '{SANDBOX}'"
_ESTIMATE = f"(CASE WHEN {_IS_UNKNOWN} THEN ? ELSE {_PRICE} END)"
# Dollars that count for the limits: the higher of charge and estimate; for a dead job the charge.
COUNTED = f"""
    SELECT coalesce(sum(
        CASE WHEN is_dead = 1 OR cost > estimate THEN cost ELSE estimate END
        + CASE WHEN is_dead = 1 THEN 0 ELSE times * estimate END
    ), 0)
    FROM (
        SELECT {_CHARGED} AS cost, {_REPEATS} AS times,
            CASE WHEN state IN ({DEAD}) THEN 1 ELSE 0 END AS is_dead,
            {_ESTIMATE} AS estimate
        FROM jobs WHERE {{0}}
    ) AS bought
"""
# How many tracks of unknown price were bought.
COUNT_UNKNOWN = f"""
    SELECT count(*) FROM jobs WHERE {_IS_UNKNOWN} AND state NOT IN ({DEAD}) AND {{0}}
"""
# Expected dollars of jobs under way.
PENDING = f"""
    SELECT coalesce(sum({_ESTIMATE}), 0) FROM jobs
    WHERE service = ? AND created >= ? AND state NOT IN ({_FINAL})
"""
# Seconds and dollars of the last completed jobs of a model whose charge is plausible.
CHARGES = """
    SELECT duration, charged FROM jobs
    WHERE service = ? AND model = ? AND state = ?
    AND charged >= ? * duration AND charged <= ? AND duration > 0 AND duration < ?
    ORDER BY finished DESC LIMIT ?
"""
# Seconds and dollars of the last track of a model: its charge, else its expected price.
LAST_COST = f"""
    SELECT duration, CASE WHEN charged > 0 THEN {_CHARGED} ELSE {_PRICE} END FROM jobs
    WHERE service = ? AND model = ? AND duration > 0 AND duration < ?
    AND (charged > 0 OR (price > 0 AND state NOT IN ({DEAD})))
    ORDER BY created DESC LIMIT 1
"""
