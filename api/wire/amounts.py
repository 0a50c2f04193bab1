"""One reader for the amounts of money that the gateway writes. It refuses absurd ones."""

from __future__ import annotations

import math
import re

MOST_DOLLARS = 10_000.0
"""No amount of one track or one balance is higher; a higher one counts as not known."""

_PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)


def dollars_of(value: object, *, per_dollar: float = 1.0) -> float | None:
    """US dollars from a number or a plain decimal text; None where it is not an amount.

    Negative, infinite, NaN, absurdly high, true, `1_000`, `1e3` and digits of other scripts are no
    amounts.

    Args:
        per_dollar: how many units make a dollar: 100 for cents.
    """
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        amount = float(value) / per_dollar
    except OverflowError:
        return None
    return amount if math.isfinite(amount) and 0 <= amount <= MOST_DOLLARS else None
